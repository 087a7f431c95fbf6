"""One column of a file as plain texts: the queries of a batch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from xsearch.corpus.columns import TEXT_NAMES, Columns, choose_columns
from xsearch.corpus.files import find_files
from xsearch.corpus.lines import not_utf8, read_lines
from xsearch.corpus.screening import Problem, Screening
from xsearch.corpus.sources import open_source
from xsearch.errors import CorpusError

QUERY_NAMES = ("query", "question", *TEXT_NAMES)

_CHUNK = 1024


def read_queries(path: str | Path, column: str | None = None) -> Iterator[str]:
    """The queries of a .txt file (one a line, blank lines passed over), or of a Parquet, JSONL or CSV column.

    Raises:
        CorpusError: the file is missing, corrupt or of no known format, the column cannot be told or does not
            exist, or a cell is no string or blank.
    """
    if Path(path).suffix.lower() == ".txt":
        yield from _lines(Path(path))
        return
    for file in find_files([path]):  # as it was given: an empty name is no path, which `Path` hides
        source = open_source(file)
        present = source.present()
        known = next((name for name in QUERY_NAMES if present.get(name)), None)
        chosen = choose_columns(present, text=column or known, id=None, lang=None, where=str(file))
        columns = Columns(chosen.text, None, None, ())
        screening = Screening()
        for rows in source.rows(columns, pa.schema([]), _CHUNK):
            documents, problems = screening.screen(rows, file=file, unit=source.unit, label="")
            problems += [
                Problem(file, source.unit, number, "the query is empty; expected some words")
                for number, text in zip(rows.numbers, rows.texts, strict=True)
                if isinstance(text, str) and not text.strip()
            ]
            if problems:
                raise CorpusError(f"{problems[0]}; mend the file")
            yield from documents.texts


def _lines(path: Path) -> Iterator[str]:
    if not path.is_file():
        raise CorpusError(f"no such file: {path}; check the path")
    for number, line in read_lines(path):
        try:
            text = line.decode("utf-8").strip()
        except UnicodeDecodeError as error:
            raise CorpusError(f"{path}, line {number}: {not_utf8(error)}") from error
        if text:
            yield text
