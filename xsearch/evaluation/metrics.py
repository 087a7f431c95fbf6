"""The metrics, computed by the libraries of their fields; only what those lack is ours.

scipy has the rank correlation and the bootstrap, scikit-learn the F1, pytrec_eval (the trec_eval code) the
retrieval metrics. All come with the extra `eval`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from xsearch.errors import EvaluationError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import ModuleType

    from numpy.typing import NDArray

RETRIEVAL_METRICS = {
    "ndcg@10": "ndcg_cut_10",
    "recall@1": "recall_1",
    "recall@10": "recall_10",
    "recall@100": "recall_100",
    "mrr": "recip_rank",
}
"""What we call the metrics, and what trec_eval calls them."""


class Interval(NamedTuple):
    """A confidence interval."""

    low: float
    high: float


def required(module: str) -> ModuleType:
    """Imports a library of the extra `eval`; raises MissingExtraError with the command that installs it."""
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"this needs {module.split('.')[0]}, which is not installed; run: pip install 'xsearch[eval]'"
        ) from error


def spearman(similarity: NDArray[Any], gold: NDArray[Any]) -> float:
    """Spearman's rank correlation of two arrays (n,).

    Raises:
        EvaluationError: a correlation is undefined, as one side is the same throughout or there are under 3
            pairs.
    """
    if len(gold) < 3 or np.ptp(gold) == 0 or np.ptp(similarity) == 0:
        side = "gold scores" if len(gold) and np.ptp(gold) == 0 else "similarities"
        raise EvaluationError(
            f"no rank correlation: {len(gold)} pairs whose {side} do not differ; expected 3 or more that do"
        )
    return float(required("scipy.stats").spearmanr(similarity, gold).statistic)


def weighted_f1(predicted: NDArray[np.int64]) -> float:
    """F1 where item i should be predicted for item i, averaged as in mteb's bitext tasks."""
    score = required("sklearn.metrics").f1_score
    return float(score(np.arange(len(predicted)), predicted, average="weighted", zero_division=0))


def retrieval_metrics(
    relevant: Mapping[str, Mapping[str, int]], ranked: Mapping[str, Mapping[str, float]]
) -> dict[str, NDArray[np.float64]]:
    """Each metric's value for every query of `relevant`, in its order; a query without results scores 0.

    `ranked[query][document]` are scores, higher first.
    """
    evaluator = required("pytrec_eval").RelevanceEvaluator(
        {query: dict(grades) for query, grades in relevant.items()}, set(RETRIEVAL_METRICS.values())
    )
    measured = evaluator.evaluate({query: dict(scores) for query, scores in ranked.items()})
    return {
        name: np.array([measured.get(query, {}).get(theirs, 0.0) for query in relevant], dtype=np.float64)
        for name, theirs in RETRIEVAL_METRICS.items()
    }


def spearman_interval(
    similarity: NDArray[Any], gold: NDArray[Any], *, seed: int, resamples: int
) -> Interval | None:
    """95 % bootstrap interval (percentiles) of the rank correlation; None for under 10 pairs."""
    if len(gold) < 10:
        return None
    return bootstrap((similarity, gold), row_spearman, seed=seed, resamples=resamples)[0]


def mean_interval(values: NDArray[Any], *, seed: int, resamples: int) -> Interval | None:
    """95 % bootstrap interval (percentiles) of the mean; None for under 10 values."""
    if len(values) < 10:
        return None
    return bootstrap((values,), np.mean, seed=seed, resamples=resamples)[0]


def bootstrap(
    samples: Sequence[NDArray[Any]], statistic: Callable[..., NDArray[Any]], *, seed: int, resamples: int
) -> tuple[Interval, NDArray[np.float64]]:
    """95 % interval (percentiles) of a statistic of samples whose items belong together, and its resampled values.

    `statistic` takes the samples and an `axis`.
    """
    result = required("scipy.stats").bootstrap(
        samples,
        statistic,
        paired=len(samples) > 1,
        vectorized=True,
        n_resamples=resamples,
        batch=100,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    low, high = result.confidence_interval
    return Interval(float(low), float(high)), result.bootstrap_distribution


def row_spearman(left: NDArray[Any], right: NDArray[Any], axis: int = -1) -> NDArray[np.float64]:
    """Spearman along `axis` for many resamples at once; 0 where it is undefined."""
    rank = required("scipy.stats").rankdata
    ranks = [rank(side, axis=axis) for side in (left, right)]
    centred = [side - side.mean(axis=axis, keepdims=True) for side in ranks]
    covariance = (centred[0] * centred[1]).sum(axis=axis)
    spread = np.sqrt((centred[0] ** 2).sum(axis=axis) * (centred[1] ** 2).sum(axis=axis))
    correlation: NDArray[np.float64] = np.divide(
        covariance, spread, out=np.zeros_like(covariance), where=spread > 0
    )
    return correlation
