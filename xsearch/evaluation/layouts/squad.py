"""Reads the SQuAD layout (SQuAD, XQuAD): paragraphs as documents, questions as queries."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from xsearch.errors import EvaluationError
from xsearch.qa.rows import InvalidRows, Row, open_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Texts = dict[str, str]
Relevant = dict[str, dict[str, int]]


def read_squad(path: Path, invalid: InvalidRows) -> tuple[Texts, Texts, Relevant]:
    """Queries by question id, documents by place (the same in every XQuAD language), and qrels."""
    queries: Texts = {}
    documents: Texts = {}
    relevant: Relevant = {}
    for document_id, paragraph in _paragraphs(path):
        try:
            text, questions = paragraph.text("context"), _objects(paragraph, "qas")
        except EvaluationError as error:
            invalid.meet(error)
            continue
        documents[document_id] = text
        for question in questions:
            try:
                identifier = question.identifier("id")
                queries[identifier] = question.text("question")
                relevant[identifier] = {document_id: 1}
            except EvaluationError as error:
                invalid.meet(error)
    if not queries:
        raise EvaluationError(f"{path} has no questions; expected the SQuAD layout: data, paragraphs, qas")
    return queries, documents, relevant


def _paragraphs(path: Path) -> Iterator[tuple[str, Row]]:
    try:
        with open_text(path) as handle:
            content: Any = json.load(handle)
    except (OSError, ValueError, RecursionError) as error:
        raise EvaluationError(f"{path} is not readable JSON: {error}") from error
    if not isinstance(content, dict):
        raise EvaluationError(f"{path} is not in the SQuAD layout; expected an object with data")
    number = 0
    for i, article in enumerate(_objects(Row(path.name, 1, content), "data")):
        for j, paragraph in enumerate(_objects(article, "paragraphs")):
            number += 1
            yield f"{i}.{j}", Row(path.name, number, paragraph.values)


def _objects(row: Row, key: str) -> Iterator[Row]:
    values = row.values.get(key)
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise row.error(f"{key} is not a list of objects; expected the SQuAD layout: data, paragraphs, qas")
    return (Row(row.source, row.number, value) for value in values)
