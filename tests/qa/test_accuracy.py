"""Accuracy and its interval."""

import pytest
from scipy.stats import binomtest

from xsearch.qa import accuracy


@pytest.mark.parametrize(("correct", "count"), [(0, 1), (1, 1), (3, 10), (50, 100), (899, 900)])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_the_interval_is_that_of_scipy(correct, count, confidence):
    ours = accuracy(correct, count, confidence)
    theirs = binomtest(correct, count).proportion_ci(confidence, method="wilson")
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert ours.value == correct / count
