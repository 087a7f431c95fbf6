"""Reading corpora: Parquet, JSONL and CSV files as batches of checked documents, in flat memory."""

from xsearch.corpus.columns import Columns
from xsearch.corpus.corpus import Corpus, DocumentBatch
from xsearch.corpus.screening import Problem
from xsearch.corpus.texts import read_queries

__all__ = ["Columns", "Corpus", "DocumentBatch", "Problem", "read_queries"]
