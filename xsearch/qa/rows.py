"""Rows of question and evaluation files: Parquet, JSON Lines, CSV and TSV, read as a stream.

Every value is checked where it is taken out, and every complaint names the file and the row, counted from 1.
"""

from __future__ import annotations

import csv
import gzip
import json
import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from xsearch.errors import EvaluationError
from xsearch.surrogates import has_surrogates

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_LINE_CHARACTERS = 16_000_000
"""A longer line of JSON, or cell of CSV, is refused: it is not a row of questions, and would fill the memory."""

JSON_SUFFIXES = (".jsonl", ".ndjson")
TABLE_SUFFIXES = (".parquet", *JSON_SUFFIXES, ".csv", ".tsv")


class InvalidRows:
    """What becomes of rows that cannot be used: the first stops the run, or all are counted."""

    def __init__(self, *, skip: bool = False) -> None:
        self.skip = skip
        self.count = 0
        self.examples: list[str] = []

    def meet(self, error: EvaluationError) -> None:
        """Raises `error`, or counts it where rows are to be skipped and keeps the first ten."""
        if not self.skip:
            raise error
        self.count += 1
        if len(self.examples) < 10:
            self.examples.append(str(error))


@dataclass(frozen=True)
class Row:
    """One row of a file: its number from 1, and its cells by column."""

    source: str
    number: int
    values: dict[str, Any]

    def error(self, problem: str) -> EvaluationError:
        """An error that says where it is."""
        return EvaluationError(f"{self.source}, row {self.number}: {problem}")

    def has(self, column: str) -> bool:
        """Whether the cell holds anything but null and white space."""
        value = self.values.get(column)
        return value is not None and not (isinstance(value, str) and not value.strip())

    def text(self, column: str) -> str:
        """The cell as text, stripped; raises EvaluationError if it is empty or no text."""
        return self.check_text(self._cell(column), column)

    def check_text(self, value: Any, column: str) -> str:
        """`value` as text without surrounding white space, or an EvaluationError that names `column`."""
        if not isinstance(value, str):
            raise self.error(f"{column} is {_kind(value)}, expected text; fix the row or use --skip-invalid")
        if not value.strip():
            raise self.error(f"{column} is empty, expected text; fix the row or use --skip-invalid")
        if has_surrogates(value):
            raise self.error(
                f"{column} has half of a surrogate pair, expected valid Unicode; save it as UTF-8"
            )
        return value.strip()

    def number_in(self, column: str) -> float:
        """The cell as a finite number; text that spells one is accepted."""
        value = self._cell(column)
        try:
            if isinstance(value, bool):
                raise TypeError
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            raise self.error(f"{column} is {_kind(value)}, expected a number") from None
        if not math.isfinite(number):
            raise self.error(f"{column} is {number}, expected a finite number")
        return number

    def integer(self, column: str) -> int:
        """The cell as a whole number; text that spells one and 2.0 are accepted."""
        number = self.number_in(column)
        if number != int(number):
            raise self.error(f"{column} is {number}, expected a whole number")
        return int(number)

    def identifier(self, column: str) -> str:
        """The cell, text or a whole number, as a name that other files use for the row: text without NUL."""
        value = self._cell(column)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        name = self.check_text(value, column)
        if "\0" in name:
            raise self.error(
                f"{column} has the character NUL, expected a name; fix the row or use --skip-invalid"
            )
        return name

    def texts(self, column: str) -> list[Any]:
        """The cell as a list: a list column, or text that holds a JSON list (the only way in CSV)."""
        value = self._cell(column)
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                raise self.error(
                    f'{column} is text, expected a list; in CSV write it as JSON, such as ["yes", "no"]'
                ) from None
        if not isinstance(value, list):
            raise self.error(f"{column} is {_kind(value)}, expected a list of texts")
        return value

    def _cell(self, column: str) -> Any:
        if column not in self.values:
            raise self.error(
                f"no column {column}; the row has {', '.join(sorted(map(str, self.values)))[:300]}"
            )
        return self.values[column]


def read_rows(path: Path, invalid: InvalidRows) -> Iterator[Row]:
    """The rows of one Parquet, JSON Lines, CSV or TSV file (the text formats also as .gz), in order.

    Raises:
        EvaluationError: the file is missing, corrupt or of another format, or, unless `invalid` skips,
            a line is no row.
    """
    suffix = table_suffix(path)
    if suffix not in TABLE_SUFFIXES:
        raise EvaluationError(f"{path} is not a table; expected one of {', '.join(TABLE_SUFFIXES)}")
    try:
        if suffix == ".parquet":
            yield from _parquet_rows(path)
            return
        with open_text(path) as handle:
            if suffix in JSON_SUFFIXES:
                yield from _jsonl_rows(handle, path, invalid)
            else:
                yield from _csv_rows(handle, path, "\t" if suffix == ".tsv" else ",", invalid)
    except FileNotFoundError:
        raise EvaluationError(f"no file {path}; check the name") from None
    except UnicodeDecodeError as error:
        raise EvaluationError(f"{path} is not UTF-8 ({error.reason}); save it as UTF-8") from None
    except (OSError, EOFError, zlib.error) as error:
        raise EvaluationError(f"{path} cannot be read: {error}") from error


def table_suffix(path: Path) -> str:
    """The suffix that tells the format, in lower case: `.jsonl` for `test.JSONL.gz`."""
    name = path.name.lower().removesuffix(".gz")
    return Path(name).suffix


def open_text(path: Path) -> TextIO:
    """Opens a text file, compressed or not, as UTF-8 with or without a byte order mark."""
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _parquet_rows(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches(batch_size=1024):
                for values in batch.to_pylist():
                    number += 1
                    yield Row(path.name, number, values)
    except (pa.ArrowException, ValueError, OverflowError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise EvaluationError(f"{path} is not a readable Parquet file: {reason}; write it again") from error


def _jsonl_rows(handle: TextIO, path: Path, invalid: InvalidRows) -> Iterator[Row]:
    number = 0
    while line := handle.readline(MAX_LINE_CHARACTERS + 1):
        number += 1
        if len(line) > MAX_LINE_CHARACTERS:
            raise EvaluationError(f"{path.name}, row {number}: longer than {MAX_LINE_CHARACTERS} characters")
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            values = None
        row = Row(path.name, number, values if isinstance(values, dict) else {})
        if not isinstance(values, dict):
            invalid.meet(row.error("not a JSON object; expected one object a line with the columns as keys"))
            continue
        yield row


def _csv_rows(handle: TextIO, path: Path, delimiter: str, invalid: InvalidRows) -> Iterator[Row]:
    csv.field_size_limit(MAX_LINE_CHARACTERS)  # its own would refuse a passage of a few hundred sentences
    try:
        # strict, or a quote that nothing closes would take the rest of the file for one cell
        for number, values in enumerate(csv.DictReader(handle, delimiter=delimiter, strict=True), start=1):
            row = Row(path.name, number, dict(values))
            if None in values:
                separators = "commas" if delimiter == "," else "tabs"
                invalid.meet(
                    row.error(f"more cells than the header has columns; quote cells that hold {separators}")
                )
                continue
            yield row
    except csv.Error as error:
        raise EvaluationError(f"{path} is not a readable CSV file: {error}; write it again") from error


def _kind(value: Any) -> str:
    """What a cell holds, for a message: `“yes”`, `a number (5)`, `a list`."""
    if isinstance(value, str):
        return f"“{value[:40]}”"
    if isinstance(value, bool):
        return "a truth value"
    if isinstance(value, int | float):
        return f"a number ({str(value)[:40]})"
    names = {"NoneType": "missing", "list": "a list", "dict": "an object"}
    return names.get(type(value).__name__, f"of type {type(value).__name__}")
