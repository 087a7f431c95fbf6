"""CSV and TSV files with a header line."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path

import pyarrow as pa

from xsearch.corpus.column_types import CellTypes, conform
from xsearch.corpus.columns import Columns
from xsearch.corpus.lines import not_utf8, read_lines
from xsearch.corpus.source import MAX_ROW_BYTES, Rows, chunked, no_metadata, refuse_repeated
from xsearch.errors import CorpusError

_SURVEY_ROWS = 4096
DELIMITERS = ",;\t|"


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
            yield replace(rows, metadata=conform(table, schema))

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
        return max(DELIMITERS, key=self._columns_if)

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
        for numbers, records, broken in chunked(self._data_rows(), size):
            cells = [[record[i] or None for record in records] for i in range(len(self._header))]
            table = pa.table([pa.array(column, pa.string()) for column in cells], names=self._header)
            by_name = dict(zip(self._header, cells, strict=True))
            metadata = no_metadata(len(records))
            yield table, Rows.of(columns, by_name.__getitem__, numbers, metadata, broken)

    def _data_rows(self) -> Iterator[tuple[int, int, list[str] | str]]:
        """Number, length and cells of each row below the header, or the reason why it is broken."""
        width = len(self._header)
        for number, record in enumerate(islice(self._records(), 1, None), start=1):
            fits = len(record) == width
            cells = record if fits else f"{len(record)} cells; expected {width}, as in the header"
            yield number, sum(map(len, record)), cells

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
