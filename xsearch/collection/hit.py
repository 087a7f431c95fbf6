"""One answer to a query."""

from dataclasses import dataclass
from typing import Any


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
