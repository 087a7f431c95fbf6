"""What a reader of one file offers, whatever the format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

import pyarrow as pa

from xsearch.corpus.columns import Columns
from xsearch.errors import CorpusError

MAX_ROW_BYTES = 16 << 20
CHUNK_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Rows:
    """Consecutive rows of one file as they were read; nothing is checked yet.

    ``numbers`` count from 1 as a person would (data rows of Parquet and CSV, lines of JSONL). The lists
    have one entry a row; ``broken`` has the rows that could not be read at all, with the reason.
    """

    numbers: list[int]
    texts: list[Any]
    ids: list[Any] | None
    langs: list[Any] | None
    metadata: pa.Table
    broken: list[tuple[int, str]]

    @classmethod
    def of(
        cls,
        columns: Columns,
        cells: Callable[[str], list[Any]],
        numbers: list[int],
        metadata: pa.Table,
        broken: list[tuple[int, str]],
    ) -> Self:
        """The rows of which ``cells`` gives what stands in a column."""
        ids, langs = (None if name is None else cells(name) for name in (columns.id, columns.lang))
        return cls(numbers, cells(columns.text), ids, langs, metadata, broken)


def no_metadata(rows: int) -> pa.Table:
    """A table of so many rows and no columns."""
    return pa.table({"": pa.nulls(rows)}).select([])


def refuse_repeated(path: Path, names: Sequence[str]) -> None:
    """Raise CorpusError if two columns of a file have one name."""
    repeated = [name for name, times in Counter(names).items() if times > 1]
    if repeated:
        raise CorpusError(f"{path} has several columns named {min(repeated)!r}; expected different names")


Record = TypeVar("Record")


def chunked(
    records: Iterable[tuple[int, int, Record | str]], size: int
) -> Iterator[tuple[list[int], list[Record], list[tuple[int, str]]]]:
    """Numbers and records, and numbers and reasons of broken rows: at most ``size`` of both, or 16 MB, at a time.

    Each of ``records`` is a row's number, its length, and what it holds or the reason why it is broken.
    """
    numbers: list[int] = []
    sound: list[Record] = []
    broken: list[tuple[int, str]] = []
    weight = 0
    for number, length, record in records:
        if isinstance(record, str):
            broken.append((number, record))
        else:
            numbers.append(number)
            sound.append(record)
        weight += length
        if len(sound) + len(broken) >= size or weight >= CHUNK_BYTES:
            yield numbers, sound, broken
            numbers, sound, broken, weight = [], [], [], 0
    if sound or broken:
        yield numbers, sound, broken


class Source(Protocol):
    """One file of a corpus, read from the start as often as needed."""

    @property
    def path(self) -> Path:
        """Where the file is."""

    @property
    def unit(self) -> str:
        """What row numbers count: ``row`` or ``line``."""

    def present(self) -> dict[str, bool]:
        """The columns, in order, and whether each may hold text; before the survey."""

    def survey(self, columns: Columns) -> Iterator[Rows]:
        """Passes over the whole file, without metadata; afterwards ``metadata_schema`` is known."""

    def metadata_schema(self) -> pa.Schema:
        """Names and types of all columns that are not text, id or language."""

    def rows(self, columns: Columns, schema: pa.Schema, size: int) -> Iterator[Rows]:
        """The rows in chunks of at most ``size``, metadata cast to ``schema`` (columns not here are null)."""
