"""Cross-lingual semantic search.

The public names load on first use, so that ``import xsearch`` costs nothing and pulls in no runtime::

    encoder = xsearch.Encoder("fi")
    collection = xsearch.Collection.open("indexes/news")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xsearch.collection import Collection, Hit
    from xsearch.corpus import Corpus
    from xsearch.encoder import Encoder, available_modules
    from xsearch.errors import XsearchError
    from xsearch.qa import score_options
    from xsearch.search import SearchResult

__version__ = "0.1.0"

__all__ = [
    "Collection",
    "Corpus",
    "Encoder",
    "Hit",
    "SearchResult",
    "XsearchError",
    "available_modules",
    "score_options",
]

_HOMES = {
    "Collection": "xsearch.collection",
    "Corpus": "xsearch.corpus",
    "Encoder": "xsearch.encoder",
    "Hit": "xsearch.collection",
    "SearchResult": "xsearch.search",
    "XsearchError": "xsearch.errors",
    "available_modules": "xsearch.encoder",
    "score_options": "xsearch.qa",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'xsearch' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
