"""Runs tasks over a folder of evaluation sets: finds the sets, reads each, and measures it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xsearch.errors import EvaluationError
from xsearch.evaluation.bitext import measure_bitext
from xsearch.evaluation.datasets import subset_name
from xsearch.evaluation.layouts import (
    RetrievalLanguages,
    find_bitext,
    find_questions,
    find_relatedness,
    find_retrieval,
    find_similarity,
)
from xsearch.evaluation.mcqa import BY_ROW, measure_questions
from xsearch.evaluation.measure import Settings, spaces_for
from xsearch.evaluation.results import Label, Score
from xsearch.evaluation.retrieval import measure_retrieval
from xsearch.evaluation.similarity import measure_similarity
from xsearch.qa.rows import InvalidRows

if TYPE_CHECKING:
    from xsearch.evaluation.datasets import Candidate, QuestionSet
    from xsearch.qa.sentence_encoder import SentenceEncoder

PIVOT = "en"
"""English goes with every language that is asked for: it is what the shared space is made of."""

TASKS = ("sts", "str", "bitext", "retrieval", "mcqa")


@dataclass(frozen=True)
class Selection:
    """Which sets to measure: all in the languages that the encoder supports, or those that were asked for.

    With languages asked for, a set must be in one of them, and otherwise in English.
    """

    encoder: SentenceEncoder
    langs: tuple[str, ...] = ()

    def asked(self, langs: Sequence[str]) -> bool:
        """Whether a set in these languages was asked for; one that does not say its languages always is."""
        if not self.langs or not langs:
            return True
        return any(lang in self.langs for lang in langs) and all(
            lang in (*self.langs, PIVOT) for lang in langs
        )

    def takes(self, langs: Sequence[str]) -> bool:
        """Whether a set in these languages was asked for and can be encoded."""
        return self.asked(langs) and not self.missing(langs)

    def missing(self, langs: Sequence[str]) -> list[str]:
        """The languages that cannot be encoded."""
        return [lang for lang in dict.fromkeys(langs) if not self.encoder.supports(lang)]

    def check(self, questions: QuestionSet, name: str) -> None:
        """Asks again when a set has been read: the rows of a table may say other languages than the command line.

        Raises:
            EvaluationError: not all that the rows are in was asked for, or can be encoded.
        """
        spoken = questions.every_lang
        if not self.asked(spoken):
            raise EvaluationError(
                f"the rows of {name} are in {', '.join(spoken)}, and {', '.join(self.langs)} was asked for; "
                "ask for the languages of the rows with --lang"
            )
        if missing := self.missing(spoken):
            raise EvaluationError(
                f"rows of {name} are in {', '.join(missing)}, without a module; install it, or leave them out"
            )


@dataclass
class Run:
    """One run over a folder. `notices` collects what was left out, for the user and for the results."""

    root: Path
    encoder: SentenceEncoder
    settings: Settings = field(default_factory=Settings)
    langs: tuple[str, ...] = ()
    retrieval_langs: RetrievalLanguages = field(default_factory=RetrievalLanguages)
    skip_invalid: bool = False
    variant: str = ""
    on_set: Callable[[Label], None] = lambda label: None
    notices: list[str] = field(default_factory=list)

    def measure(self, tasks: Sequence[str]) -> list[Score]:
        """Every score of the tasks, set by set.

        Raises:
            EvaluationError: nothing was found, or one set twice; or, unless invalid data is skipped, a set cannot
                be read.
        """
        sets = self._select(tasks)
        scores = [score for label, found in sets.items() for score in self._measure_or_skip(label, found)]
        if not scores:
            reason = " ".join(self.notices) or "No file there has a layout that is known for it."
            raise EvaluationError(f"{self.root} has nothing to measure for {', '.join(tasks)}. {reason}")
        return scores

    def _select(self, tasks: Sequence[str]) -> dict[Label, Candidate[Any]]:
        """The sets to measure, each with its directions to measure.

        All are found before the first is measured: a set found twice, of which one score would hide the other, is not
        to stop a run that has taken hours.
        """
        selection = self._selection
        sets: dict[Label, Candidate[Any]] = {}
        for task in dict.fromkeys(tasks):
            left_out: set[Label] = set()
            without_module: set[str] = set()
            for candidate in self._find(task):
                name = (candidate.dataset, candidate.split, candidate.subset)
                label = Label(task, *name, candidate.langs, "shared", self.variant)
                ways = candidate.directions or (candidate.langs,)
                asked = [langs for langs in ways if selection.asked(langs)]
                directions = tuple(langs for langs in asked if not selection.missing(langs))
                if directions and label in sets:
                    raise EvaluationError(
                        f"{task} {' '.join(name)} was found twice, as {_paths(sets[label])} and as "
                        f"{_paths(candidate)}; move one elsewhere, or name a folder that has only one of them"
                    )
                if directions:
                    sets[label] = replace(candidate, directions=directions)
                elif asked:
                    left_out.add(label)
                    without_module.update(lang for langs in asked for lang in selection.missing(langs))
            if left_out:
                self.notices.append(
                    f"{task}: left out {len(left_out)} sets for want of modules for "
                    f"{', '.join(sorted(without_module))}."
                )
        return sets

    @property
    def _selection(self) -> Selection:
        return Selection(self.encoder, self.langs)

    def _find(self, task: str) -> Iterator[Candidate[Any]]:
        if task == "sts":
            return find_similarity(self.root)
        if task == "str":
            return find_relatedness(self.root)
        if task == "bitext":
            return find_bitext(self.root)
        if task == "retrieval":
            return find_retrieval(self.root, self.retrieval_langs)
        if task == "mcqa":
            return find_questions(self.root, self.langs[0] if len(self.langs) == 1 else None)
        raise EvaluationError(f"no task {task}; there are {', '.join(TASKS)}")

    def _measure_or_skip(self, label: Label, candidate: Candidate[Any]) -> Iterator[Score]:
        try:
            yield from self._measure_set(label, candidate)
        except EvaluationError as error:
            if not self.skip_invalid:
                raise
            self.notices.append(f"Left out {label.dataset} {label.subset}: {error}")

    def _measure_set(self, label: Label, candidate: Candidate[Any]) -> Iterator[Score]:
        invalid = InvalidRows(skip=self.skip_invalid)
        self.on_set(label)
        data = candidate.load(invalid)
        if label.task == "mcqa":
            self._selection.check(data, candidate.files[0].name)
            label = replace(label, subset=subset_name(data.langs), langs=data.langs)
        if invalid.count:
            self.notices.append(f"{label.dataset} {label.subset}: left out {invalid.count} invalid rows.")
        if label.task == "bitext":
            yield from measure_bitext(self.encoder, data, label, self.settings)
        elif label.task == "retrieval":
            yield from measure_retrieval(self.encoder, data, label, self.settings, candidate.directions)
        else:
            measure = measure_questions if label.task == "mcqa" else measure_similarity
            spaces = spaces_for(label.langs, self.settings, self.encoder) if label.langs else (BY_ROW,)
            for space in spaces:
                yield measure(self.encoder, data, replace(label, space=space), self.settings)


def _paths(candidate: Candidate[Any]) -> str:
    return " with ".join(map(str, candidate.files))
