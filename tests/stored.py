"""Small collections for tests: vectors with structure, an encoder that needs no module, ready-made documents."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from xsearch.collection import Collection, IndexSettings, ModuleRecord

DIMENSION = 32


def random_vectors(rows: int, seed: int = 0, dimension: int = DIMENSION) -> NDArray[np.float32]:
    """Unit vectors without structure: every one is far from every other."""
    vectors = np.random.default_rng(seed).standard_normal((rows, dimension), dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def clustered_vectors(
    rows: int, seed: int = 0, dimension: int = DIMENSION, topics: int = 40
) -> NDArray[np.float32]:
    """Unit vectors in clusters of few dimensions each, as sentences are."""
    centres = np.random.default_rng(7).standard_normal((topics, dimension), dtype=np.float32)
    spread = np.random.default_rng(8).standard_normal((topics, 6, dimension), dtype=np.float32) * 0.3
    rng = np.random.default_rng(seed)
    topic = rng.integers(topics, size=rows)
    within = np.einsum("nk,nkd->nd", rng.standard_normal((rows, 6), dtype=np.float32), spread[topic])
    vectors = centres[topic] + within + 0.05 * rng.standard_normal((rows, dimension), dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def nearest(queries: NDArray[np.float32], vectors: NDArray[np.float32], k: int = 10) -> NDArray[np.int64]:
    """The k rows of `vectors` with the highest cosines, by brute force."""
    return np.argsort(-(queries @ vectors.T), axis=1, kind="stable")[:, :k]


class FakeEncoder:
    """Gives each text its own random direction, another one in each space; texts with equal words are equal."""

    dimension = DIMENSION
    spaces = ("native", "shared")
    search_space = "shared"

    def __init__(
        self, language: str, *, one_space: bool = False, version: str = "1", base: str = "0"
    ) -> None:
        self.language = language
        self.one_space = one_space
        self.content_hash = hashlib.sha256(f"{language}{version}".encode()).hexdigest()
        self.shared_hash = base * 64

    def encode(self, texts: Sequence[str], space: str = "shared") -> NDArray[np.float32]:
        """Vectors (n, d) float32, L2-normalised."""
        seeded = "" if self.one_space or space == "shared" else f"{space} {self.language} "
        rows = [
            random_vectors(1, int.from_bytes(hashlib.blake2b((seeded + text).encode()).digest()[:8]))
            for text in texts
        ]
        return np.concatenate(rows) if rows else np.empty((0, DIMENSION), np.float32)

    def start(self, texts: Sequence[str], space: str, pool: Executor) -> Future[NDArray[np.float32]]:
        """What `encode` gives, made in `pool`."""
        return pool.submit(self.encode, texts, space)


def create(
    path: Path,
    languages: Sequence[str] = ("fi",),
    spaces: Sequence[str] = ("shared",),
    settings: IndexSettings | None = None,
    dimension: int = DIMENSION,
) -> Collection:
    """An empty collection whose queries are encoded by `FakeEncoder`."""
    modules = [ModuleRecord(language, FakeEncoder(language).content_hash) for language in languages]
    return Collection.create(
        path, modules=modules, dimension=dimension, spaces=spaces, settings=settings, encoder_for=FakeEncoder
    )


def texts(first: int, last: int, word: str = "teksti") -> list[str]:
    """Texts that differ, of different lengths."""
    return [f"{word} {number} " + "sana " * (number % 7) for number in range(first, last)]


def put(
    collection: Collection,
    first: int,
    last: int,
    *,
    word: str = "teksti",
    lang: str = "fi",
    upsert: bool = False,
) -> int:
    """Add or upsert the documents d{first} to d{last - 1}, encoded by `FakeEncoder`, with year and topic."""
    bodies = texts(first, last, word)
    vectors = {space: FakeEncoder(lang).encode(bodies, space) for space in collection.spaces}
    numbers = range(first, last)
    metadata = pa.table(
        {
            "year": [2000 + number % 25 for number in numbers],
            "topic": [("law", "sport")[number % 2] for number in numbers],
        }
    )
    store = collection.upsert if upsert else collection.add
    return store([f"d{number}" for number in numbers], bodies, lang=lang, vectors=vectors, metadata=metadata)


def contents(collection: Collection) -> dict[str, str]:
    """Id to text of every living document."""
    found: dict[str, str] = {}
    for batch in collection.documents():
        found |= dict(zip(batch.column("id").to_pylist(), batch.column("text").to_pylist(), strict=True))
    return found


@dataclass(frozen=True)
class FakeBatch:
    """What a corpus gives."""

    ids: list[str]
    texts: list[str]
    langs: list[str] | None
    metadata: pa.Table


class FakeCorpus:
    """A corpus of numbered documents; `bad_after` makes its reading fail with `error` once so many were given."""

    def __init__(
        self,
        rows: int,
        *,
        first: int = 0,
        langs: Sequence[str] | None = None,
        error: BaseException | None = None,
        bad_after: int = 0,
    ) -> None:
        self.row_count = rows
        self.fingerprint = f"fake-{first}-{rows}"
        self._first = first
        self._langs = langs
        self._error, self._bad_after = error, bad_after

    def batches(self, size: int = 1024) -> Iterator[Any]:
        """The documents in order."""
        for first in range(0, self.row_count, size):
            if self._error is not None and first >= self._bad_after:
                raise self._error
            last = min(first + size, self.row_count)
            numbers = range(self._first + first, self._first + last)
            langs = [self._langs[n % len(self._langs)] for n in numbers] if self._langs else None
            metadata = pa.table({"year": pa.array([2000 + n % 25 for n in numbers])})
            ids = [f"d{n}" for n in numbers]
            yield FakeBatch(ids, texts(numbers.start, numbers.stop), langs, metadata)
