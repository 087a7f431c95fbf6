"""Is a long passage better compared as a whole, or by its best window? Measured on development data.

Questions with long passages are rare in public development sets, so they are also made from parallel
paragraphs: neighbouring paragraphs form one passage, and the options are the translation of one of them and
of paragraphs from further down. The module's maximum length cuts the whole passage, as it does in use.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np

from xsearch.errors import EvaluationError
from xsearch.evaluation.comparison import paired_bootstrap
from xsearch.evaluation.datasets import subset_name
from xsearch.evaluation.layouts import LONG_PAIRS, find_bitext, find_questions
from xsearch.evaluation.mcqa import right_answers
from xsearch.evaluation.report import difference, hundredths, markdown_table
from xsearch.evaluation.results import Items
from xsearch.evaluation.run import Selection
from xsearch.qa.question import Question, SideLanguages
from xsearch.qa.rows import InvalidRows
from xsearch.qa.windows import WINDOW_WIDTH, windows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from xsearch.evaluation.metrics import Interval
    from xsearch.qa.sentence_encoder import SentenceEncoder

OPTIONS = 4
FEWEST_QUESTIONS = 20


@dataclass(frozen=True)
class PassageComparison:
    """Accuracy with whole passages and with best windows, and the 95 % interval of the difference."""

    name: str
    count: int
    whole: float
    best_window: float
    interval: Interval
    p: float


def compare_passages_in(
    root: Path,
    encoder: SentenceEncoder,
    langs: tuple[str, ...] = (),
    *,
    skip_invalid: bool = False,
    seed: int = 0,
) -> list[PassageComparison]:
    """Compares both ways on the question sets under `root`, and on questions made of the paragraphs there.

    Raises:
        EvaluationError: nothing there has enough long passages, or a table is not in the languages asked for.
    """
    selection = Selection(encoder, langs)
    found = []
    for candidate in find_questions(root, langs[0] if len(langs) == 1 else None):
        if selection.takes(candidate.langs):
            data = candidate.load(InvalidRows(skip=skip_invalid))
            selection.check(data, candidate.files[0].name)
            name = f"{candidate.dataset} {subset_name(data.langs)}"
            found.append(compare_passages(encoder, name, data.questions, seed=seed))
    for parallel in find_bitext(root):
        if parallel.dataset == LONG_PAIRS and selection.takes(parallel.langs):
            bitext = parallel.load(InvalidRows(skip=skip_invalid))
            for (lang, texts), (other, options) in permutations(
                zip(bitext.langs, (bitext.source, bitext.target), strict=True)
            ):
                questions = questions_from_paragraphs(texts, options, SideLanguages(lang, other, other))
                name = f"made of {parallel.dataset}, {lang} passages, {other} options"
                found.append(compare_passages(encoder, name, questions, seed=seed))
    comparisons = [comparison for comparison in found if comparison is not None]
    if not comparisons:
        raise EvaluationError(
            f"{root} has no set of {FEWEST_QUESTIONS} questions about long passages in languages that can be "
            "encoded; give a folder with such questions, or with files such as en-fi-long.parquet"
        )
    return comparisons


def compare_passages(
    encoder: SentenceEncoder, name: str, questions: Iterable[Question], *, seed: int = 0
) -> PassageComparison | None:
    """Compares both ways on the questions whose passage has several windows; None where these are too few."""
    long = [question for question in questions if len(windows(question.passage or "")) > 1]
    if len(long) < FEWEST_QUESTIONS:
        return None
    whole = right_answers(encoder, long, None, "whole")
    best = right_answers(encoder, long, None, "best-window")
    lengths = np.array([len(question.passage or "") for question in long], dtype=np.int64)
    interval, p = paired_bootstrap(Items(whole, lengths), Items(best, lengths), seed=seed)
    return PassageComparison(name, len(long), float(whole.mean()), float(best.mean()), interval, p)


def render_passages(comparisons: Sequence[PassageComparison]) -> str:
    """A Markdown table of the comparisons, in hundredths."""
    rows = [
        (
            item.name,
            str(item.count),
            hundredths(item.whole),
            hundredths(item.best_window),
            difference(item.best_window - item.whole, item.interval),
            f"{item.p:.3f}",
        )
        for item in comparisons
    ]
    return markdown_table(("questions", "n", "whole passage", "best window", "difference", "p"), rows) + "\n"


def questions_from_paragraphs(
    paragraphs: Sequence[str], options: Sequence[str], langs: SideLanguages, *, width: int = 3 * WINDOW_WIDTH
) -> list[Question]:
    """A question for each paragraph with a long passage around it; `options[i]` translates `paragraphs[i]`.

    The wrong options belong to the paragraphs that follow the passage, which in files sorted by source are
    about similar things.
    """
    questions = []
    start = 0
    while start < len(paragraphs):
        end, total = start, 0
        while end < len(paragraphs) and total < width:
            total += len(paragraphs[end])
            end += 1
        wrong = [option for option in options[end : end + OPTIONS - 1] if option not in options[start:end]]
        if total < width or len(wrong) < OPTIONS - 1:
            break
        passage = " ".join(paragraphs[start:end])
        for index in range(start, end):
            place = index % OPTIONS
            choices = (*wrong[:place], options[index], *wrong[place:])
            questions.append(Question("", choices, passage, langs, answer=place, id=str(index)))
        start = end
    return questions
