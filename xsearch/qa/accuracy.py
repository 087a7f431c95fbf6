"""How many questions were answered right, and how sure that figure is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist


@dataclass(frozen=True)
class Accuracy:
    """A share of right answers (0 to 1) with its Wilson score interval."""

    value: float
    low: float
    high: float
    correct: int
    count: int
    confidence: float = 0.95


def accuracy(correct: int, count: int, confidence: float = 0.95) -> Accuracy:
    """The share `correct / count` with Wilson's interval, which stays within 0 to 1 for small counts too.

    Source: E. B. Wilson (1927), Probable inference; the same as scipy's
    `binomtest(...).proportion_ci("wilson")`, written out here because `xsearch qa` runs without scipy.
    """
    if count < 1:
        raise ValueError("accuracy of no answers; expected at least one")
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = correct / count
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    spread = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return Accuracy(share, max(0.0, centre - spread), min(1.0, centre + spread), correct, count, confidence)
