"""From query vectors to ranked keys: candidates from the parts and from a scan of the rest, one order for all.

Whatever found a candidate, its score is computed here, from its stored vector: a cosine, the same one by every path.
Queries of a batch go through every step together.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xsearch.collection.snapshot import Place, Snapshot
from xsearch.collection.subset import Subset
from xsearch.collection.vectors import widen
from xsearch.index.exact import ExactIndex
from xsearch.index.selection import Selection

EXACT_SURVIVORS = 20_000
"""A filter that leaves at most this many documents (or 2 % of all) is answered exactly."""

_SLACK = 8
_TIE = 2e-6
_ROUNDING = 1e-4
"""So far may the norm of a vector in half precision be from 1."""

_NOTHING = np.float32(1e-12)
_AT_ONCE = 4096
"""So many candidates are scored at a time, which takes some megabytes."""


class Ranked(NamedTuple):
    """A document for a query: its cosine, its key and where it stands."""

    score: float
    key: int
    place: Place


def rank(
    snapshot: Snapshot, space: str, queries: NDArray[np.float32], k: int, among: Subset | None = None
) -> list[list[Ranked]]:
    """The k best living documents for each of the (m, d) unit queries, `among` some living ones if given: best first,
    equal scores by ascending key.

    Exactly min(k, documents that there are) come back.
    """
    count = snapshot.manifest.count
    exists = count if among is None else len(among.keys)
    wanted = min(k, exists)
    if among is not None and exists <= max(EXACT_SURVIVORS, count // 50):
        return rank_exactly(snapshot, space, queries, wanted, among)
    among = among or snapshot.living
    found: list[NDArray[np.int64]] = []
    answered = np.ones(len(queries), bool)
    for part in snapshot.parts if wanted else ():
        allowed = None if among is None else among.in_part(part)
        if allowed is None or allowed.count:
            keys = part.search(space, queries, wanted, allowed)
            # to find fewer than it holds is to have failed, whatever else may fill the hits
            held = part.record.rows if allowed is None else allowed.count
            answered &= np.count_nonzero(keys >= 0, axis=1) >= min(wanted, held)
            found.append(keys)
    if snapshot.last_key >= snapshot.covered:
        found.append(_scan(snapshot, space, queries, wanted, among, snapshot.covered))
    keys = (
        found[0]
        if len(found) == 1
        else np.concatenate([np.empty((len(queries), 0), np.int64), *found], axis=1)
    )
    rankings = order(snapshot, space, queries, keys, wanted)
    lacking = [
        which for which, ranking in enumerate(rankings) if len(ranking) < wanted or not answered[which]
    ]
    if lacking:
        exact = rank_exactly(snapshot, space, queries[lacking], wanted, among)
        for which, ranking in zip(lacking, exact, strict=True):
            rankings[which] = ranking
    return rankings


def rank_exactly(
    snapshot: Snapshot, space: str, queries: NDArray[np.float32], k: int, among: Subset | None = None
) -> list[list[Ranked]]:
    """Like `rank`, by looking at every document."""
    keys = _scan(snapshot, space, queries, k, among or snapshot.living, 0)
    return order(snapshot, space, queries, keys, k)


def order(
    snapshot: Snapshot, space: str, queries: NDArray[np.float32], keys: NDArray[np.int64], k: int
) -> list[list[Ranked]]:
    """The k best for each of the (m, d) queries among its candidates, a row of the (m, n) keys; -1 is none."""
    rankings: list[list[Ranked]] = []
    at_once = max(1, _AT_ONCE // max(keys.shape[1], 1))
    for start in range(0, len(queries), at_once):
        rankings += _order(
            snapshot, space, queries[start : start + at_once], keys[start : start + at_once], k
        )
    return rankings


def _order(
    snapshot: Snapshot, space: str, queries: NDArray[np.float32], keys: NDArray[np.int64], k: int
) -> list[list[Ranked]]:
    flat, width = keys.ravel().tolist(), keys.shape[1]
    places = [snapshot.place(key) for key in flat]
    vectors = snapshot.vectors(space, places).reshape(*keys.shape, snapshot.manifest.dimension)
    scores = cosines(vectors, queries[:, None]).ravel().tolist()
    # as tuples that sort by falling score and rising key
    found = [
        None if place is None else (-score, key, place)
        for score, key, place in zip(scores, flat, places, strict=True)
    ]
    return [
        [Ranked(-score, key, place) for score, key, place in sorted(filter(None, row))[:k]]
        for row in (found[start * width : (start + 1) * width] for start in range(len(queries)))
    ]


def cosines(vectors: NDArray[np.float16], queries: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cosines of (..., d) vectors with unit queries (..., d), which are broadcast. Equal vectors get equal scores
    wherever they stand, which a matrix product does not promise; a zero vector scores 0.
    """
    wide = widen(vectors)
    lengths: NDArray[np.float32] = np.sqrt(np.vecdot(wide, wide))
    scores: NDArray[np.float32] = np.vecdot(wide, queries) / np.maximum(lengths, _NOTHING)
    return np.minimum(np.maximum(scores, -1, out=scores), 1, out=scores)


def _scan(
    snapshot: Snapshot,
    space: str,
    queries: NDArray[np.float32],
    k: int,
    among: Subset | None,
    first_key: int,
) -> NDArray[np.int64]:
    """(m, n) keys, -1 for none, among which are the k best documents with keys from `first_key` on for each query."""
    found: list[tuple[NDArray[np.float32], NDArray[np.int64]]] = []
    for segment in snapshot.segments if k else ():
        first_row = int(np.searchsorted(segment.keys, first_key))
        if first_row == segment.record.rows:
            continue
        selection = None if among is None else among.in_segment(segment, first_row)
        if selection is not None and not selection.count:
            continue
        scores, rows = _scan_rows(segment.exact(space, first_row), queries, k, selection)
        found.append((scores, np.where(rows >= 0, segment.keys[first_row + rows], -1)))
    return _best_of(found, k) if found else np.empty((len(queries), 0), np.int64)


def _scan_rows(
    index: ExactIndex, queries: NDArray[np.float32], k: int, selection: Selection | None
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Scores and rows, both (m, n), of the k best of each query and everything that ties with the last of them."""
    n = k + _SLACK
    while True:
        scores, rows = index.search(queries, n, selection)
        full = n < len(index) and bool(np.any((rows[:, -1] >= 0) & (scores[:, k - 1] - scores[:, -1] < _TIE)))
        if not full:
            return scores, rows
        n *= 4


def _best_of(found: Sequence[tuple[NDArray[np.float32], NDArray[np.int64]]], k: int) -> NDArray[np.int64]:
    """Of what several segments gave, all that may be among the k best once scores are true cosines."""
    if len(found) == 1:
        return found[0][1]
    scores = np.concatenate([scores for scores, _ in found], axis=1)
    keys = np.concatenate([keys for _, keys in found], axis=1)
    best = np.argsort(-scores, axis=1)
    last = min(k, keys.shape[1]) - 1
    lowest = np.take_along_axis(scores, best[:, last, None], axis=1) - _ROUNDING
    width = int(np.count_nonzero(scores >= lowest, axis=1).max(initial=0))
    return np.take_along_axis(keys, best[:, :width], axis=1)
