"""Two answers to one query side by side: what they share, and how ranks differ."""

from dataclasses import dataclass

from xsearch.search.result import SearchResult


@dataclass(frozen=True)
class Comparison:
    """`shared` documents stand in both lists of hits, of `length` each at most. `moves` says for the (collection, id)
    of each hit of the second list how many ranks higher (positive) or lower it stands than in the first, None if it
    is not there. `overlap` is the share in common, 0 to 1.
    """

    shared: int
    length: int
    moves: dict[tuple[str, str], int | None]

    @property
    def overlap(self) -> float:
        """The share of hits that both lists have."""
        return self.shared / self.length if self.length else 1.0


def compare(one: SearchResult, other: SearchResult) -> Comparison:
    """How the hits of `other` differ from those of `one`."""
    ranks = {(hit.collection, hit.id): hit.rank for hit in one.hits}
    moves: dict[tuple[str, str], int | None] = {}
    for hit in other.hits:
        key = (hit.collection, hit.id)
        moves[key] = ranks[key] - hit.rank if key in ranks else None
    shared = sum(move is not None for move in moves.values())
    return Comparison(shared, max(len(one.hits), len(other.hits)), moves)
