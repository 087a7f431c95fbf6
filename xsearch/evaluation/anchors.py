"""Published scores of other models (`anchors.csv`, collected from mteb's results), by our names of sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from xsearch.errors import EvaluationError
from xsearch.evaluation.datasets import language_code
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

COLUMNS = ("task", "split", "subset", "model", "metric", "score")


@dataclass(frozen=True)
class Anchors:
    """Scores (in hundredths, as published) by task, split, subset in our codes, metric, and model."""

    scores: Mapping[tuple[str, str, str, str], Mapping[str, float]]
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

    A subset such as `fin-eng` counts as `fi-en`. Where several written codes mean one of ours (`arb` and `ary` are
    both Arabic), the language's own code or else the first one stands for it, and the others keep theirs.
    """
    own: dict[tuple[str, str, str, str], dict[str, float]] = {}
    other: dict[tuple[str, str, str, str], dict[str, dict[str, float]]] = {}
    models: dict[str, None] = {}
    for row in read_rows(path, InvalidRows()):
        task, split, subset, model, metric = (row.text(name) for name in COLUMNS[:5])
        models[model] = None
        score = row.number_in("score")
        ours, exact = _our_subset(subset)
        own.setdefault((task, split, subset, metric), {})[model] = score
        if exact:
            own.setdefault((task, split, ours, metric), {})[model] = score
        else:
            other.setdefault((task, split, ours, metric), {}).setdefault(subset, {})[model] = score
    if not models:
        raise EvaluationError(f"{path} has no scores; expected the columns {', '.join(COLUMNS)}")
    for key, by_subset in other.items():
        own.setdefault(key, next(iter(by_subset.values())))
    return Anchors(own, tuple(models))


def _our_subset(subset: str) -> tuple[str, bool]:
    """The subset in our codes, and whether it was written in codes of exactly these languages."""
    codes, exact = [], True
    for written in subset.split("-"):
        code = language_code(written)
        if code is None:
            return subset, True
        exact = exact and written in (code, resolve(code).iso639_3)
        codes.append(code)
    return codes[0] if len(set(codes)) == 1 else "-".join(codes), exact
