"""Multiple-choice question answering by the cosine of passage and "question option"."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from xsearch.evaluation.datasets import sample
from xsearch.evaluation.measure import Settings, make_score
from xsearch.evaluation.results import Items, Label
from xsearch.qa.scoring import LongPassages, score_questions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from xsearch.evaluation.datasets import QuestionSet
    from xsearch.evaluation.results import Score
    from xsearch.qa.question import Question
    from xsearch.qa.sentence_encoder import SentenceEncoder


BY_ROW = "by row"
"""The space of a set whose rows are in different languages: each question is scored in its own."""


def measure_questions(
    encoder: SentenceEncoder, questions: QuestionSet, label: Label, settings: Settings
) -> Score:
    """Accuracy, in the label's space."""
    rows = sample(len(questions.questions), settings.limit, settings.seed)
    asked = [questions.questions[row] for row in rows]
    lengths = np.array([len(question.passage or "") for question in asked], dtype=np.int64)
    right = right_answers(
        encoder, asked, None if label.space == BY_ROW else label.space, settings.long_passages
    )
    return make_score(label, Items(right, lengths), questions.provenance, settings, main="accuracy")


def right_answers(
    encoder: SentenceEncoder, questions: Sequence[Question], space: str | None, long_passages: LongPassages
) -> NDArray[np.float64]:
    """1 for each question whose right option scores highest, 0 for the others, (n,)."""
    scores = score_questions(questions, encoder, long_passages=long_passages, space=space)
    return np.array(
        [score.chosen == question.answer for score, question in zip(scores, questions, strict=True)],
        dtype=np.float64,
    )
