"""What the tasks share: the settings of a run, the space to measure in, and scores made of items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from xsearch.evaluation.lengths import by_length
from xsearch.evaluation.metrics import mean_interval, spearman, spearman_interval
from xsearch.evaluation.results import Items, Label, Score
from xsearch.qa.scoring import LongPassages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xsearch.evaluation.datasets import Provenance
    from xsearch.qa.sentence_encoder import SentenceEncoder

SpaceChoice = Literal["auto", "native", "shared", "both"]


@dataclass(frozen=True)
class Settings:
    """How to measure. `limit` takes a random sample of each set, the same for every encoder.

    `bonus` is added to the cosine of documents in other languages than the query's, in pools of several.
    """

    space: SpaceChoice = "auto"
    limit: int | None = None
    seed: int = 0
    resamples: int = 1000
    long_passages: LongPassages = "best-window"
    bonus: float = 0.0


def spaces_for(langs: tuple[str, ...], settings: Settings, encoder: SentenceEncoder) -> tuple[str, ...]:
    """The spaces to measure in: by default native within one language and shared between languages.

    An encoder whose two spaces are one for the language is measured once.
    """
    if len(set(langs)) > 1:
        return ("shared",)
    has = encoder.spaces(langs[0])
    if len(has) == 1:
        return has
    return {"auto": ("native",), "both": ("native", "shared")}.get(settings.space, (settings.space,))


def make_score(
    label: Label,
    items: Items,
    provenance: Provenance,
    settings: Settings,
    metrics: Mapping[str, float] | None = None,
    main: str = "spearman",
) -> Score:
    """A score with its interval and its breakdown by length.

    With gold scores in the items the main metric is Spearman's correlation, otherwise the mean of their
    values.
    """
    value = main_metric(items)
    interval = (
        mean_interval(items.values, seed=settings.seed, resamples=settings.resamples)
        if items.gold is None
        else spearman_interval(items.values, items.gold, seed=settings.seed, resamples=settings.resamples)
    )
    return Score(
        label=label,
        count=len(items.values),
        main=main,
        metrics={main: value, **{name: value for name, value in (metrics or {}).items() if name != main}},
        interval=interval,
        by_length=by_length(items, main_metric),
        provenance=provenance,
        items=items,
    )


def main_metric(items: Items) -> float:
    """Spearman's correlation with the gold scores, or the mean of the values where there are none."""
    return float(items.values.mean()) if items.gold is None else spearman(items.values, items.gold)
