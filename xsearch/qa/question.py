"""A multiple-choice question and what scoring it gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class SideLanguages:
    """The languages (ISO 639-1 codes) of the three sides of a question."""

    passage: str
    question: str
    option: str

    @property
    def every(self) -> tuple[str, ...]:
        """Each language once."""
        return tuple(dict.fromkeys((self.passage, self.question, self.option)))

    @property
    def space(self) -> str:
        """`native` where all sides are in one language, `shared` where they are mixed."""
        return "native" if len(self.every) == 1 else "shared"


@dataclass(frozen=True)
class Question:
    """One question with two or more options; `answer` is the 0-based right one where it is known.

    `passage` is None where it still has to be retrieved. `question` may be empty where the options complete
    the passage by themselves, as in XCOPA. `row` counts from 1 in the file that it came from; `passage_id`
    names the document that was retrieved.
    """

    question: str
    options: tuple[str, ...]
    passage: str | None
    langs: SideLanguages
    answer: int | None = None
    id: str = ""
    row: int = 0
    passage_id: str = ""


@dataclass(frozen=True)
class OptionScores:
    """The cosine of each option with the passage, the option chosen (0-based) and how clear the choice is."""

    scores: tuple[float, ...]
    chosen: int
    margin: float
    space: str

    @classmethod
    def of(cls, scores: tuple[float, ...], space: str) -> OptionScores:
        """Chooses the highest score, the first of equals; the margin is its distance to the runner-up."""
        chosen = max(range(len(scores)), key=lambda index: scores[index])
        runner_up = max(score for index, score in enumerate(scores) if index != chosen)
        return cls(scores, chosen, scores[chosen] - runner_up, space)

    def to_json(self, options: Sequence[str]) -> dict[str, Any]:
        """What is printed and served of them; `options` are the texts that were scored."""
        return {
            "chosen": self.chosen,
            "option": options[self.chosen],
            "scores": [round(score, 6) for score in self.scores],
            "margin": round(self.margin, 6),
            "space": self.space,
        }
