"""Scores by the length of the texts."""

import numpy as np

from xsearch.evaluation.lengths import by_length, characters
from xsearch.evaluation.measure import main_metric
from xsearch.evaluation.results import Items


def test_items_fall_into_ranges_and_small_ranges_are_left_out():
    lengths = np.array([10] * 30 + [50] * 20 + [99] * 5 + [400] * 20 + [150] * 19)
    values = np.array([1.0] * 30 + [0.0] * 25 + [0.5] * 20 + [1.0] * 19)
    parts = by_length(Items(values, lengths), main_metric)
    assert [(part.characters, part.count, part.value) for part in parts] == [
        ("under 50", 30, 1.0),
        ("50-99", 25, 0.0),
        ("400 and more", 20, 0.5),
    ]


def test_an_item_is_as_long_as_its_longest_side():
    assert characters(["ab", "a"], ["a", "abc"]).tolist() == [2, 3]
