"""Whether the indexes still find what they found when they were built.

Documents that come later get parts of their own, and deleted ones are masked, so an index is never stretched over data
that it was not made for. What can still go wrong is measured instead of argued about: a sample of the living
documents is asked for its neighbours, exactly and through the indexes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xsearch.collection.ranking import Ranked, rank, rank_exactly
from xsearch.collection.snapshot import Snapshot
from xsearch.collection.vectors import widen

_K = 10
_SEED = 7
_MUCH = 0.03
"""A hundred probes measure recall to within about 0.02, so a loss below this is no news."""


@dataclass(frozen=True)
class Recall:
    """recall@10 of a space now, over `probes` of the documents (each for the others), and as it was measured when
    the indexes were built (weighted by their documents; 1 where all search is exact).
    """

    space: str
    probes: int
    now: float
    built: float

    @property
    def has_dropped(self) -> bool:
        """Whether so much was lost that compacting is advised."""
        return self.now < self.built - _MUCH

    @property
    def advice(self) -> str | None:
        """What to do about it, if anything."""
        if not self.has_dropped:
            return None
        return (
            f"the {self.space} index finds {self.now:.3f} of the ten nearest now, it found {self.built:.3f} when it "
            "was built; compact to build it anew"
        )


def measure_recall(snapshot: Snapshot, space: str, probes: int = 100) -> Recall:
    """Compare the indexes with exact search, which looks at every document once for each probe."""
    chosen = _sample(snapshot, probes)
    queries = widen(snapshot.vectors(space, [snapshot.place(key) for key in chosen.tolist()]))
    found = rank(snapshot, space, queries, _K + 1)
    true = rank_exactly(snapshot, space, queries, _K + 1)
    shares = [_share(a, b) for a, b in zip(found, true, strict=True)]
    parts = snapshot.manifest.parts
    exact = snapshot.rows_from(snapshot.manifest.covered)
    weights = [(part.rows, part.indexes[space].recall_at_10) for part in parts] + [(exact, 1.0)]
    built = sum(rows * recall for rows, recall in weights) / max(sum(rows for rows, _ in weights), 1)
    return Recall(space, len(chosen), float(np.mean(shares)) if shares else 1.0, built)


def _share(found: Sequence[Ranked], true: Sequence[Ranked]) -> float:
    """How much of what exact search found is found. By scores: of copies of one text any will do."""
    others = len(true) - 1  # every probe finds itself, which says nothing
    near = sum(document.score >= true[-1].score for document in found) - 1
    return near / others if others else 1.0


def _sample(snapshot: Snapshot, probes: int) -> NDArray[np.int64]:
    """Ascending keys of some living documents."""
    living = [segment.keys[~snapshot.is_dead(segment.keys)] for segment in snapshot.segments]
    keys = np.concatenate([np.empty(0, np.int64), *living])
    return np.sort(np.random.default_rng(_SEED).choice(keys, min(probes, len(keys)), replace=False))
