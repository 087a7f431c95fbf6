"""From query vectors to ranked keys: candidates from the parts, exact search of the rest, one order for all.

Whatever found a candidate, its score is computed here, from its stored vector: a cosine, the same one by
every path.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xsearch.collection.segment import Segment
from xsearch.collection.snapshot import Snapshot
from xsearch.index.exact import ExactIndex

EXACT_SURVIVORS = 20_000
"""A filter that leaves at most this many documents (or 2 % of all) is answered exactly."""

_SLACK = 8
_TIE = 2e-6
_NOTHING = np.float32(1e-12)


@dataclass(frozen=True)
class Ranking:
    """The best documents for one query: keys and their cosines, best first; equal scores by ascending key."""

    keys: NDArray[np.int64]
    scores: NDArray[np.float32]


def rank(
    snapshot: Snapshot,
    space: str,
    queries: NDArray[np.float32],
    k: int,
    allowed: NDArray[np.int64] | None = None,
) -> list[Ranking]:
    """The k best living documents for each of the (m, d) unit queries, among the ascending keys `allowed` if given.

    Exactly min(k, documents that are allowed) come back.
    """
    exists = snapshot.manifest.count if allowed is None else len(allowed)
    wanted = min(k, exists)
    if wanted == 0:
        return [Ranking(np.empty(0, np.int64), np.empty(0, np.float32)) for _ in queries]
    limit = max(EXACT_SURVIVORS, snapshot.manifest.count // 50)
    if allowed is not None and len(allowed) <= limit:
        return rank_exactly(snapshot, space, queries, wanted, allowed)
    found = [
        _from_part(snapshot, index, space, queries, wanted, allowed) for index in range(len(snapshot.parts))
    ]
    rest = rank_exactly(snapshot, space, queries, wanted, allowed, snapshot.manifest.covered)
    rankings = []
    for which, query in enumerate(queries):
        keys = np.concatenate([candidates[which] for candidates in found]) if found else np.empty(0, np.int64)
        ranking = _best(rescore(snapshot, space, query, keys[keys >= 0]), rest[which], wanted)
        if len(ranking.keys) < wanted:
            ranking = rank_exactly(snapshot, space, query[None], wanted, allowed)[0]
        rankings.append(ranking)
    return rankings


def rescore(snapshot: Snapshot, space: str, query: NDArray[np.float32], keys: NDArray[np.int64]) -> Ranking:
    """The living ones among distinct `keys` with their true cosines, in any order."""
    if len(snapshot.dead):
        keys = keys[~snapshot.is_dead(keys)]
    scores = np.empty(len(keys), np.float32)
    held = np.zeros(len(keys), bool)
    for segment, rows, positions in snapshot.locate(keys):
        scores[positions] = cosines(segment.vectors[space][rows], query)
        held[positions] = True
    return Ranking(keys[held], scores[held])


def cosines(vectors: NDArray[np.float16], query: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cosine of each (n, d) row with the unit `query` (d,). Equal rows get equal scores wherever they stand,
    which a matrix product does not promise; a zero row scores 0.
    """
    rows = vectors.astype(np.float32)
    lengths: NDArray[np.float32] = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    scores: NDArray[np.float32] = np.einsum("ij,j->i", rows, query) / np.maximum(lengths, _NOTHING)
    return np.minimum(np.maximum(scores, -1, out=scores), 1, out=scores)


def _from_part(
    snapshot: Snapshot,
    index: int,
    space: str,
    queries: NDArray[np.float32],
    k: int,
    allowed: NDArray[np.int64] | None,
) -> NDArray[np.int64]:
    part = snapshot.parts[index]
    if allowed is not None:
        mask = part.mask(allowed)
    elif snapshot.dead_in(part):
        mask = ~part.mask(snapshot.dead)
    else:
        mask = None
    return part.search(space, queries, k, mask)


def rank_exactly(
    snapshot: Snapshot,
    space: str,
    queries: NDArray[np.float32],
    k: int,
    allowed: NDArray[np.int64] | None = None,
    first_key: int = 0,
) -> list[Ranking]:
    """Like `rank`, over the documents with keys from `first_key` on, by looking at every one of them."""
    nothing = Ranking(np.empty(0, np.int64), np.empty(0, np.float32))
    rankings = [nothing] * len(queries)
    for segment in snapshot.segments:
        if segment.record.last_key < first_key:
            continue
        start = int(np.searchsorted(segment.keys, first_key))
        mask = _row_mask(snapshot, segment, start, allowed)
        if mask is not None and not mask.any():
            continue
        vectors = segment.vectors[space][start:]
        for which, rows in enumerate(_best_rows(vectors, queries, k, mask)):
            keys = segment.keys[start + rows]
            ranking = Ranking(keys, cosines(vectors[rows], queries[which]))
            rankings[which] = _best(rankings[which], ranking, k)
    return rankings


def _row_mask(
    snapshot: Snapshot, segment: Segment, start: int, allowed: NDArray[np.int64] | None
) -> NDArray[np.bool_] | None:
    if allowed is not None:
        mask = np.zeros(segment.record.rows, bool)
        rows = segment.rows_of(allowed)
        mask[rows[rows >= 0]] = True
        return mask[start:]
    rows = segment.rows_of(snapshot.dead)
    rows = rows[rows >= 0]
    if not len(rows):
        return None
    mask = np.ones(segment.record.rows, bool)
    mask[rows] = False
    return mask[start:]


def _best_rows(
    vectors: NDArray[np.float16], queries: NDArray[np.float32], k: int, mask: NDArray[np.bool_] | None
) -> list[NDArray[np.int64]]:
    """Rows holding the k best of each query and everything that ties with the last of them."""
    index = ExactIndex(vectors)
    n = k + _SLACK
    while True:
        scores, rows = index.search(queries, n, mask)
        full = n < len(vectors) and bool(
            np.any((rows[:, -1] >= 0) & (scores[:, k - 1] - scores[:, -1] < _TIE))
        )
        if not full:
            return [row[row >= 0] for row in rows]
        n *= 4


def _best(one: Ranking, other: Ranking, k: int) -> Ranking:
    keys = np.concatenate([one.keys, other.keys])
    scores = np.concatenate([one.scores, other.scores])
    order = np.lexsort((keys, -scores))[:k]
    return Ranking(keys[order], scores[order])
