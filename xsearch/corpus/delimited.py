"""CSV and TSV files with a header line."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from xsearch.corpus.column_types import CellTypes
from xsearch.corpus.columns import Columns
from xsearch.corpus.lines import not_utf8, read_lines
from xsearch.corpus.source import CHUNK_BYTES, MAX_ROW_BYTES, Rows, no_metadata, refuse_repeated
from xsearch.errors import CorpusError

_SURVEY_ROWS = 4096
_DELIMITERS = ",;\t|"


@dataclass(frozen=True)
class DelimitedSource:
    """One file of comma-, semicolon-, tab- or bar-separated values; an empty cell is a missing value."""

    path: Path
    unit: str = "row"
    types: CellTypes = field(default_factory=CellTypes)

    def present(self) -> dict[str, bool]:
        """The columns that the header names; any of them may hold text.

        Raises:
            CorpusError: the file has no header, or names a column twice.
        """
        refuse_repeated(self.path, self._header)
        return dict.fromkeys(self._header, True)

    def survey(self, columns: Columns) -> Iterator[Rows]:
        """Passes over the file and notes what the cells of every column look like."""
        for table, rows in self._chunks(columns, _SURVEY_ROWS):
            for name in table.column_names:
                if columns.is_metadata(name):
                    self.types.observe(name, table.column(name))
            yield rows

    def metadata_schema(self) -> pa.Schema:
        """All columns of the header, with the types that the survey found."""
        return self.types.schema(self._header)

    def rows(self, columns: Columns, schema: pa.Schema, size: int) -> Iterator[Rows]:
        """The rows in chunks of at most ``size``."""
        for table, rows in self._chunks(columns, size):
            arrays = [
                table.column(c.name).cast(c.type)
                if c.name in table.column_names
                else pa.nulls(len(table), c.type)
                for c in schema
            ]
            metadata = pa.Table.from_arrays(arrays, schema=schema) if arrays else rows.metadata
            yield Rows(rows.numbers, rows.texts, rows.ids, rows.langs, metadata, rows.broken)

    @cached_property
    def _header(self) -> list[str]:
        header = self._first_record(self._delimiter)
        if not any(header):
            raise CorpusError(f"{self.path} is empty; expected a header line with column names")
        return header

    @cached_property
    def _delimiter(self) -> str:
        if self.path.suffix.lower() == ".tsv":
            return "\t"
        return max(_DELIMITERS, key=lambda delimiter: len(self._first_record(delimiter)))

    def _first_record(self, delimiter: str) -> list[str]:
        """What the header names if this separates its cells, which may span lines."""
        records = csv.reader(self._lines(), delimiter=delimiter)
        try:
            return [name.strip() for name in next(filter(None, records), [])]
        except csv.Error as error:
            raise self._unreadable(0, str(error)) from error

    def _chunks(self, columns: Columns, size: int) -> Iterator[tuple[pa.Table, Rows]]:
        numbers: list[int] = []
        records: list[list[str]] = []
        broken: list[tuple[int, str]] = []
        weight = 0
        width = len(self._header)
        for number, record in self._records():
            if len(record) == width:
                numbers.append(number)
                records.append(record)
            else:
                broken.append((number, f"{len(record)} cells; expected {width}, as in the header"))
            weight += sum(map(len, record))
            if len(records) + len(broken) >= size or weight >= CHUNK_BYTES:
                yield self._chunk(columns, numbers, records, broken)
                numbers, records, broken, weight = [], [], [], 0
        if records or broken:
            yield self._chunk(columns, numbers, records, broken)

    def _chunk(
        self, columns: Columns, numbers: list[int], records: list[list[str]], broken: list[tuple[int, str]]
    ) -> tuple[pa.Table, Rows]:
        cells = [[record[i] or None for record in records] for i in range(len(self._header))]
        table = pa.table([pa.array(column, pa.string()) for column in cells], names=self._header)
        by_name = dict(zip(self._header, cells, strict=True))
        return table, Rows(
            numbers=numbers,
            texts=list(by_name[columns.text]),
            ids=None if columns.id is None else list(by_name[columns.id]),
            langs=None if columns.lang is None else list(by_name[columns.lang]),
            metadata=no_metadata(len(records)),
            broken=broken,
        )

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """Row number and cells of each row after the header, blank lines passed over."""
        lines: list[str] = []  # of the row that is being read, and then of the last one
        last: list[str] = []

        def noted() -> Iterator[str]:
            for line in self._lines():
                lines.append(line)
                yield line

        number = -1
        try:
            for record in csv.reader(noted(), delimiter=self._delimiter):
                if record:
                    number += 1
                    if number:
                        yield number, record
                last = [*lines]
                lines.clear()
        except csv.Error as error:
            raise self._unreadable(number + 1, str(error)) from error
        # Within a quote that nothing closes, one more quote is still of the same row; after a sound row, of another.
        if last and len(list(csv.reader([*last, '"'], delimiter=self._delimiter))) == 1:
            raise self._unreadable(number, "a quote is never closed, so the rest of the file is one cell")

    def _unreadable(self, number: int, reason: str) -> CorpusError:
        where = f"row {number}" if number > 0 else "header"
        return CorpusError(
            f"{self.path}, {where}: {reason}; expected cells of at most {MAX_ROW_BYTES >> 20} MB, closed quotes "
            "and one kind of line end"
        )

    def _lines(self) -> Iterator[str]:
        csv.field_size_limit(MAX_ROW_BYTES)
        for number, line in read_lines(self.path):
            try:
                yield line.decode("utf-8")
            except UnicodeDecodeError as error:
                raise CorpusError(f"{self.path}, line {number}: {not_utf8(error)}") from error
