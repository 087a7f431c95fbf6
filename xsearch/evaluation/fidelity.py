"""How near two forms of one encoder are: the same texts, encoded by both."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEIGHBOURS = 10


class Fidelity(NamedTuple):
    """Mean and least cosine of a text's two vectors, and the mean share of its ten nearest neighbours in common."""

    cosine: float
    least: float
    overlap: float


def fidelity(vectors: NDArray[np.floating], reference: NDArray[np.floating]) -> Fidelity:
    """Of the vectors (n, d) of n > 1 texts with those of the reference, of whatever length and precision."""
    ours, theirs = (_normalised(side) for side in (vectors, reference))
    cosines = (ours * theirs).sum(axis=1)
    count = min(NEIGHBOURS, len(vectors) - 1)
    pairs = zip(_nearest(ours, count), _nearest(theirs, count), strict=True)
    common = [len(set(one) & set(other)) / count for one, other in pairs]
    return Fidelity(float(cosines.mean()), float(cosines.min()), float(np.mean(common)))


def _normalised(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    exact = vectors.astype(np.float64)
    normalised: NDArray[np.float64] = exact / np.linalg.norm(exact, axis=1, keepdims=True)
    return normalised


def _nearest(vectors: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """The nearest neighbours of every text among the others, (n, count)."""
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -2)
    return np.argsort(-scores, axis=1)[:, :count]
