"""Above single collections: indexing corpora, and one query over several collections."""

from xsearch.search.indexing import IndexingReport, Progress, index_corpus
from xsearch.search.result import SearchResult, Timings
from xsearch.search.several import search

__all__ = ["IndexingReport", "Progress", "SearchResult", "Timings", "index_corpus", "search"]
