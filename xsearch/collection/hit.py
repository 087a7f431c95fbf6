"""What comes back from a query, and how much of it may be asked for."""

from dataclasses import dataclass
from operator import index
from typing import Any, SupportsIndex

from xsearch.errors import QueryError

MOST_HITS = 10_000


@dataclass(slots=True)  # not frozen, which takes four times as long to make, ten times a query
class Hit:
    """A document that answers a query.

    `rank` starts at 1; `score` is the cosine of query and document, in [-1, 1]; `metadata` holds the
    document's other columns with the types that they had in the corpus (dates are dates, decimals are
    decimals).
    """

    rank: int
    score: float
    id: str
    text: str
    lang: str
    collection: str
    metadata: dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """Hits for each query of a batch, and the seconds that ranking (filter included) and fetching them took."""

    hits: list[list[Hit]]
    search_seconds: float
    fetch_seconds: float


def checked_k(k: SupportsIndex) -> int:
    """How many hits are wanted, as an int, numpy's integers too. Raises QueryError unless it is from 1 to MOST_HITS."""
    try:
        count = index(k)
    except TypeError:
        raise QueryError(f"k is {k!r}; it should be an integer from 1 to {MOST_HITS}") from None
    if not 1 <= count <= MOST_HITS:
        raise QueryError(f"k is {count}; ask for 1 to {MOST_HITS} hits")
    return count
