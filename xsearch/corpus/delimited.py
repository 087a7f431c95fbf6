"""CSV and TSV files with a header line."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path

import pyarrow as pa

from xsearch.corpus.column_types import CellTypes, conform
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
            metadata = conform(table, schema) if schema.names else rows.metadata
            yield Rows(rows.numbers, rows.texts, rows.ids, rows.langs, metadata, rows.broken)

    @cached_property
    def _header(self) -> list[str]:
        header = [name.strip() for name in next(self._records(), [])]
        if not any(header):
            raise CorpusError(f"{self.path} is empty; expected a header line with column names")
        return header

    @cached_property
    def _delimiter(self) -> str:
        if self._tabs:
            return "\t"
        return max(_DELIMITERS, key=self._columns_if)

    @property
    def _tabs(self) -> bool:
        return self.path.suffix.lower() == ".tsv"

    def _columns_if(self, delimiter: str) -> int:
        """How many columns the header names if this separates its cells, which may span lines; 0 if it cannot."""
        try:
            return len(next(filter(None, csv.reader(self._lines(), delimiter=delimiter, strict=True)), []))
        except csv.Error:
            return 0

    @cached_property
    def _quoted(self) -> bool:
        """Whether quotation marks enclose cells: in a TSV file that has others, they are all part of the text.

        One that encloses nothing would swallow the rows up to the next, so all of such a file is looked at.
        """
        if self._tabs:
            try:
                deque(csv.reader(self._lines(), delimiter="\t", strict=True), maxlen=0)
            except csv.Error:
                return False
        return True

    def _chunks(self, columns: Columns, size: int) -> Iterator[tuple[pa.Table, Rows]]:
        numbers: list[int] = []
        records: list[list[str]] = []
        broken: list[tuple[int, str]] = []
        weight = 0
        width = len(self._header)
        for number, record in enumerate(islice(self._records(), 1, None), start=1):
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

    def _records(self) -> Iterator[list[str]]:
        """The cells of the header and of each row, blank lines passed over."""
        lines = csv.reader(
            self._lines(),
            delimiter=self._delimiter,
            quoting=csv.QUOTE_MINIMAL if self._quoted else csv.QUOTE_NONE,
            strict=True,
        )
        number = 0
        try:
            for record in filter(None, lines):
                yield record
                number += 1
        except csv.Error as error:
            where = f"row {number}" if number else "header"
            raise CorpusError(
                f"{self.path}, {where}: {error}; expected cells of at most {MAX_ROW_BYTES >> 20} MB, quotes closed, "
                "and doubled within a quoted cell, and one kind of line end"
            ) from error

    def _lines(self) -> Iterator[str]:
        csv.field_size_limit(MAX_ROW_BYTES)
        for number, line in read_lines(self.path):
            try:
                yield line.decode("utf-8")
            except UnicodeDecodeError as error:
                raise CorpusError(f"{self.path}, line {number}: {not_utf8(error)}") from error
