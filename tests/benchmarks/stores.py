"""The contenders of `make bench-index`: each stores vectors on disk, opens them again and answers queries.

Every graph looks at as many candidates for its links as ours does for as many vectors. `settings` are what a user
would turn to trade time for recall, from the fastest on. One with metadata (xsearch, LanceDB, Milvus) returns
documents; the bare libraries return row numbers only, which costs them less.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from xsearch.index.choice import construction_breadth

Vectors = np.memmap[Any, np.dtype[np.float16]]

_BLOCK = 20_000


class Store(Protocol):
    """A contender; `build` is timed from vectors on disk to an index on disk, `open` in a fresh process."""

    settings: Sequence[int]

    def build(self, vectors: Vectors, folder: Path) -> None: ...

    def open(self, folder: Path, rows: int, dimension: int) -> None: ...

    def set(self, setting: int) -> None: ...

    def search(self, query: NDArray[np.float32]) -> list[int]:
        """The ten nearest rows to a (d,) query."""

    def search_many(self, queries: NDArray[np.float32]) -> list[list[int]]:
        """The same for (m, d) queries that come together, on two threads, as fast as the store can."""


def _blocks(vectors: Vectors) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Read, not mapped, so that the vectors given do not count as memory of whoever takes them."""
    rows, dimension = vectors.shape
    with Path(vectors.filename).open("rb") as file:
        file.seek(vectors.offset)
        for start in range(0, rows, _BLOCK):
            numbers = np.arange(start, min(start + _BLOCK, rows))
            block = np.fromfile(file, vectors.dtype, len(numbers) * dimension)
            yield numbers, block.reshape(-1, dimension).astype(np.float32)


def _words(rows: NDArray[np.int64]) -> list[str]:
    return [f"document {row} " + "with some words to carry " * 8 for row in rows.tolist()]


class _Spelled:
    """An encoder of texts that spell their vectors, for encoding is not what is compared."""

    language, one_space, search_space = "en", True, "shared"
    spaces = ("shared",)
    content_hash = shared_hash = "0" * 64

    def __init__(self) -> None:
        self.dimension = 384

    def encode(self, texts: Sequence[str], space: str = "shared") -> NDArray[np.float32]:
        return np.frombuffer(bytes.fromhex("".join(texts)), np.float32).reshape(len(texts), -1)


class Xsearch:
    """A collection with text and metadata, asked through `Collection.search`."""

    settings = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)

    def __init__(self, factory: str = "auto", memory: int = 4 << 30) -> None:
        self._factory, self._memory = factory, memory

    def build(self, vectors: Vectors, folder: Path) -> None:
        import pyarrow as pa

        from xsearch.collection import Collection, IndexSettings, ModuleRecord
        from xsearch.collection.maintenance import merge_small_segments, tidy

        collection = Collection.create(
            folder / "c",
            modules=[ModuleRecord("en", _Spelled.content_hash)],
            dimension=vectors.shape[1],
            settings=IndexSettings(self._factory, self._memory),
        )
        with collection.writer() as writer:
            for rows, block in _blocks(vectors):
                metadata = pa.table({"year": 1990 + rows % 35})
                ids = [str(row) for row in rows.tolist()]
                writer.add(ids, _words(rows), lang="en", vectors={"shared": block}, metadata=metadata)
                writer.commit()
                merge_small_segments(writer)
            tidy(writer)

    def open(self, folder: Path, rows: int, dimension: int) -> None:
        from xsearch.collection import Collection

        self.collection = Collection.open(folder / "c", encoder_for=lambda _: _Spelled())

    def set(self, setting: int) -> None:
        """`setting` is efSearch of a graph, nprobe of inverted lists; the depth of re-ranking stays as tuned."""
        from xsearch.index.approximate import set_parameters

        for part in self.collection._view.snapshot.parts:
            for space, record in part.record.indexes.items():
                names = {"nprobe": setting} if "nprobe" in record.parameters else {"efSearch": setting}
                set_parameters(part._indexes[space]._index, names)

    def search(self, query: NDArray[np.float32]) -> list[int]:
        return [int(hit.id) for hit in self.collection.search(query.tobytes().hex(), lang="en")]

    def search_many(self, queries: NDArray[np.float32]) -> list[list[int]]:
        import faiss

        faiss.omp_set_num_threads(2)
        found = self.collection.search_vectors(queries)
        faiss.omp_set_num_threads(1)
        return [[int(hit.id) for hit in hits] for hits in found]


class Hnswlib:
    """hnswlib with float32 vectors and 16 links, as its authors recommend."""

    settings = (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)

    def build(self, vectors: Vectors, folder: Path) -> None:
        import hnswlib

        index = hnswlib.Index("ip", vectors.shape[1])
        index.init_index(len(vectors), M=16, ef_construction=construction_breadth(len(vectors)))
        for rows, block in _blocks(vectors):
            index.add_items(block, rows)
        index.save_index(str(folder / "index.bin"))

    def open(self, folder: Path, rows: int, dimension: int) -> None:
        import hnswlib

        self._index = hnswlib.Index("ip", dimension)
        self._index.load_index(str(folder / "index.bin"), max_elements=rows)

    def set(self, setting: int) -> None:
        self._index.set_ef(setting)

    def search(self, query: NDArray[np.float32]) -> list[int]:
        return self._index.knn_query(query[None], 10, num_threads=1)[0][0].tolist()  # type: ignore[no-any-return]

    def search_many(self, queries: NDArray[np.float32]) -> list[list[int]]:
        return self._index.knn_query(queries, 10, num_threads=2)[0].tolist()  # type: ignore[no-any-return]


class Usearch:
    """usearch with 16 links, its vectors in 8-bit or half precision, opened as a memory map."""

    settings = (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)

    def __init__(self, dtype: str) -> None:
        self._dtype = dtype

    def build(self, vectors: Vectors, folder: Path) -> None:
        from usearch.index import Index

        index = Index(
            ndim=vectors.shape[1],
            metric="cos",
            dtype=self._dtype,
            connectivity=16,
            expansion_add=construction_breadth(len(vectors)),
        )
        for rows, block in _blocks(vectors):
            index.add(rows, block)
        index.save(str(folder / "index.usearch"))

    def open(self, folder: Path, rows: int, dimension: int) -> None:
        from usearch.index import Index

        self._index = Index.restore(str(folder / "index.usearch"), view=True)

    def set(self, setting: int) -> None:
        self._index.expansion_search = setting

    def search(self, query: NDArray[np.float32]) -> list[int]:
        return self._index.search(query, 10, threads=1).keys.tolist()  # type: ignore[no-any-return]

    def search_many(self, queries: NDArray[np.float32]) -> list[list[int]]:
        return self._index.search(queries, 10, threads=2).keys.tolist()  # type: ignore[no-any-return]


class LanceDB:
    """LanceDB with text, IVF_HNSW_SQ and re-ranking from the stored vectors; more candidates come from more lists."""

    settings = (24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 1024, 2048, 4096)

    def build(self, vectors: Vectors, folder: Path) -> None:
        import lancedb
        import pyarrow as pa

        dimension = vectors.shape[1]
        schema = pa.schema(
            [("id", pa.int64()), ("text", pa.string()), ("vector", pa.list_(pa.float16(), dimension))]
        )

        def batches() -> Iterator[pa.RecordBatch]:
            for rows, block in _blocks(vectors):
                column = pa.FixedSizeListArray.from_arrays(
                    pa.array(block.astype(np.float16).ravel()), dimension
                )
                yield pa.record_batch([pa.array(rows), pa.array(_words(rows)), column], schema=schema)

        table = lancedb.connect(folder).create_table("c", batches(), schema=schema)
        lists = max(1, len(vectors) // 100_000)
        table.create_index(
            metric="dot",
            vector_column_name="vector",
            index_type="IVF_HNSW_SQ",
            num_partitions=lists,
            m=16,
            ef_construction=construction_breadth(len(vectors)),
        )

    def open(self, folder: Path, rows: int, dimension: int) -> None:
        import lancedb

        self._table = lancedb.connect(folder).open_table("c")
        self._effort = self.settings[0]

    def set(self, setting: int) -> None:
        self._effort = setting

    def search(self, query: NDArray[np.float32]) -> list[int]:
        found = (
            self._table.search(query)
            .distance_type("dot")
            .nprobes(max(1, self._effort // 32))
            .ef(self._effort)
            .refine_factor(2)
            .limit(10)
            .select(["id", "text"])
            .to_arrow()
        )
        return found.column("id").to_pylist()  # type: ignore[no-any-return]

    def search_many(self, queries: NDArray[np.float32]) -> list[list[int]]:
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(self.search, queries))


class MilvusLite:
    """Milvus Lite with text and a graph of 16 links over each of its segments of at most 100,000 rows."""

    settings = (16, 24, 32, 48, 64, 96, 128, 192, 256)

    def build(self, vectors: Vectors, folder: Path) -> None:
        from pymilvus import DataType, MilvusClient

        client = MilvusClient(str(folder / "c.db"))
        schema = client.create_schema(auto_id=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("text", DataType.VARCHAR, max_length=1000)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=vectors.shape[1])
        index = client.prepare_index_params()
        graph = {"M": 16, "efConstruction": construction_breadth(min(len(vectors), 100_000))}
        index.add_index("vector", index_type="HNSW", metric_type="IP", params=graph)
        client.create_collection("c", schema=schema, index_params=index)
        for rows, block in _blocks(vectors):
            triples = zip(rows.tolist(), _words(rows), block, strict=True)
            client.insert("c", [{"id": row, "text": text, "vector": vector} for row, text, vector in triples])
        client.flush("c")
        client.load_collection("c")
        client.close()

    def open(self, folder: Path, rows: int, dimension: int) -> None:
        from pymilvus import MilvusClient

        self._client = MilvusClient(str(folder / "c.db"))
        self._client.load_collection("c")
        self._breadth = 16

    def set(self, setting: int) -> None:
        self._breadth = setting

    def search(self, query: NDArray[np.float32]) -> list[int]:
        return self.search_many(query[None])[0]

    def search_many(self, queries: NDArray[np.float32]) -> list[list[int]]:
        found = self._client.search(
            "c",
            data=list(queries),
            limit=10,
            output_fields=["text"],
            search_params={"params": {"ef": self._breadth}},
        )
        return [[hit["id"] for hit in hits] for hits in found]


_OURS = ("xsearch.collection", "faiss", "pyarrow.parquet", "pyarrow.compute")

STORES: Mapping[str, tuple[tuple[str, ...], Any]] = {
    "xsearch": (_OURS, Xsearch),
    "xsearch-wide": (_OURS, lambda: Xsearch("HNSW48,SQ8_direct_signed")),
    "xsearch-small": (_OURS, lambda: Xsearch(memory=1)),
    "hnswlib": (("hnswlib",), Hnswlib),
    "usearch-i8": (("usearch.index",), lambda: Usearch("i8")),
    "usearch-f16": (("usearch.index",), lambda: Usearch("f16")),
    "lancedb": (("lancedb",), LanceDB),
    "milvus-lite": (("pymilvus", "milvus_lite"), MilvusLite),
}
"""Contender: the modules that it needs, and how it is made."""
