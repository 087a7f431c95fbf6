"""``xsearch qa``: multiple-choice questions of a file, answered by comparing options with passages."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xsearch.cli.options import DEVICE, STORE
from xsearch.cli.printable import notice
from xsearch.cli.progress import progress
from xsearch.cli.store import open_collections
from xsearch.errors import EvaluationError
from xsearch.json_lines import json_line

if TYPE_CHECKING:
    from xsearch.collection import Collection
    from xsearch.qa import Accuracy, InvalidRows, LongPassages, OptionScores, Question

_BATCH = 256


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--lang", help="Language of every side that has no language of its own.")
@click.option("--passage-lang", help="Language of the passages.")
@click.option("--question-lang", help="Language of the questions.")
@click.option("--option-lang", help="Language of the options.")
@click.option(
    "-c",
    "--collection",
    "names",
    multiple=True,
    help="Collection to take the passage from where a row has none.",
)
@click.option(
    "--long-passages",
    type=click.Choice(["whole", "best-window"]),
    default="best-window",
    show_default=True,
    help="Compare a long passage by its best window, or as a whole, cut at the module's maximum length.",
)
@click.option("--skip-invalid", is_flag=True, help="Leave out rows that cannot be scored, and count them.")
@STORE
@DEVICE
def qa(
    file: Path,
    lang: str | None,
    passage_lang: str | None,
    question_lang: str | None,
    option_lang: str | None,
    names: tuple[str, ...],
    long_passages: LongPassages,
    skip_invalid: bool,
    store: Path,
    device: str,
) -> None:
    """Answer the multiple-choice questions in FILE.

    FILE is Parquet, JSONL or CSV with the columns passage, question, options (a list) and optionally answer
    (0-based), or has the columns of Belebele or XCOPA. Columns lang, passage_lang, question_lang and
    option_lang win over the options of those names. Within one language the native space is used, otherwise
    the shared one.

    Prints a JSON line for each question and one with the summary.
    """
    from xsearch.qa import DefaultLanguages, InvalidRows, ModuleEncoder, read_questions, score_questions

    langs = DefaultLanguages.of(lang, passage_lang, question_lang, option_lang)
    invalid = InvalidRows(skip=skip_invalid)
    collections = open_collections(store, names) if names else []
    encoder = ModuleEncoder(device=device)
    questions = read_questions(file, langs, invalid, passage_required=not collections)
    tally = _Tally()
    with progress("Answering", None, "questions") as advance:
        while batch := list(islice(questions, _BATCH)):
            batch = list(_with_passages(batch, collections, invalid, device))
            for question, scores in zip(
                batch, score_questions(batch, encoder, long_passages=long_passages), strict=True
            ):
                click.echo(json_line(tally.line(question, scores)))
            advance(tally.count)
    summary = tally.summary(invalid)
    click.echo(json_line({"summary": summary}))
    _tell(summary, invalid)


class _Tally:
    """Counts answers and describes each."""

    def __init__(self) -> None:
        self.count = 0
        self.answered = 0
        self.correct = 0

    def line(self, question: Question, scores: OptionScores) -> dict[str, Any]:
        self.count += 1
        line: dict[str, Any] = {
            "row": question.row,
            "id": question.id or None,
            "question": question.question,
            **scores.to_json(question.options),
        }
        if question.passage_id:
            line |= {"passage_id": question.passage_id, "passage": question.passage}
        if question.answer is not None:
            self.answered += 1
            self.correct += scores.chosen == question.answer
            line |= {"answer": question.answer, "correct": scores.chosen == question.answer}
        return line

    def summary(self, invalid: InvalidRows) -> dict[str, Any]:
        from xsearch.qa import accuracy

        summary: dict[str, Any] = {
            "questions": self.count,
            "answers": self.answered,
            "skipped": invalid.count,
        }
        if self.answered:
            share: Accuracy = accuracy(self.correct, self.answered)
            summary |= {
                "correct": self.correct,
                "accuracy": round(share.value, 6),
                "interval": [round(share.low, 6), round(share.high, 6)],
                "confidence": share.confidence,
            }
        return summary


def _with_passages(
    questions: list[Question], collections: list[Collection], invalid: InvalidRows, device: str
) -> Iterator[Question]:
    """Retrieves what passages are missing; a question for which nothing is found counts as invalid."""
    if collections:
        from xsearch.qa import retrieve_passages

        questions = retrieve_passages(questions, collections, device=device)
    for question in questions:
        if question.passage is None:
            problem = "no passage, and the collection has no document for the question"
            invalid.meet(
                EvaluationError(f"row {question.row}: {problem}; add a passage, or use --skip-invalid")
            )
        else:
            yield question


def _tell(summary: dict[str, Any], invalid: InvalidRows) -> None:
    if "accuracy" in summary:
        low, high = summary["interval"]
        notice(
            f"{summary['correct']} of {summary['answers']} right: accuracy {100 * summary['accuracy']:.1f} % "
            f"(95 % interval {100 * low:.1f} to {100 * high:.1f})"
        )
    if invalid.count:
        notice(f"Left out {invalid.count} invalid rows, such as: {invalid.examples[0]}")
