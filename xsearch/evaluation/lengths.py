"""Breaks a score down by the length of its texts, in characters."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from xsearch.evaluation.results import Items, LengthScore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

EDGES = (50, 100, 200, 400)
"""Where one range ends and the next begins."""

FEWEST_ITEMS = 20
"""A range with fewer items is left out: its figure would say nothing."""


def by_length(items: Items, metric: Callable[[Items], float]) -> list[LengthScore]:
    """The metric on the items of each range of lengths that has enough of them, short ones first."""
    ranges = np.digitize(items.lengths, EDGES)
    scores = []
    for number, label in enumerate(_labels()):
        rows: NDArray[np.bool_] = ranges == number
        count = int(rows.sum())
        if count < FEWEST_ITEMS:
            continue
        part = Items(
            items.values[rows], items.lengths[rows], None if items.gold is None else items.gold[rows]
        )
        if part.gold is not None and (np.ptp(part.gold) == 0 or np.ptp(part.values) == 0):
            continue
        scores.append(LengthScore(label, count, metric(part)))
    return scores


def _labels() -> list[str]:
    between = [f"{low}-{high - 1}" for low, high in pairwise(EDGES)]
    return [f"under {EDGES[0]}", *between, f"{EDGES[-1]} and more"]


def characters(*sides: Sequence[str]) -> NDArray[np.int64]:
    """The length of each item: of its longest side."""
    longest: NDArray[np.int64] = np.max([[len(text) for text in side] for side in sides], axis=0)
    return longest
