"""Runs tasks over a folder of evaluation sets: finds the sets, reads each, and measures it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xsearch.errors import EvaluationError
from xsearch.evaluation.bitext import measure_bitext
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
    from xsearch.evaluation.datasets import Candidate
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
            EvaluationError: nothing was found; or, unless invalid data is skipped, a set cannot be read.
        """
        scores = [score for task in tasks for score in self._task(task)]
        if not scores:
            reason = " ".join(self.notices) or "No file there has a layout that is known for it."
            raise EvaluationError(f"{self.root} has nothing to measure for {', '.join(tasks)}. {reason}")
        return scores

    def _task(self, task: str) -> Iterator[Score]:
        selection = Selection(self.encoder, self.langs)
        left_out: dict[tuple[str, ...], None] = {}
        without_module: set[str] = set()
        for candidate in self._find(task):
            asked = [langs for langs in candidate.directions or (candidate.langs,) if selection.asked(langs)]
            directions = [langs for langs in asked if not selection.missing(langs)]
            if not directions:
                for langs in asked:
                    left_out[candidate.dataset, candidate.split, candidate.subset] = None
                    without_module.update(selection.missing(langs))
                continue
            try:
                yield from self._measure_set(task, candidate, directions)
            except EvaluationError as error:
                if not self.skip_invalid:
                    raise
                self.notices.append(f"Left out {candidate.dataset} {candidate.subset}: {error}")
        if left_out:
            self.notices.append(
                f"{task}: left out {len(left_out)} sets for want of modules for "
                f"{', '.join(sorted(without_module))}."
            )

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

    def _measure_set(
        self, task: str, candidate: Candidate[Any], directions: Sequence[tuple[str, ...]]
    ) -> Iterator[Score]:
        invalid = InvalidRows(skip=self.skip_invalid)
        label = Label(
            task,
            candidate.dataset,
            candidate.split,
            candidate.subset,
            candidate.langs,
            "shared",
            self.variant,
        )
        self.on_set(label)
        data = candidate.load(invalid)
        if invalid.count:
            self.notices.append(f"{label.dataset} {label.subset}: left out {invalid.count} invalid rows.")
        if task == "bitext":
            yield from measure_bitext(self.encoder, data, label, self.settings)
        elif task == "retrieval":
            yield from measure_retrieval(self.encoder, data, label, self.settings, directions)
        elif task == "mcqa":
            # the rows of a table may say other languages than the command line
            sides = {question.langs for question in data.questions}
            one = sides.pop() if len(sides) == 1 else None
            langs = (one.passage, one.question) if one is not None and one.question == one.option else ()
            yield from self._measure_in_spaces(task, data, replace(label, langs=langs))
        else:
            yield from self._measure_in_spaces(task, data, label)

    def _measure_in_spaces(self, task: str, data: Any, label: Label) -> Iterator[Score]:
        measure = measure_questions if task == "mcqa" else measure_similarity
        spaces = spaces_for(label.langs, self.settings, self.encoder) if label.langs else (BY_ROW,)
        for space in spaces:
            yield measure(self.encoder, data, replace(label, space=space), self.settings)
