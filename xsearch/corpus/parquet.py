"""Parquet files, a few thousand rows at a time whatever the size of their row groups."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from xsearch.corpus.column_types import conform
from xsearch.corpus.columns import Columns
from xsearch.corpus.source import CHUNK_BYTES, Rows, refuse_repeated
from xsearch.errors import CorpusError

_READ_BUFFER = 1 << 20
_SURVEY_ROWS = 8192


@dataclass(frozen=True)
class ParquetSource:
    """One Parquet file; types are what the file declares, with dictionaries and large strings made plain."""

    path: Path
    unit: str = "row"

    def present(self) -> dict[str, bool]:
        """The columns, in order, and whether each may hold text.

        Raises:
            CorpusError: the file is no readable Parquet, or two columns have one name.
        """
        refuse_repeated(self.path, self._schema.names)
        plain = {column.name: _plain(column.type) for column in self._schema}
        return {name: pa.types.is_string(kind) or pa.types.is_null(kind) for name, kind in plain.items()}

    def survey(self, columns: Columns) -> Iterator[Rows]:
        """Passes over text, ids and languages."""
        return self._chunks(columns, pa.schema([]), _SURVEY_ROWS)

    def metadata_schema(self) -> pa.Schema:
        """Names and types of all columns; who knows the roles leaves those out."""
        return pa.schema([(column.name, _plain(column.type)) for column in self._schema])

    def rows(self, columns: Columns, schema: pa.Schema, size: int) -> Iterator[Rows]:
        """The rows in chunks of at most ``size``."""
        return self._chunks(columns, schema, size)

    @cached_property
    def _schema(self) -> pa.Schema:
        with self._reading(), pq.ParquetFile(self.path) as file:
            return file.schema_arrow

    def _chunks(self, columns: Columns, schema: pa.Schema, size: int) -> Iterator[Rows]:
        present = set(self._schema.names)
        wanted = [*columns.roles, *filter(present.__contains__, schema.names)]
        number = 0
        with self._reading(), pq.ParquetFile(self.path, buffer_size=_READ_BUFFER, pre_buffer=False) as file:
            size = min(size, _rows_in_chunk(file.metadata))
            for batch in file.iter_batches(size, columns=wanted, use_threads=False):
                _check_unicode(self.path, batch, number)
                numbers = list(range(number + 1, number + 1 + batch.num_rows))
                cells = partial(self._values, batch)
                yield Rows.of(columns, cells, numbers, conform(batch, schema), broken=[])
                number += batch.num_rows

    def _values(self, batch: pa.RecordBatch, name: str) -> list[Any]:
        try:
            values: list[Any] = batch.column(name).to_pylist()
        except (ValueError, OverflowError) as error:  # a time that Python has none for
            raise CorpusError(
                f"{self.path}: column {name!r} cannot be read ({error}); expected strings or whole numbers"
            ) from error
        return values

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (pa.ArrowException, OSError) as error:
            if isinstance(error, (FileNotFoundError, PermissionError)):
                raise CorpusError(f"cannot read {self.path}: {error.strerror or error}") from error
            reason = str(error).splitlines()[0][:200]
            raise CorpusError(
                f"{self.path} is no readable Parquet file ({reason}); write or copy it again"
            ) from error


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        return _plain(kind.storage_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    return kind


def _rows_in_chunk(metadata: pq.FileMetaData) -> int:
    """How many rows of the fattest row group fit into the memory that a chunk may take."""
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    fattest = max((group.total_byte_size / max(1, group.num_rows) for group in groups), default=1.0)
    return max(1, int(CHUNK_BYTES / max(1.0, fattest)))


def _check_unicode(path: Path, batch: pa.RecordBatch, before: int) -> None:
    """Arrow trusts the file that its strings are UTF-8; reading a wrong one would fail much later."""
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if not pa.types.is_string(column.type) and not pa.types.is_large_string(column.type):
            continue
        try:
            column.validate(full=True)
        except pa.ArrowInvalid as error:
            bad = next(i for i in range(len(column)) if not _is_utf8(column[i : i + 1]))
            raise CorpusError(
                f"{path}, row {before + bad + 1}: column {name!r} is not UTF-8; write it from decoded text"
            ) from error


def _is_utf8(cell: pa.Array) -> bool:
    try:
        cell.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
