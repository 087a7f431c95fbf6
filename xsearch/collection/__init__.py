"""Collections on disk: documents, metadata, vectors and their index, changed by atomic commits."""

from xsearch.collection.collection import Collection
from xsearch.collection.describe import Info
from xsearch.collection.hit import Hit
from xsearch.collection.manifest import IndexSettings, ModuleRecord
from xsearch.collection.verification import Verification
from xsearch.collection.writer import Writer

__all__ = ["Collection", "Hit", "IndexSettings", "Info", "ModuleRecord", "Verification", "Writer"]
