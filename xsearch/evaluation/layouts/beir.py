"""Reads the three files of a BEIR folder."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from xsearch.errors import EvaluationError
from xsearch.qa.rows import InvalidRows, Row, open_text, read_rows

if TYPE_CHECKING:
    from collections.abc import Container
    from pathlib import Path

QRELS_COLUMNS = ("query-id", "corpus-id", "score")

HIGHEST_GRADE = 1_000_000
"""trec_eval has a place in memory for every grade up to the highest, and takes those from 2**32 on for others."""


def read_corpus(path: Path, invalid: InvalidRows) -> dict[str, str]:
    """Title and text by document id."""
    documents: dict[str, str] = {}
    for row in read_rows(path, invalid):
        try:
            parts = [row.text(column) for column in ("title", "text") if row.has(column)]
            documents[row.identifier("_id")] = " ".join(parts) or row.text("text")
        except EvaluationError as error:
            invalid.meet(error)
    return documents


def read_queries(path: Path, judged: Container[str], invalid: InvalidRows) -> dict[str, str]:
    """Texts by query id, of the queries in `judged` only: a split has judgements for some."""
    queries: dict[str, str] = {}
    for row in read_rows(path, invalid):
        try:
            identifier = row.identifier("_id")
            if identifier in judged:
                queries[identifier] = row.text("text")
        except EvaluationError as error:
            invalid.meet(error)
    return queries


def read_qrels(path: Path, invalid: InvalidRows) -> dict[str, dict[str, int]]:
    """Query id -> document id -> grade, without the grades of 0; the header may be missing."""
    relevant: dict[str, dict[str, int]] = {}
    try:
        with open_text(path) as handle:
            for number, cells in enumerate(
                csv.reader(handle, delimiter="\t", quoting=csv.QUOTE_NONE), start=1
            ):
                if number == 1 and tuple(cells) == QRELS_COLUMNS:
                    continue
                row = Row(path.name, number, dict(zip(QRELS_COLUMNS, cells, strict=False)))
                try:
                    grade = row.integer("score")
                    if grade > HIGHEST_GRADE:
                        raise row.error(
                            f"score is {grade:.3g}, expected a grade of at most {HIGHEST_GRADE:,}"
                        )
                    if grade > 0:
                        judged = relevant.setdefault(row.identifier("query-id"), {})
                        judged[row.identifier("corpus-id")] = grade
                except EvaluationError as error:
                    invalid.meet(error)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise EvaluationError(f"{path} cannot be read: {error}") from error
    if not relevant:
        raise EvaluationError(
            f"{path} judges no document as relevant; expected {', '.join(QRELS_COLUMNS)} with tabs"
        )
    return relevant
