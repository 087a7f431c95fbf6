"""Reads multiple-choice questions from our own columns and from the published formats, told by their columns.

| format | columns |
|---|---|
| generic | `question`, `options` (a list), and where known `passage`, `answer` (0-based), `id`, `lang`, `passage_lang`, `question_lang`, `option_lang` |
| Belebele | `flores_passage`, `question`, `mc_answer1` to `mc_answer4`, `correct_answer_num` (1-based), `dialect` |
| XCOPA | `premise`, `choice1`, `choice2`, `label` (0-based) |
| Kardeş-NLU COPA | `p`, `a1`, `a2`, `most-plausible-alternative` (1-based), each text also as `..._translation` |
"""  # noqa: E501

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from xsearch.errors import EvaluationError, LanguageError
from xsearch.languages import resolve
from xsearch.qa.question import Question, SideLanguages
from xsearch.qa.rows import InvalidRows, Row, read_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@dataclass(frozen=True)
class DefaultLanguages:
    """The languages of the sides where the row says nothing; any may be unknown."""

    passage: str | None = None
    question: str | None = None
    option: str | None = None

    @classmethod
    def of(
        cls,
        lang: str | None,
        passage: str | None = None,
        question: str | None = None,
        option: str | None = None,
    ) -> DefaultLanguages:
        """`lang` for every side that has no language of its own; raises LanguageError for an unknown one."""
        return cls(
            *(
                resolve(side).code if side else None
                for side in (passage or lang, question or lang, option or lang)
            )
        )


@dataclass(frozen=True)
class QuestionFormat:
    """A layout of questions: the columns that tell it from the others, and how a row is read."""

    name: str
    columns: frozenset[str]
    read: Callable[[Row, DefaultLanguages], Question]


def read_questions(
    path: Path,
    langs: DefaultLanguages,
    invalid: InvalidRows,
    *,
    layout: QuestionFormat | None = None,
    passage_required: bool = True,
) -> Iterator[Question]:
    """The questions of a file, in order; what cannot be scored goes to `invalid`.

    `layout` is told by the columns of the first row unless it is given. Without `passage_required`, a
    question whose passage is null or blank comes with None, for it to be retrieved.

    Raises:
        EvaluationError: the file is of no known format or, unless `invalid` skips, has a row that cannot be
            scored.
    """
    rows = 0
    for row in read_rows(path, invalid):
        rows += 1
        try:
            layout = layout or question_format(row)
            question = layout.read(row, langs)
            if question.passage is None and passage_required:
                raise row.error(
                    "passage is empty; fill it in, or name a collection to retrieve one from (-c)"
                )
        except EvaluationError as error:
            invalid.meet(error)
            continue
        yield question
    if not rows and not invalid.count:
        raise EvaluationError(f"{path} has no rows; expected one question a row")


def question_format(row: Row) -> QuestionFormat:
    """The layout that a file's first row shows."""
    for layout in FORMATS:
        if layout.columns <= row.values.keys():
            return layout
    missing = sorted(GENERIC.columns - row.values.keys())
    raise EvaluationError(
        f"{row.source} lacks the column {' and '.join(missing)}; "
        f"it has {', '.join(map(str, row.values))[:300]}. "
        "Expected passage, question and options, or the columns of Belebele or XCOPA"
    )


def _generic(row: Row, langs: DefaultLanguages) -> Question:
    options = tuple(
        row.check_text(option, f"option {number}") for number, option in enumerate(row.texts("options"))
    )
    return _question(
        row,
        _row_languages(row, langs),
        passage=row.text("passage") if row.has("passage") else None,
        question=row.text("question"),
        options=options,
        answer=row.integer("answer") if row.has("answer") else None,
        id=str(row.values["id"]) if row.has("id") else "",
    )


def _belebele(row: Row, langs: DefaultLanguages) -> Question:
    dialect = row.text("dialect") if row.has("dialect") else None
    return _question(
        row,
        _complete(row, DefaultLanguages(dialect, dialect, dialect) if dialect else langs),
        passage=row.text("flores_passage"),
        question=row.text("question"),
        options=tuple(row.text(f"mc_answer{number}") for number in range(1, 5)),
        answer=row.integer("correct_answer_num") - 1,
        id=f"{row.values.get('link', '')}#{row.values.get('question_number', '')}",
    )


def _xcopa(row: Row, langs: DefaultLanguages) -> Question:
    return _question(
        row,
        _complete(row, langs),
        passage=row.text("premise"),
        question="",
        options=(row.text("choice1"), row.text("choice2")),
        answer=row.integer("label") if row.has("label") else None,
        id=str(row.values.get("idx", "")),
    )


def _kardes(suffix: str) -> Callable[[Row, DefaultLanguages], Question]:
    def read(row: Row, langs: DefaultLanguages) -> Question:
        return _question(
            row,
            _complete(row, langs),
            passage=row.text("p" + suffix),
            question="",
            options=(row.text("a1" + suffix), row.text("a2" + suffix)),
            answer=row.integer("most-plausible-alternative") - 1,
            id=str(row.values.get("id", "")),
        )

    return read


def _question(
    row: Row,
    langs: SideLanguages,
    *,
    passage: str | None,
    question: str,
    options: tuple[str, ...],
    answer: int | None,
    id: str,
) -> Question:
    if len(options) < 2:
        raise row.error(f"{len(options)} options, expected two or more to choose from")
    if answer is not None and not 0 <= answer < len(options):
        raise row.error(f"the answer is option {answer} counted from 0, expected 0 to {len(options) - 1}")
    return Question(question, options, passage, langs, answer, id, row.number)


def _row_languages(row: Row, langs: DefaultLanguages) -> SideLanguages:
    """The row's own language columns before the defaults, a side's own column before `lang`."""

    def side(name: str, default: str | None) -> str | None:
        for column in (f"{name}_lang", "lang"):
            if row.has(column):
                return row.text(column)
        return default

    return _complete(
        row,
        DefaultLanguages(
            side("passage", langs.passage), side("question", langs.question), side("option", langs.option)
        ),
    )


def _complete(row: Row, langs: DefaultLanguages) -> SideLanguages:
    sides = []
    for name, lang in (("passage", langs.passage), ("question", langs.question), ("option", langs.option)):
        if lang is None:
            raise row.error(f"the language of the {name} is unknown; give --lang, or a column {name}_lang")
        try:
            sides.append(resolve(lang).code)
        except LanguageError as error:
            raise row.error(str(error)) from error
    return SideLanguages(*sides)


GENERIC = QuestionFormat("generic", frozenset({"question", "options"}), _generic)
BELEBELE = QuestionFormat(
    "Belebele", frozenset({"flores_passage", "mc_answer1", "correct_answer_num"}), _belebele
)
XCOPA = QuestionFormat("XCOPA", frozenset({"premise", "choice1", "choice2"}), _xcopa)
KARDES = QuestionFormat(
    "Kardeş-NLU COPA", frozenset({"p_translation", "most-plausible-alternative"}), _kardes("_translation")
)
KARDES_ENGLISH = QuestionFormat(
    "Kardeş-NLU COPA", frozenset({"p", "most-plausible-alternative"}), _kardes("")
)
FORMATS = (BELEBELE, XCOPA, KARDES, KARDES_ENGLISH, GENERIC)
