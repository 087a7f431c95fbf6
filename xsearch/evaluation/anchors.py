"""Published scores of other models (`anchors.csv`, collected from mteb's results), by our names of sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from xsearch.errors import EvaluationError
from xsearch.evaluation.datasets import DIALECTS, language_code
from xsearch.evaluation.results import Label
from xsearch.languages import resolve
from xsearch.qa.rows import InvalidRows, read_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

THEIR_TASKS = {
    "STSb": "STSBenchmarkMultilingualSTS",
    "SemRel": "SemRel24STS",
    "STS17": "STS17",
    "STS22": "STS22.v2",
    "Tatoeba": "Tatoeba",
    "Belebele": "BelebeleRetrieval",
}
"""Our names of sets, and mteb's."""

Key = tuple[str, str, str, str]

COLUMNS = ("task", "split", "subset", "model", "metric", "score")


@dataclass(frozen=True)
class Anchors:
    """Scores (in hundredths, as published) by task, split, subset in our codes, metric, and model."""

    scores: Mapping[Key, Mapping[str, float]]
    models: tuple[str, ...]

    def beside(self, label: Label, metric: str) -> Mapping[str, float]:
        """The models' scores on the same set; empty where none is published."""
        task = THEIR_TASKS.get(label.dataset)
        subsets = [label.subset]
        if label.task in ("sts", "str"):  # similarity has no direction
            subsets.append("-".join(reversed(label.langs)))
        for subset in subsets:
            if task and (found := self.scores.get((task, label.split, subset, metric))):
                return found
        return {}

    def select(self, models: Sequence[str]) -> tuple[str, ...]:
        """The models of these names; raises EvaluationError for one without scores."""
        for model in models:
            if model not in self.models:
                raise EvaluationError(
                    f"no scores of {model[:60]}; there are some of {', '.join(self.models)}"
                )
        return tuple(models)


def read_anchors(path: Path) -> Anchors:
    """Reads a CSV file with the columns task, split, subset, model, metric, score.

    A subset such as `fin-eng` counts as `fi-en`. Where several written codes mean one of ours, the
    language's own code stands for it, or else the first one; dialects keep their codes.
    """
    exact: dict[Key, dict[str, float]] = {}
    alias: dict[Key, dict[str, dict[str, float]]] = {}
    models: dict[str, None] = {}
    for row in read_rows(path, InvalidRows()):
        task, split, subset, model, metric = (row.text(name) for name in COLUMNS[:5])
        models[model] = None
        ours, is_exact = _our_subset(subset)
        key = (task, split, ours, metric)
        if is_exact:
            exact.setdefault(key, {})[model] = row.number_in("score")
        else:
            alias.setdefault(key, {}).setdefault(subset, {})[model] = row.number_in("score")
    if not models:
        raise EvaluationError(f"{path} has no scores; expected the columns {', '.join(COLUMNS)}")
    first = {key: next(iter(by_subset.values())) for key, by_subset in alias.items()}
    return Anchors(first | exact, tuple(models))


def _our_subset(subset: str) -> tuple[str, bool]:
    """The subset in our codes, and whether it was written in codes of exactly these languages."""
    codes, exact = [], True
    for written in subset.split("-"):
        code = None if written in DIALECTS else language_code(written)
        if code is None:
            return subset, True
        exact = exact and written in (code, resolve(code).iso639_3)
        codes.append(code)
    return codes[0] if len(set(codes)) == 1 else "-".join(codes), exact
