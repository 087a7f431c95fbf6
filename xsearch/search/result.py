"""What a query gives."""

from dataclasses import dataclass

from xsearch.collection import Hit


@dataclass(frozen=True)
class Timings:
    """Seconds spent on one query: encoding it, ranking documents (filter included), fetching the hits.

    Queries of a batch are worked on together; each is given an equal share.
    """

    encode: float
    search: float
    fetch: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.encode + self.search + self.fetch


@dataclass(frozen=True)
class SearchResult:
    """The hits for one query, best first, the space that they were found in, and how long it took."""

    query: str
    lang: str
    space: str
    hits: tuple[Hit, ...]
    timings: Timings
