"""Where evaluation sets are found in a folder, and how each published layout is read."""

from xsearch.evaluation.layouts.bitext import LONG_PAIRS, find_bitext
from xsearch.evaluation.layouts.choices import find_questions
from xsearch.evaluation.layouts.pairs import find_relatedness, find_similarity
from xsearch.evaluation.layouts.retrieval import RetrievalLanguages, find_retrieval

__all__ = [
    "LONG_PAIRS",
    "RetrievalLanguages",
    "find_bitext",
    "find_questions",
    "find_relatedness",
    "find_retrieval",
    "find_similarity",
]
