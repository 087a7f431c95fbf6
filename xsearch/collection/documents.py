"""The documents of a segment: one Parquet file, laid out so that a single text can be read without Parquet.

Queries need k texts, not a table. The text column is stored uncompressed and PLAIN with one page for each row
group, which makes every text a plain run of bytes (a 4-byte length, then UTF-8) at an offset that is noted
beside the file in `rows.npy`. So a hit costs one look into a memory map, needs no pyarrow, and the text is
stored once, in Parquet that any tool reads. The small typed fields of a hit (id, language, metadata) stand as
one line of JSON a document in `records.jsonl`. The Parquet format fixes the layout used here: data pages V1,
PLAIN byte arrays, required columns (https://parquet.apache.org/docs/file-format/data-pages/encodings/).
"""

import errno
import mmap
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xsearch.collection import values
from xsearch.errors import CollectionError

if TYPE_CHECKING:
    import pyarrow as pa

KEY, ID, LANG, TEXT = "_key", "_id", "_lang", "_text"
INTERNAL = (KEY, ID, LANG, TEXT)

_GROUP_ROWS = 8192
_GROUP_BYTES = 32 << 20
_LONGEST_TEXT = 1 << 30
_ONE_PAGE = 2**31 - 1
_BATCH_BYTES = 8 << 20


class DocumentsWriter:
    """Streams documents to `documents.parquet` and `records.jsonl`; memory stays at one row group."""

    def __init__(self, folder: Path, metadata: "pa.Schema") -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        fields = [
            pa.field(KEY, pa.int64(), nullable=False),
            pa.field(ID, pa.string(), nullable=False),
            pa.field(LANG, pa.string(), nullable=False),
            pa.field(TEXT, pa.string(), nullable=False),
        ]
        self._schema = pa.schema([*fields, *metadata])
        leaves = _leaf_paths(self._schema)
        self._path = folder / "documents.parquet"
        self._writer = pq.ParquetWriter(
            self._path,
            self._schema,
            version="2.6",
            data_page_version="1.0",
            data_page_size=_ONE_PAGE,
            max_rows_per_page=_ONE_PAGE,
            compression={leaf: "NONE" if leaf == TEXT else "ZSTD" for leaf in leaves},
            use_dictionary=[leaf for leaf in leaves if leaf not in (KEY, ID, TEXT)],
            write_statistics=[leaf for leaf in leaves if leaf != TEXT],
        )
        self._records = (folder / "records.jsonl").open("wb")
        self._record_offsets: list[int] = []
        self._record_end = 0
        self._lengths: list[NDArray[np.int64]] = []
        self._waiting: list[pa.Table] = []
        self._waiting_rows = self._waiting_bytes = 0

    def append(
        self,
        keys: NDArray[np.int64],
        ids: Sequence[str],
        texts: Sequence[str],
        langs: Sequence[str],
        metadata: "pa.Table",
    ) -> None:
        """Add documents; `metadata` has the schema given at the start and a row for each document."""
        import pyarrow as pa

        # first all that may be refused: a batch is taken in whole or leaves no trace
        encoded = [encode_text(id_, text) for id_, text in zip(ids, texts, strict=True)]
        columns = [pa.array(keys), pa.array(ids, pa.string()), pa.array(langs, pa.string())]
        columns.append(pa.array(encoded, pa.binary()).cast(pa.string()))
        table = pa.table([*columns, *metadata.columns], schema=self._schema)
        for line in _record_lines(ids, langs, metadata):
            self._record_offsets.append(self._record_end)
            self._record_end += self._records.write(line)
        self._lengths.append(np.fromiter(map(len, encoded), np.int64, len(encoded)))
        self._waiting.append(table)
        self._waiting_rows += len(encoded)
        self._waiting_bytes += table.nbytes
        if self._waiting_rows >= _GROUP_ROWS or self._waiting_bytes >= _GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._waiting:
            table = pa.concat_tables(self._waiting).combine_chunks()
            groups = -(-table.nbytes // _GROUP_BYTES)  # one large batch of the caller's becomes several
            self._writer.write_table(table, row_group_size=-(-table.num_rows // groups))
        self._waiting, self._waiting_rows, self._waiting_bytes = [], 0, 0

    def finish(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Close the files. Returns the offset of every text in the Parquet file and of every record in its file."""
        self._flush()
        self._writer.close()
        self._records.close()
        lengths = np.concatenate(self._lengths) if self._lengths else np.empty(0, np.int64)
        return text_offsets(self._path, lengths), np.array(self._record_offsets, np.int64)

    def abandon(self) -> None:
        """Close the files without finishing them, also on a disk that takes nothing more."""
        self._waiting = []
        for file in (self._writer, self._records):
            with suppress(OSError):
                file.close()


def text_offsets(path: Path, lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each text's 4-byte length stands in a Parquet file whose text column has one PLAIN page a row group.

    `lengths`: (n,) bytes of each text. The page's values end where its column chunk ends, so their start
    follows from the lengths without parsing the page header. Every offset is then read back.
    """
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(path)
    column = [metadata.schema.column(i).path for i in range(len(metadata.schema))].index(TEXT)
    offsets = np.empty(len(lengths), np.int64)
    row = 0
    for group in range(metadata.num_row_groups):
        chunk = metadata.row_group(group).column(column)
        sizes = lengths[row : row + chunk.num_values] + 4
        end = chunk.data_page_offset + chunk.total_compressed_size
        offsets[row : row + len(sizes)] = end - sizes.sum() + np.cumsum(sizes) - sizes
        row += len(sizes)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        view = np.frombuffer(content, np.uint8)
        found = sum(view[offsets + byte].astype(np.int64) << (8 * byte) for byte in range(4))
        fits = row == len(lengths) and bool(np.all(found == lengths))
        del view
    if not fits:
        raise CollectionError(
            f"{path} was not written with one page a row group, so its texts cannot be found again: "
            "this version of pyarrow lays Parquet out differently; install the version in constraints.txt"
        )
    return offsets


def encode_text(id_: str, text: str) -> bytes:
    """UTF-8 of a document's text. Raises CollectionError for lone surrogates and texts beyond 1 GiB."""
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        raise CollectionError(
            f"the text of document {id_!r} is not valid Unicode (it has a lone surrogate); repair or leave "
            "it out"
        ) from None
    if len(encoded) > _LONGEST_TEXT:
        raise CollectionError(
            f"the text of document {id_!r} has {len(encoded)} bytes, more than 1 GiB; split it into passages"
        )
    return encoded


def _record_lines(ids: Sequence[str], langs: Sequence[str], metadata: "pa.Table") -> list[bytes]:
    """The line of `records.jsonl` for each document."""
    columns = [_python_values(metadata, name) for name in metadata.column_names]
    return [values.dumps(list(row)) + b"\n" for row in zip(ids, langs, *columns, strict=True)]


def _leaf_paths(schema: "pa.Schema") -> list[str]:
    """The Parquet paths of a schema's leaves (`tags.list.element`), by which the writer's options go."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(schema.empty_table(), sink)
    parquet = pq.read_metadata(pa.BufferReader(sink.getvalue())).schema
    return [parquet.column(i).path for i in range(len(parquet))]


def _python_values(metadata: "pa.Table", name: str) -> list[Any]:
    """A column's values. Raises CollectionError for those that Python has no form for, such as the year 30000."""
    try:
        found: list[Any] = metadata.column(name).to_pylist()
    except (ValueError, OverflowError) as error:  # Arrow's own error for a time zone is a ValueError
        raise CollectionError(
            f"the metadata column {name!r} has values that cannot be stored ({error}); mend or drop it"
        ) from error
    return found


class DocumentsReader:
    """Random access to the documents of one segment through memory maps."""

    def __init__(
        self, folder: Path, text_offsets: NDArray[np.int64], record_offsets: NDArray[np.int64]
    ) -> None:
        self._folder = folder
        self._path = folder / "documents.parquet"
        self._texts, self._file = _map(self._path)
        self._records, _ = _map(folder / "records.jsonl")
        self._text_offsets = text_offsets
        self._record_offsets = record_offsets

    def text(self, row: int) -> str:
        """The text of a row."""
        try:
            start = self._text_offsets.item(row)
            length = int.from_bytes(self._texts[start : start + 4], "little")
            return self._texts[start + 4 : start + 4 + length].decode()
        except (ValueError, IndexError, OverflowError):
            raise self._damaged("documents.parquet", f"row {row}") from None

    def record(self, row: int) -> list[Any]:
        """Id, language and metadata values of a row."""
        try:
            start = self._record_offsets.item(row)
            record = values.loads(self._records[start : self._records.find(b"\n", start)])
            if len(record) < 2:
                raise ValueError("no id and language")
            return record
        except (ValueError, IndexError, OverflowError, TypeError, RecursionError):
            raise self._damaged("records.jsonl", f"row {row}") from None

    def check_in_place(self) -> None:
        """Raise FileNotFoundError if the Parquet file is gone or another has its name, as after a drop and a new index.

        Whoever reads it by its name must ask, before the result is used.
        """
        found = self._path.stat()
        if (found.st_dev, found.st_ino) != self._file:
            raise FileNotFoundError(errno.ENOENT, "No such file", str(self._path))

    def schema(self) -> "pa.Schema":
        """The columns of the Parquet file. Raises CollectionError if it is damaged."""
        with self._reading():
            schema: pa.Schema = self._parquet().schema_arrow
        return schema

    def batches(self, most: int, columns: Sequence[str] | None = None) -> Iterator["pa.RecordBatch"]:
        """The documents in order, all columns or these, in batches of at most `most` rows or some 8 MB.

        Raises CollectionError if the Parquet file is damaged.
        """
        with self._reading():
            file = self._parquet()
            # by row groups, since only within one are the rows' sizes alike
            for number in range(file.num_row_groups):
                group = file.metadata.row_group(number)
                fitting = group.num_rows * _BATCH_BYTES // max(group.total_byte_size, 1)
                rows = min(most, max(1, fitting))
                for batch in file.iter_batches(rows, row_groups=[number], columns=columns):
                    batch.validate(full=True)
                    yield batch

    def _parquet(self) -> Any:
        """A `pyarrow.parquet.ParquetFile` over the memory map."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        return pq.ParquetFile(pa.BufferReader(pa.py_buffer(self._texts)))

    @contextmanager
    def _reading(self) -> Iterator[None]:
        import pyarrow as pa

        try:
            yield
        except pa.ArrowMemoryError:
            raise
        except (pa.ArrowException, OSError) as error:
            raise self._damaged("documents.parquet", str(error)) from None

    def _damaged(self, name: str, what: str) -> CollectionError:
        what = " ".join(what.split())
        return CollectionError(
            f"{self._folder / name} is damaged ({what}); `xsearch verify` names every damaged file, "
            "restore them from a backup or index the corpus again"
        )


def _map(path: Path) -> tuple[mmap.mmap, tuple[int, int]]:
    """A map of the file, which keeps it on the disk whatever has its name, and the numbers of its device and inode."""
    with path.open("rb") as file:
        found = os.fstat(file.fileno())
        try:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), (found.st_dev, found.st_ino)
        except ValueError:  # its size was right a moment ago
            raise CollectionError(
                f"{path} is empty; restore it from a backup or index the corpus again"
            ) from None
