"""A segment: an immutable run of documents with ascending keys, their vectors, and the tables that find them.

documents.parquet   key, id, language, text and metadata
records.jsonl       id, language and metadata of each document, for hits
rows.npy            (3, n) int64: key, offset of the text, offset of the record
ids.npy             (2, n) uint64: sorted hashes of the ids, and their rows
vectors.SPACE.npy   (n, d) float16, one for each indexed space
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xsearch.collection.documents import DocumentsReader, DocumentsWriter
from xsearch.collection.durable import settle
from xsearch.collection.manifest import ColumnRecord, SegmentRecord
from xsearch.collection.vectors import VectorsWriter, open_array
from xsearch.errors import CollectionError
from xsearch.index.exact import ExactIndex

if TYPE_CHECKING:
    import pyarrow as pa

FOLDER = "segments"


def id_hashes(ids: Sequence[str]) -> NDArray[np.uint64]:
    """64-bit BLAKE2b of every id. Raises CollectionError for an id that is not valid Unicode."""
    try:
        digests = b"".join(hashlib.blake2b(id_.encode(), digest_size=8).digest() for id_ in ids)
    except UnicodeEncodeError:
        raise CollectionError("an id is not valid Unicode (it has a lone surrogate); repair it") from None
    return np.frombuffer(digests, "<u8")


def find(ascending: NDArray[np.int64], key: int) -> int | None:
    """Where `key` stands among (n,) ascending keys, None if it is not among them."""
    at = int(ascending.searchsorted(key)) if len(ascending) else 0
    return at if at < len(ascending) and ascending[at] == key else None


class SegmentWriter:
    """Streams documents into a new segment folder; memory grows only by a few numbers a document."""

    def __init__(
        self, collection: Path, name: str, spaces: Sequence[str], dimension: int, metadata: "pa.Schema"
    ) -> None:
        self.name, self.metadata = name, metadata
        self.columns = tuple(ColumnRecord(field.name, str(field.type)) for field in metadata)
        self._collection = collection
        self._folder = collection / FOLDER / name
        self._folder.mkdir(parents=True)
        self._documents = DocumentsWriter(self._folder, metadata)
        self._stack = ExitStack()
        self._vectors = {
            space: self._stack.enter_context(VectorsWriter(self._folder / f"vectors.{space}.npy", dimension))
            for space in spaces
        }
        self._keys: list[NDArray[np.int64]] = []
        self._hashes: list[NDArray[np.uint64]] = []
        self._languages: Counter[str] = Counter()
        self.rows = 0

    def append(
        self,
        keys: NDArray[np.int64],
        ids: Sequence[str],
        texts: Sequence[str],
        langs: Sequence[str],
        metadata: "pa.Table",
        vectors: Mapping[str, NDArray[np.float16]],
    ) -> None:
        """Add documents with ascending keys; `vectors` holds (n, d) float16 for every space."""
        hashes = id_hashes(ids)
        self._documents.append(keys, ids, texts, langs, metadata)
        for space, writer in self._vectors.items():
            writer.append(vectors[space])
        self._keys.append(keys)
        self._hashes.append(hashes)
        self._languages.update(langs)
        self.rows += len(keys)

    def finish(self) -> SegmentRecord:
        """Complete the files, flush them to the disk and describe them."""
        text_offsets, record_offsets = self._documents.finish()
        self._stack.close()
        keys = np.concatenate(self._keys)
        hashes = np.concatenate(self._hashes)
        order = np.argsort(hashes, kind="stable")
        np.save(self._folder / "rows.npy", np.stack([keys, text_offsets, record_offsets]))
        np.save(self._folder / "ids.npy", np.stack([hashes[order], order.astype(np.uint64)]))
        return SegmentRecord(
            name=self.name,
            rows=self.rows,
            first_key=int(keys[0]),
            last_key=int(keys[-1]),
            languages=dict(self._languages),
            columns=self.columns,
            files=settle(self._collection, sorted(self._folder.iterdir())),
        )

    def abandon(self) -> None:
        """Close the files; the folder is an orphan then, removed by whoever holds the lock."""
        self._documents.abandon()
        with suppress(OSError):
            self._stack.close()


class Segment:
    """A committed segment, opened by memory map. Missing files raise FileNotFoundError, odd ones CollectionError."""

    def __init__(
        self, collection: Path, record: SegmentRecord, spaces: Sequence[str], dimension: int
    ) -> None:
        folder = collection / FOLDER / record.name
        rows: Any = open_array(folder / "rows.npy", (3, record.rows), "<i8")
        self.record = record
        self.keys: NDArray[np.int64] = rows[0]
        self._ids: Any = open_array(folder / "ids.npy", (2, record.rows), "<u8")
        self._documents = DocumentsReader(folder, rows[1], rows[2])
        self._columns = [column.name for column in record.columns]
        self.parquet_path = folder / "documents.parquet"
        self.vectors: dict[str, NDArray[np.float16]] = {
            space: open_array(folder / f"vectors.{space}.npy", (record.rows, dimension), "<f2")  # type: ignore[misc]
            for space in spaces
        }
        self.is_dense = record.last_key - record.first_key + 1 == record.rows
        self._exact: dict[tuple[str, int], ExactIndex] = {}

    def rows_of(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """The row of each key, or -1 where the segment does not hold it."""
        if self.is_dense:
            rows = keys - self.record.first_key
            return np.where((rows >= 0) & (rows < self.record.rows), rows, -1)
        rows = np.minimum(np.searchsorted(self.keys, keys), self.record.rows - 1)
        return np.where(self.keys[rows] == keys, rows, -1)

    def row_of(self, key: int) -> int | None:
        """The row of one key, None where the segment does not hold it."""
        if self.is_dense:
            row = key - self.record.first_key
            return row if 0 <= row < self.record.rows else None
        return find(self.keys, key)

    def exact(self, space: str, first_row: int) -> ExactIndex:
        """Exact search over the vectors from `first_row` on, which is row 0 there."""
        if (space, first_row) not in self._exact:
            self._exact[space, first_row] = ExactIndex(self.vectors[space][first_row:])
        return self._exact[space, first_row]

    def rows_with_ids(self, ids: Sequence[str]) -> list[tuple[str, int]]:
        """(id, row) of every row whose id is among `ids`; a deleted version of a document is found too."""
        hashes = id_hashes(ids)
        left = np.searchsorted(self._ids[0], hashes, "left")
        right = np.searchsorted(self._ids[0], hashes, "right")
        return [
            (ids[which], int(row))
            for which in np.flatnonzero(right > left).tolist()
            for row in self._ids[1][left[which] : right[which]]
            if self._documents.record(int(row))[0] == ids[which]
        ]

    def fields(self, row: int, columns: Sequence[str]) -> tuple[str, str, str, dict[str, Any]]:
        """Id, language, text and the metadata of a row: the collection's `columns`, None where it has no value."""
        record = self._documents.record(row)
        metadata = dict(zip(self._columns, record[2:], strict=False))
        if len(metadata) < len(columns):
            metadata = {name: metadata.get(name) for name in columns}
        return record[0], record[1], self._documents.text(row), metadata

    def check_in_place(self) -> None:
        """Raise FileNotFoundError if the documents' Parquet file is gone or another has its name."""
        self._documents.check_in_place()

    def schema(self) -> "pa.Schema":
        """The columns of the documents, ours and the metadata's."""
        return self._documents.schema()

    def batches(self, most: int, columns: Sequence[str] | None = None) -> Iterator["pa.RecordBatch"]:
        """The documents in order, see `DocumentsReader.batches`."""
        return self._documents.batches(most, columns)
