"""Files that a command writes: complete, or not there at all."""

from __future__ import annotations

import contextlib
import csv
import uuid
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from xsearch.errors import CorpusError
from xsearch.json_lines import cell_value, json_line

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES = (".parquet", ".jsonl", ".csv")


def check_output(path: Path, inputs: Iterable[Path]) -> None:
    """Refuses a file that a command cannot write, or should not, for it is one of those that it reads.

    Raises:
        CorpusError: there can be no file of that name, or it is one of the inputs, under whatever name.
    """
    problem = None
    if path.is_dir():
        problem = "it is a directory"
    elif not path.parent.is_dir():
        problem = f"there is no directory {path.parent}"
    if problem:
        raise CorpusError(f"cannot write {path}: {problem}; name a file in a directory that exists")
    if path.exists() and any(one.exists() and path.samefile(one) for one in inputs):
        raise CorpusError(f"cannot write {path}: it is one of the inputs; name another file")


@contextlib.contextmanager
def replacing(path: Path, inputs: Iterable[Path] = ()) -> Iterator[IO[bytes]]:
    """A file that takes the place of ``path`` when the block ends well, and is removed otherwise.

    Raises:
        CorpusError: as ``check_output``.
    """
    check_output(path, inputs)
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with draft.open("wb") as file:
            yield file
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def write_parquet(
    batches: Iterable[pa.RecordBatch], path: Path, inputs: Iterable[Path], *, empty: pa.Schema
) -> int:
    """Streams batches of one schema, made of the inputs, into a Parquet file; returns the number of rows.

    ``empty`` is the schema of the file if there is no batch.
    """
    import pyarrow.parquet as pq

    rows = 0
    with replacing(path, inputs) as file:
        stream = iter(batches)
        first = next(stream, None)
        with pq.ParquetWriter(file, first.schema if first else empty, compression="zstd") as writer:
            for batch in chain([first] if first else [], stream):
                writer.write_batch(batch)
                rows += batch.num_rows
    return rows


def write_documents(batches: Iterable[pa.RecordBatch], path: Path, inputs: Iterable[Path]) -> int:
    """Streams documents of the inputs into a Parquet, JSONL or CSV file, told by its name; returns how many.

    Raises:
        CorpusError: the name ends in something else; or as ``check_output``.
    """
    match path.suffix.lower():
        case ".parquet":
            import pyarrow as pa

            empty = pa.schema([(name, pa.string()) for name in ("id", "lang", "text")])
            return write_parquet(batches, path, inputs, empty=empty)
        case ".jsonl":
            with replacing(path, inputs) as file:
                return sum(_write_lines(file, batch.to_pylist()) for batch in batches)
        case ".csv":
            with replacing(path, inputs) as file:
                return _write_csv(file, batches)
    raise CorpusError(f"cannot tell the format of {path}; expected a name ending in {', '.join(SUFFIXES)}")


def _write_lines(file: IO[bytes], documents: list[dict[str, Any]]) -> int:
    file.writelines(json_line(document).encode() + b"\n" for document in documents)
    return len(documents)


def _write_csv(file: IO[bytes], batches: Iterable[pa.RecordBatch]) -> int:
    rows = 0
    writer = csv.writer(_Utf8Lines(file))
    for batch in batches:
        if rows == 0:
            writer.writerow(batch.schema.names)
        for document in batch.to_pylist():
            writer.writerow([cell_value(value) for value in document.values()])
        rows += batch.num_rows
    return rows


class _Utf8Lines:
    """What ``csv.writer`` writes to, over a binary file."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, line: str) -> int:
        return self._file.write(line.encode())
