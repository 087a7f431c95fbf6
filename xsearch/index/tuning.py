"""Search-time parameters by measurement: the cheapest setting that finds what exact search finds."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from xsearch.index.approximate import set_parameters
from xsearch.index.kinds import inner_kind
from xsearch.index.signed_bytes import queries_as_bytes, takes_bytes

Step = TypeVar("Step")

K = 10
_KEPT = K + 1
_SAME = 1e-6
DEEPEST = 64
"""The largest multiple of k that is ever re-ranked."""

PARAMETERS = ("nprobe", "quantizer_efSearch", "efSearch")
"""FAISS' names of the search-time parameters that are tuned."""

_SHALLOW = 2
_BROADEST = 1024
_SAFETY = 0.005
"""Aimed above the recall wanted, because a few hundred probes measure it no better than that."""


@dataclass(frozen=True)
class Tuning:
    """Search-time parameters, the multiple of k candidates to re-rank, and the recall@10 that they reached."""

    parameters: dict[str, int]
    depth: float
    recall: float


class Neighbours:
    """Exact neighbours of (p, d) probes, gathered while the vectors stream by, and one more than K of each."""

    def __init__(self, probes: NDArray[np.float32]) -> None:
        self.probes = probes
        self._scores = np.full((len(probes), _KEPT), -np.inf, np.float32)
        self._positions = np.full((len(probes), _KEPT), -1, np.int64)
        self._seen = 0

    def look_at(self, block: NDArray[np.float32]) -> None:
        """Take the next (m, d) vectors into account; their positions count on from the last block."""
        scores = np.hstack([self._scores, self.probes @ block.T])
        fresh = np.arange(self._seen, self._seen + len(block))
        best = np.argpartition(scores, -_KEPT, axis=1)[:, -_KEPT:]
        self._scores = np.take_along_axis(scores, best, axis=1)
        old = np.take_along_axis(self._positions, np.minimum(best, _KEPT - 1), axis=1)
        self._positions = np.where(best < _KEPT, old, fresh[np.maximum(best - _KEPT, 0)])
        self._seen += len(block)

    def recall(self, found: NDArray[np.int64]) -> float:
        """The share of the true neighbours (ten, or all that were seen) among (p, n) candidate positions: the recall@10
        after re-ranking them.

        Where the next best is as near as the last of them, as among many copies of one text, any would have done;
        such probes say nothing about an index and are left out, unless all are such.
        """
        order = np.argsort(-self._scores, axis=1, kind="stable")
        scores = np.take_along_axis(self._scores, order, axis=1)
        k = max(min(K, self._seen), 1)
        true = np.take_along_axis(self._positions, order, axis=1)[:, :k]
        clear = np.flatnonzero(scores[:, k - 1] > scores[:, k] + _SAME)
        chosen = clear if len(clear) else np.arange(len(true))
        return sum(len(np.intersect1d(true[row], found[row])) for row in chosen) / max(k * len(chosen), 1)


def tune(index: Any, neighbours: Neighbours, wanted: float) -> Tuning:
    """Set the parameters of a FAISS index so that it reaches `wanted` recall@10 as cheaply as it can, or its best."""
    queries = queries_as_bytes(neighbours.probes) if takes_bytes(index) else neighbours.probes

    def measured(parameters: Mapping[str, int], depth: float) -> float:
        set_parameters(index, parameters)
        return neighbours.recall(index.search(queries, math.ceil(K * depth))[1])

    aim = min(wanted + _SAFETY, 1.0)
    deepest = DEEPEST if is_coarse(index) else _SHALLOW
    parameters = _first(_ladder(index), lambda step: measured(step, deepest) >= aim)
    depths = [depth for depth in (1.2, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64) if depth <= deepest]
    reachable = min(aim, measured(parameters, deepest))
    depth = _first(iter(depths), lambda step: measured(parameters, step) >= reachable)
    return Tuning(dict(parameters), depth, measured(parameters, depth))


def most_effort(rows: int) -> int:
    """The largest value that tuning can give a parameter of an index over `rows` vectors."""
    return max(_BROADEST, 2 * rows)


def is_coarse(index: Any) -> bool:
    """Whether codes are so short (below 8 bits a component) that many candidates must be re-ranked."""
    inner = inner_kind(index)
    codec = inner_kind(inner.storage) if hasattr(inner, "storage") else inner
    return bool(codec.sa_code_size() < index.d)


def _ladder(index: Any) -> Iterator[dict[str, int]]:
    inner = inner_kind(index)
    if hasattr(inner, "nprobe"):
        # a graph finds the lists where there are thousands of them; it must find all that are asked for
        graph = hasattr(inner_kind(inner.quantizer), "hnsw")
        for probes in _steps(1, int(inner.nlist)):
            yield {"nprobe": probes, **({"quantizer_efSearch": max(64, 2 * probes)} if graph else {})}
    elif hasattr(inner, "hnsw"):
        for breadth in _steps(16, _BROADEST):
            yield {"efSearch": breadth}
    else:
        yield {}


def _steps(first: int, last: int) -> Iterator[int]:
    """first, 1.5 first, 2 first, 3 first, 4 first, ... and last."""
    step = first
    while step < last:
        yield step
        if 3 * step // 2 > step and 3 * step // 2 < last:
            yield 3 * step // 2
        step *= 2
    yield last


def _first(steps: Iterator[Step], good: Callable[[Step], bool]) -> Step:
    for step in steps:
        if good(step):
            break
    return step
