"""Joining translations of one set whose files lost rows."""

import numpy as np
import pytest

from xsearch.evaluation.alignment import align_by_gold


def test_files_with_the_same_scores_are_joined_row_by_row():
    gold = np.array([5.0, 5.0, 1.0])
    left, right = align_by_gold(gold, gold)
    assert left.tolist() == right.tolist() == [0, 1, 2]


def test_files_of_different_sets_are_not_joined():
    left, right = align_by_gold(np.arange(50.0), np.arange(50.0)[::-1])
    assert len(left) == len(right) == 0


@pytest.mark.parametrize("seed", range(8))
def test_rows_are_joined_with_themselves(seed):
    rng = np.random.default_rng(seed)
    gold = rng.choice(np.round(np.arange(0, 5.2, 0.2), 1), size=1500)  # as coarse as the scores of STSb
    kept = [np.sort(rng.choice(1500, size=1380, replace=False)) for _ in range(2)]
    left, right = align_by_gold(gold[kept[0]], gold[kept[1]])
    # A row lost here and its neighbour of the same score lost there cannot be told apart: that is rare.
    assert np.mean(kept[0][left] == kept[1][right]) > 0.99
    assert len(left) > 150
