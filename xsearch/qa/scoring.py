"""Scores the options of multiple-choice questions, as arXiv 2407.14878 does for Belebele.

The score of an option is the cosine between the passage and the text "question option". All sides in one
language are compared in its native space, mixed languages in the shared space.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from xsearch.errors import EvaluationError
from xsearch.languages import resolve
from xsearch.qa.question import OptionScores, Question, SideLanguages
from xsearch.qa.sentence_encoder import ModuleEncoder, Role, SentenceEncoder
from xsearch.qa.windows import windows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LongPassages = Literal["whole", "best-window"]
"""How a passage is compared: as one text (cut at the module's maximum length), or by its best window.

The window is the default: on the development sets of English and Finnish it answers 84 to 85 % of the questions made of
long passages, the whole passage 60 to 63 % (`xsearch eval passages`).
"""


def score_options(
    passage: str,
    question: str,
    options: Sequence[str],
    *,
    lang: str,
    passage_lang: str | None = None,
    question_lang: str | None = None,
    option_lang: str | None = None,
    long_passages: LongPassages = "best-window",
    device: str = "auto",
) -> OptionScores:
    """Scores the options of one question by how close the passage is to "question option".

    `lang` is the language of every side that has none of its own. Languages are ISO 639 codes or English
    names.

    Raises:
        EvaluationError: fewer than two options, or one that is empty or no text; or so the passage or the question.
        LanguageError: a language that is unknown or has no module.
    """
    default = resolve(lang).code
    langs = SideLanguages(
        *(resolve(side).code if side else default for side in (passage_lang, question_lang, option_lang))
    )
    if isinstance(options, str) or len(options) < 2:
        raise EvaluationError(
            f"got {options!r} as options; expected a list of two or more texts to choose from"
        )
    if not all(isinstance(text, str) and text.strip() for text in (passage, question, *options)):
        raise EvaluationError(
            "the passage, the question or an option is empty or no text; expected text in each of them"
        )
    asked = Question(question, tuple(options), passage, langs)
    return score_questions([asked], ModuleEncoder(device=device), long_passages=long_passages)[0]


def score_questions(
    questions: Sequence[Question],
    encoder: SentenceEncoder,
    *,
    long_passages: LongPassages = "best-window",
    space: str | None = None,
) -> list[OptionScores]:
    """Scores many questions, each distinct text encoded once; `space` overrides the choice by language.

    Raises:
        EvaluationError: a question without a passage.
    """
    batch = _Batch()
    plans = [_plan(question, long_passages, space, batch) for question in questions]
    batch.encode(encoder)
    return [plan.score(batch) for plan in plans]


class _Text(NamedTuple):
    text: str
    lang: str
    space: str
    role: Role


@dataclass
class _Batch:
    """The distinct texts of a batch, encoded one language, space and role at a time."""

    wanted: dict[_Text, None] = field(default_factory=dict)
    vectors: dict[_Text, NDArray[np.float32]] = field(default_factory=dict)

    def want(self, text: str, lang: str, space: str, role: Role) -> _Text:
        key = _Text(text, lang, space, role)
        self.wanted[key] = None
        return key

    def encode(self, encoder: SentenceEncoder) -> None:
        groups: defaultdict[tuple[str, str, Role], list[_Text]] = defaultdict(list)
        for key in self.wanted:
            groups[key.lang, key.space, key.role].append(key)
        for (lang, space, role), keys in groups.items():
            encoded = encoder.encode([key.text for key in keys], lang=lang, space=space, role=role)
            self.vectors.update(zip(keys, encoded, strict=True))


@dataclass(frozen=True)
class _Plan:
    """Which texts make up a question: the passage's windows, and the parts of each option."""

    windows: tuple[_Text, ...]
    options: tuple[tuple[_Text, ...], ...]
    space: str

    def score(self, batch: _Batch) -> OptionScores:
        passage = np.stack([batch.vectors[key] for key in self.windows])
        options = np.stack([_mean([batch.vectors[part] for part in parts]) for parts in self.options])
        best = (passage @ options.T).max(axis=0)
        return OptionScores.of(tuple(float(score) for score in best), self.space)


def _plan(question: Question, long_passages: LongPassages, space: str | None, batch: _Batch) -> _Plan:
    if question.passage is None:
        raise EvaluationError(
            f"row {question.row}: no passage; give one, or name a collection that has one (-c)"
        )
    langs = question.langs
    chosen = space or langs.space
    pieces = windows(question.passage) if long_passages == "best-window" else [question.passage]
    return _Plan(
        windows=tuple(batch.want(piece, langs.passage, chosen, "document") for piece in pieces),
        options=tuple(_option_parts(question, option, chosen, batch) for option in question.options),
        space=chosen,
    )


def _option_parts(question: Question, option: str, space: str, batch: _Batch) -> tuple[_Text, ...]:
    """One text "question option", or two where their languages differ: a module reads one."""
    langs = question.langs
    if not question.question or langs.question == langs.option:
        return (batch.want(f"{question.question} {option}".strip(), langs.option, space, "query"),)
    return (
        batch.want(question.question, langs.question, space, "query"),
        batch.want(option, langs.option, space, "query"),
    )


def _mean(vectors: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The direction of the sum of unit vectors, shape (d,); zero if they cancel out."""
    total: NDArray[np.float32] = np.sum(vectors, axis=0, dtype=np.float32)
    norm = np.linalg.norm(total)
    return total / norm if norm > 0 else total
