"""Is one encoder better than another on the same items? A paired bootstrap says how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from xsearch.errors import EvaluationError
from xsearch.evaluation.measure import main_metric
from xsearch.evaluation.metrics import Interval, bootstrap, row_spearman
from xsearch.evaluation.report import difference, hundredths, markdown_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from xsearch.evaluation.results import Items, Label, Results, Score

FEWEST_ITEMS = 10


@dataclass(frozen=True)
class Comparison:
    """The main metric of two encoders on the same items, and how sure their difference is.

    `p` is the two-sided probability, under resampling, of a difference on the other side of 0.
    """

    label: Label
    count: int
    first: float
    second: float
    interval: Interval
    p: float

    @property
    def difference(self) -> float:
        """Second minus first."""
        return self.second - self.first


def compare(first: Results, second: Results, *, resamples: int = 2000, seed: int = 0) -> list[Comparison]:
    """Compares what both runs measured on the same items.

    Raises:
        EvaluationError: the runs share no set, or measured different items of one.
    """
    others = {score.label: score for score in second.scores}
    shared = [(score, others[score.label]) for score in first.scores if score.label in others]
    if not shared:
        raise EvaluationError(
            "the two results share no set, direction and space; measure both with the same tasks"
        )
    return [_compare(a, b, resamples, seed) for a, b in shared if a.count >= FEWEST_ITEMS]


def paired_bootstrap(
    first: Items, second: Items, *, resamples: int = 2000, seed: int = 0
) -> tuple[Interval, float]:
    """The 95 % interval (percentiles) of the difference of the main metric, and its two-sided p."""
    interval, drawn = bootstrap(
        (first.values, second.values) if first.gold is None else (first.values, second.values, first.gold),
        _mean_difference if first.gold is None else _correlation_difference,
        seed=seed,
        resamples=resamples,
    )
    p = 2 * min(float((drawn <= 0).mean()), float((drawn >= 0).mean()))
    return interval, min(max(p, 1 / resamples), 1.0)


def render_comparison(comparisons: Sequence[Comparison], first: str, second: str) -> str:
    """A Markdown table of the comparisons, in hundredths."""
    rows = [
        (
            item.label.task,
            f"{item.label.dataset} {item.label.split} {item.label.variant}".strip(),
            item.label.subset,
            item.label.space,
            str(item.count),
            hundredths(item.first),
            hundredths(item.second),
            difference(item.difference, item.interval),
            f"{item.p:.3f}",
        )
        for item in comparisons
    ]
    header = ("task", "set", "subset", "space", "n", first, second, "difference", "p")
    return markdown_table(header, rows) + "\n"


def _compare(first: Score, second: Score, resamples: int, seed: int) -> Comparison:
    same_data = first.provenance.checksum == second.provenance.checksum and first.count == second.count
    if not same_data or first.items is None or second.items is None:
        raise EvaluationError(
            f"{first.label.dataset} {first.label.subset} was measured on different data ({first.count} and "
            f"{second.count} items); measure both with the same files, --limit and --seed"
        )
    if not np.array_equal(first.items.lengths, second.items.lengths):
        raise EvaluationError(
            f"{first.label.dataset} {first.label.subset}: the items differ; measure both with the same --seed"
        )
    interval, p = paired_bootstrap(first.items, second.items, resamples=resamples, seed=seed)
    return Comparison(
        first.label, first.count, main_metric(first.items), main_metric(second.items), interval, p
    )


def _mean_difference(first: NDArray[Any], second: NDArray[Any], axis: int = -1) -> NDArray[Any]:
    difference: NDArray[Any] = (second - first).mean(axis=axis)
    return difference


def _correlation_difference(
    first: NDArray[Any], second: NDArray[Any], gold: NDArray[Any], axis: int = -1
) -> NDArray[Any]:
    return row_spearman(second, gold, axis) - row_spearman(first, gold, axis)
