"""Joins translations of one scored set whose files lost different rows.

The dev files of STSb hold the same pairs in the same order in every language, but each lacks a few rows.
The gold scores, which are the same in all languages, tell which rows belong together.
"""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHORTEST_RUN = 8
"""Runs of equal scores shorter than this may agree by chance, and are left out."""


def align_by_gold(
    left: NDArray[np.float64], right: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The row numbers in `left` and in `right` (both of one length) that hold the same pair.

    Both files must keep the order of the original. At the ends of a run, a row was lost on one side; where
    it had the same score as its neighbour, either of the two may be the lost one, so the rows at the ends
    that share the end's score are left out. Files that are equal throughout are joined completely.
    """
    if len(left) == len(right) and np.array_equal(left, right):
        return np.arange(len(left)), np.arange(len(right))
    rows_left: list[int] = []
    rows_right: list[int] = []
    matcher = SequenceMatcher(None, left.tolist(), right.tolist(), autojunk=False)
    for start_left, start_right, size in matcher.get_matching_blocks():
        if size < SHORTEST_RUN:
            continue
        run = left[start_left : start_left + size]
        first, last = 0, size - 1
        if start_left > 0 or start_right > 0:
            while first < size and run[first] == run[0]:
                first += 1
        if start_left + size < len(left) or start_right + size < len(right):
            while last >= 0 and run[last] == run[-1]:
                last -= 1
        rows_left.extend(range(start_left + first, start_left + last + 1))
        rows_right.extend(range(start_right + first, start_right + last + 1))
    return np.array(rows_left, dtype=np.int64), np.array(rows_right, dtype=np.int64)
