"""Hits as a table for people."""

from __future__ import annotations

from typing import Any

from xsearch.answers import Answer, AnsweredHit, title_column
from xsearch.cli.printable import printable
from xsearch.cli.table import Column, table
from xsearch.languages import describe

_LONGEST_VALUE = 60


def hits_table(answer: Answer, *, several: bool) -> str:
    """The query and its hits; ``several``: they may come from different collections, so each says which."""
    heading = f"{printable(answer['query'])}  [{describe([answer['lang']])}, {answer['space']} space]"
    if not answer["hits"]:
        return f"{heading}\nNo document matches."
    columns = [Column("rank", right=True), Column("score", right=True), Column("id"), Column("document")]
    if several:
        columns.insert(2, Column("collection"))
    rows = [
        [
            str(hit["rank"]),
            f"{hit['score']:.3f}",
            *([hit["collection"]] if several else []),
            hit["id"],
            _document(hit),
        ]
        for hit in answer["hits"]
    ]
    return f"{heading}\n{table(columns, rows, lines=3)}"


def _document(hit: AnsweredHit) -> str:
    """Title, text and metadata, a paragraph each."""
    metadata = hit["metadata"]
    title = title_column(metadata)
    values = [
        f"{name}: {shown}"
        for name, value in metadata.items()
        if name != title and (shown := _value(value)) is not None
    ]
    paragraphs = [metadata[title] if title else "", hit["text"], " · ".join(values)]
    return "\n".join(filter(None, (" ".join(paragraph.split()) for paragraph in paragraphs)))


def _value(value: Any) -> str | None:
    """A short value as text; long ones are for JSON."""
    if value is None or isinstance(value, (list, dict)):
        return None
    shown = str(value)
    return shown if len(shown) <= _LONGEST_VALUE else None
