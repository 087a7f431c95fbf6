"""Vectors with the structure of sentence vectors, any number of them, streamed to disk.

Uniform noise has no neighbours worth finding and flatters no index. Here every vector belongs to one of many topics of
very different sizes; around a topic's centre it varies along a few directions that related topics share, over a
spectrum that falls like that of MiniLM's vectors (half of the variance in about 30 of 384 directions), plus noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

_BLOCK = 16_384
FAMILIES = 64
_DIRECTIONS = 48


@dataclass(frozen=True)
class Dataset:
    """Files: `vectors` (n, d) float16, `queries` (m, d) float32 and `truth` (m, 10) int64, their exact neighbours."""

    folder: Path

    @property
    def vectors(self) -> np.memmap[Any, np.dtype[np.float16]]:
        return np.load(self.folder / "vectors.npy", mmap_mode="r")

    @property
    def rows(self) -> int:
        """How many vectors."""
        return len(self.vectors)

    @property
    def dimension(self) -> int:
        """Of each."""
        return int(self.vectors.shape[1])

    @property
    def queries(self) -> NDArray[np.float32]:
        return np.load(self.folder / "queries.npy")

    @property
    def truth(self) -> NDArray[np.int64]:
        return np.load(self.folder / "truth.npy")

    def recall(self, found: NDArray[np.int64]) -> float:
        """The share of the true ten neighbours among the (m, 10) rows found."""
        return recall(self.truth, found)


def recall(truth: NDArray[np.int64], found: NDArray[np.int64]) -> float:
    """The share of the true neighbours, (m, k) rows, among those found, (m, n)."""
    shares = [len(np.intersect1d(a, b)) / len(a) for a, b in zip(truth, found, strict=True)]
    return float(np.mean(shares))


def dataset(folder: Path, rows: int, queries: int = 1000, dimension: int = 384) -> Dataset:
    """Make the files, unless they are there already. Queries come from the same source and are not among the rows."""
    made = Dataset(folder)
    if (folder / "truth.npy").exists():
        return made
    folder.mkdir(parents=True, exist_ok=True)
    source = Source(dimension, topics=max(200, rows // 100))
    vectors = open_memmap(folder / "vectors.npy", "w+", np.float16, (rows, dimension))
    asked = source.draw(queries, np.random.default_rng(1))
    best = np.full((queries, 10), -np.inf, np.float32)
    truth = np.zeros((queries, 10), np.int64)
    rng = np.random.default_rng(0)
    for start in range(0, rows, _BLOCK):
        block = source.draw(min(_BLOCK, rows - start), rng).astype(np.float16)
        vectors[start : start + len(block)] = block
        scores = np.hstack([best, asked @ block.astype(np.float32).T])
        numbers = np.hstack(
            [truth, np.broadcast_to(np.arange(start, start + len(block)), (queries, len(block)))]
        )
        kept = np.argpartition(scores, -10, axis=1)[:, -10:]
        best, truth = np.take_along_axis(scores, kept, 1), np.take_along_axis(numbers, kept, 1)
    vectors.flush()
    np.save(folder / "queries.npy", asked)
    np.save(folder / "truth.npy", truth)
    return made


class Source:
    """What vectors are drawn from: topics of different `bounds` of probability and `centres`, and how they spread."""

    def __init__(self, dimension: int, topics: int) -> None:
        rng = np.random.default_rng(2)
        self.spectrum = (np.arange(1, dimension + 1) ** -0.6).astype(np.float32)
        self.turn = np.linalg.qr(rng.standard_normal((dimension, dimension)))[0].astype(np.float32)
        self.centres = rng.standard_normal((topics, dimension), dtype=np.float32) * self.spectrum
        spread = rng.standard_normal((FAMILIES, _DIRECTIONS, dimension), dtype=np.float32)
        self.spread = spread * self.spectrum / np.float32(_DIRECTIONS**0.5)
        sizes = np.arange(1, topics + 1) ** -0.8
        self.bounds = np.cumsum(sizes / sizes.sum())

    def draw(self, rows: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """(rows, d) unit vectors."""
        topic = np.minimum(np.searchsorted(self.bounds, rng.random(rows)), len(self.bounds) - 1)
        drawn = self.centres[topic]
        steps = rng.standard_normal((rows, _DIRECTIONS), dtype=np.float32)
        for family in range(FAMILIES):
            members = topic % FAMILIES == family
            drawn[members] += 1.2 * steps[members] @ self.spread[family]
        drawn += 0.25 * rng.standard_normal(drawn.shape, dtype=np.float32) * self.spectrum
        drawn = drawn @ self.turn
        return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
