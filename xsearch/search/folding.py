"""Near-duplicates among the hits: the same text in several versions should take one place, not ten."""

from collections.abc import Sequence
from dataclasses import dataclass

from xsearch.collection import Hit

ALIKE = 0.8
"""Two texts are near-duplicates if they share this much (Jaccard) of their shingles."""

_SHINGLE = 3


@dataclass(frozen=True)
class Fold:
    """A hit and the lower-ranked hits whose texts are nearly its own."""

    hit: Hit
    duplicates: tuple[Hit, ...]


def fold(hits: Sequence[Hit], alike: float = ALIKE) -> list[Fold]:
    """The hits in order, each near-duplicate under the best-ranked hit that it resembles.

    Texts are compared by their runs of three words (of three characters where a text has few spaces, as in
    Chinese), so reordered sentences and small edits still count as the same.
    """
    kept: list[tuple[Hit, frozenset[str], list[Hit]]] = []
    for hit in hits:
        own = shingles(hit.text)
        for _, other, duplicates in kept:
            if similarity(own, other) >= alike:
                duplicates.append(hit)
                break
        else:
            kept.append((hit, own, []))
    return [Fold(hit, tuple(duplicates)) for hit, _, duplicates in kept]


def shingles(text: str) -> frozenset[str]:
    """The runs of three units of a text, whole if it is shorter; letter case and white space do not count."""
    words = text.casefold().split()
    units: Sequence[str] = words if len(words) * 12 > len(text) else "".join(words)
    runs = (units[start : start + _SHINGLE] for start in range(max(1, len(units) - _SHINGLE + 1)))
    return frozenset(" ".join(run) for run in runs)


def similarity(one: frozenset[str], other: frozenset[str]) -> float:
    """The share of shingles that two texts have in common, 0 to 1."""
    both = len(one & other)
    return both / max(len(one) + len(other) - both, 1)
