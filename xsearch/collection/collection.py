"""A collection: documents of one or more languages on disk, searchable, changeable while in use."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xsearch.collection import contents, describe, verification
from xsearch.collection.drift import Recall, measure_recall
from xsearch.collection.encoding import EncoderFor, check_module, installed_encoder, record_of
from xsearch.collection.folder import make, take_away
from xsearch.collection.hit import Answer, Hit, checked_k
from xsearch.collection.lock import writer_lock
from xsearch.collection.maintenance import check_settings, compact, tidy
from xsearch.collection.manifest import FORMAT, IndexSettings, Manifest, ModuleRecord
from xsearch.collection.ranking import Ranked, order, rank
from xsearch.collection.snapshot import Snapshot, open_snapshot
from xsearch.collection.spaces import NATIVE, SHARED, SpaceChoice, check_indexed, choose_space
from xsearch.collection.vectors import unit_queries
from xsearch.collection.view import View
from xsearch.collection.writer import Writer
from xsearch.errors import CollectionError
from xsearch.index.gpu import Device, resolve_device

if TYPE_CHECKING:
    import pyarrow as pa

Found = TypeVar("Found")


class Collection:
    """An opened collection. It shows the state that was committed last when it was opened or refreshed.

    Searching is thread-safe and takes no lock. Every change is one commit: all of it becomes visible, or
    nothing.
    """

    def __init__(
        self, path: Path, snapshot: Snapshot, encoder_for: EncoderFor, device: Device | None
    ) -> None:
        self.path = path
        self._encoder_for, self._device = encoder_for, device
        self._view = View(snapshot)

    @classmethod
    def create(
        cls,
        path: str | Path,
        *,
        modules: Sequence[ModuleRecord],
        dimension: int,
        spaces: Sequence[str] = (SHARED,),
        settings: IndexSettings | None = None,
        encoder_for: EncoderFor = installed_encoder,
    ) -> Self:
        """Make an empty collection for documents of the modules' languages.

        Raises CollectionError if there is something at `path` already or it cannot be written.
        """
        path = Path(path).absolute()
        if not spaces or set(spaces) - {SHARED, NATIVE} or dimension < 1:
            raise CollectionError("a collection needs spaces among shared and native, and a dimension")
        settings = settings or IndexSettings()
        check_settings(settings, dimension)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        manifest = Manifest(
            format=FORMAT,
            commit=0,
            created=now,
            updated=now,
            dimension=dimension,
            spaces=tuple(spaces),
            modules={module.language: module for module in modules},
            settings=settings,
        )
        make(path, manifest)
        return cls.open(path, encoder_for=encoder_for)

    @classmethod
    def open(
        cls, path: str | Path, *, encoder_for: EncoderFor = installed_encoder, device: str | None = "cpu"
    ) -> Self:
        """Open the last committed state; files are mapped, not read.

        `encoder_for` gives the encoder of a query's language. On `device` cuda (or auto, where FAISS sees a GPU) the
        indexes that can run there are copied to the GPUs. With None no index is opened, and a search looks at every
        document: a damaged index then hinders nobody, and `compact` builds it anew.

        Raises CollectionError if the collection is missing, damaged, or of a newer format, and DeviceError for a device
        that is not there.
        """
        path = Path(path).absolute()
        resolved = None if device is None else resolve_device(device)
        return cls(path, open_snapshot(path, resolved), encoder_for, resolved)

    # --- what it is
    # ---------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The folder's name, by which `-c` knows the collection."""
        return self.path.name

    @property
    def manifest(self) -> Manifest:
        """The committed state that this object shows."""
        return self._view.snapshot.manifest

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages whose documents it may hold."""
        return tuple(self.manifest.modules)

    @property
    def spaces(self) -> tuple[str, ...]:
        """The spaces in which documents are indexed."""
        return self.manifest.spaces

    @property
    def dimension(self) -> int:
        """Components of a vector."""
        return self.manifest.dimension

    def __len__(self) -> int:
        """Documents alive."""
        return self.manifest.count

    def info(self) -> describe.Info:
        """Counts, sizes, the index with its measured recall, and advice (such as to compact)."""
        return describe.describe(self.name, self._view.snapshot)

    def measure_recall(self, space: str = SHARED, probes: int = 100) -> Recall:
        """recall@10 of the indexes now, on a sample of the documents, beside that measured when they were built.

        This looks at every document for every probe: a second for 100,000 documents.
        """
        check_indexed(self.manifest, space)
        return measure_recall(self._view.snapshot, space, probes)

    def verify(self) -> verification.Verification:
        """Check every file against the manifest and the files against each other; names what is damaged."""
        return verification.verify(self.path)

    def documents(
        self, *, vectors: Sequence[str] = (), batch_rows: int = 4096, besides: Sequence[str] = ()
    ) -> Iterator["pa.RecordBatch"]:
        """Stream the living documents by ascending key: id, lang, text, the metadata columns, and for each space
        in `vectors` a column `vector_SPACE` of (d) float16 lists. Memory stays at about one batch.

        A metadata column with one of these names, or one of the caller's own columns `besides`, comes as
        `metadata_NAME`.
        """
        return contents.stream(self._view.snapshot, vectors, batch_rows, besides)

    # --- changing it
    # --------------------------------------------------------------------------------------------

    def writer(self) -> Writer:
        """A session for many changes under one lock: `with collection.writer() as w: w.add(...); w.commit()`.

        Call `refresh` afterwards to see the result in this object.
        """
        return Writer(self.path)

    def add(
        self,
        ids: Sequence[str],
        texts: Sequence[str],
        *,
        lang: str | Sequence[str],
        vectors: Mapping[str, ArrayLike],
        metadata: "pa.Table | None" = None,
    ) -> int:
        """Add documents in one commit; returns how many.

        `lang` is one language or one for each document; `vectors` holds an (n, d) array for every indexed
        space; `metadata` a row for each document. Raises CollectionError if an id is taken, shapes or types
        do not fit, or another process is writing; the collection is then as it was.
        """
        with self.writer() as writer:
            writer.add(ids, texts, lang=lang, vectors=vectors, metadata=metadata)
            writer.commit()
            tidy(writer)
        self.refresh()
        return len(ids)

    def upsert(
        self,
        ids: Sequence[str],
        texts: Sequence[str],
        *,
        lang: str | Sequence[str],
        vectors: Mapping[str, ArrayLike],
        metadata: "pa.Table | None" = None,
    ) -> int:
        """Like `add`, but documents with the same ids are replaced; returns how many were."""
        with self.writer() as writer:
            replaced = writer.upsert(ids, texts, lang=lang, vectors=vectors, metadata=metadata)
            writer.commit()
            tidy(writer)
        self.refresh()
        return replaced

    def delete(self, *, ids: Sequence[str] | None = None, where: str | None = None) -> int:
        """Delete documents by id or by an SQL condition, in one commit; returns how many there were."""
        with self.writer() as writer:
            deleted = writer.delete(ids=ids, where=where)
            writer.commit()
        self.refresh()
        return deleted

    def compact(self, *, device: str = "auto", report: Callable[[int], None] = lambda done: None) -> None:
        """Rewrite everything without the deleted documents as one segment with one fresh index, in one commit.

        The index is built on `device` (auto, cpu or cuda); `report` is told how many documents are in it.
        """
        with self.writer() as writer:
            compact(writer, device, report)
        self.refresh()

    def drop(self) -> None:
        """Remove the collection from the disk. Raises CollectionError if another process is writing to it."""
        with writer_lock(self.path):
            take_away(self.path)

    def refresh(self) -> bool:
        """Show the last committed state; returns whether it is another than before."""
        snapshot = open_snapshot(self.path, self._device)
        # not the commits' numbers: a collection made anew at this place may have counted as far
        changed = snapshot.manifest != self.manifest
        if changed:
            self._view = View(snapshot)
        return changed

    # --- searching it
    # -------------------------------------------------------------------------------------------

    def search(
        self, query: str, *, lang: str, k: int = 10, space: str = "auto", where: str | None = None
    ) -> list[Hit]:
        """The k documents nearest to a query in language `lang`, best first; fewer only if fewer pass `where`.

        `space` is auto, shared or native; `where` is SQL over the metadata columns, and id, lang and text.
        Raises QueryError for a space that is not indexed or a bad filter, LanguageError for a language
        without a module, and CollectionError if the language's module is not the one that the documents were
        encoded with.
        """
        choice = choose_space(self.manifest, space, lang)
        encoder = self._encoder_for(lang)
        check_module(self.manifest.modules, record_of(lang, encoder))
        vectors = encoder.encode([query], space=choice.space)
        return self._answered(vectors, choice, k, where).hits[0]

    def search_vectors(
        self,
        queries: ArrayLike,
        *,
        space: str = SHARED,
        k: int = 10,
        where: str | None = None,
        lang: str | None = None,
    ) -> list[list[Hit]]:
        """The same for (m, d) query vectors of a space, a list of hits for each.

        A native space belongs to one language, so in a collection of several `lang` says whose it is.
        """
        return self.answer(queries, space=space, k=k, where=where, lang=lang).hits

    def answer(
        self, queries: ArrayLike, *, space: str, k: int, where: str | None = None, lang: str | None = None
    ) -> Answer:
        """What `search_vectors` gives, and how long its two stages took."""
        return self._answered(queries, choose_space(self.manifest, space, lang), k, where)

    def _answered(self, queries: ArrayLike, choice: SpaceChoice, k: int, where: str | None) -> Answer:
        k = checked_k(k)
        unit = unit_queries(queries, self.dimension)
        return self._in_any_state(lambda: self._answer(unit, choice, k, where))

    def answer_words(
        self, query: str, vector: ArrayLike, *, lang: str, space: str, k: int, where: str | None = None
    ) -> list[tuple[float, Hit]]:
        """About the k best documents in `lang` by BM25 over the query's words, best first, with their BM25 scores.

        A hit's score is the cosine with the query's `vector` (d,). Raises MissingExtraError without tantivy, and
        QueryError for a bad k and for a large collection that was made without an index of words.
        """
        k = checked_k(k)
        unit = unit_queries(np.asarray(vector)[None], self.dimension)[0]
        choice = choose_space(self.manifest, space, lang)
        return self._in_any_state(lambda: self._answer_words(query, unit, choice, lang, k, where))

    def _in_any_state(self, ask: Callable[[], Found]) -> Found:
        """What `ask` gives; asked again whenever a commit since has taken a file away that was not open yet.

        Raises CollectionError if the collection was made anew since, with vectors that are not those asked for.
        """
        before = self.manifest
        while True:
            try:
                return ask()
            except FileNotFoundError as error:
                if not self.refresh():
                    raise CollectionError(
                        f"a file of {self.path} is missing: {error}; `xsearch verify` names it"
                    ) from error
            _check_same(before, self.manifest, self.name)

    def _answer_words(
        self, query: str, unit: NDArray[np.float32], choice: SpaceChoice, lang: str, k: int, where: str | None
    ) -> list[tuple[float, Hit]]:
        view = self._view
        among = None if where is None else view.allowed(where, None)
        found = view.keywords.search(query, lang, k, None if among is None else among.keys)
        keys = np.array([[key for _, key in found]], np.int64)
        [ranking] = order(view.snapshot, choice.stored, unit[None], keys, len(found))
        hits = dict(zip((ranked.key for ranked in ranking), self._hits(view.snapshot, ranking), strict=True))
        return [(score, hits[key]) for score, key in found if key in hits]

    def _answer(self, queries: NDArray[np.float32], choice: SpaceChoice, k: int, where: str | None) -> Answer:
        view = self._view
        started = time.perf_counter()
        among = None if where is None and choice.lang is None else view.allowed(where, choice.lang)
        rankings = rank(view.snapshot, choice.stored, queries, k, among)
        ranked = time.perf_counter()
        hits = [self._hits(view.snapshot, ranking) for ranking in rankings]
        return Answer(hits, ranked - started, time.perf_counter() - ranked)

    def _hits(self, snapshot: Snapshot, ranking: Sequence[Ranked]) -> list[Hit]:
        name = self.name
        documents = ((ranked.score, snapshot.document(ranked.place)) for ranked in ranking)
        return [
            Hit(number, score, id_, text, lang, name, metadata)
            for number, (score, (id_, lang, text, metadata)) in enumerate(documents, 1)
        ]


def _check_same(before: Manifest, now: Manifest, name: str) -> None:
    """Raise CollectionError if what was asked of the collection as it was `before` means nothing to it `now`."""
    modules = {language: module.content_hash for language, module in now.modules.items()}
    if (now.dimension, now.spaces) != (before.dimension, before.spaces) or any(
        modules.get(language) != module.content_hash for language, module in before.modules.items()
    ):
        raise CollectionError(f"{name!r} has been made anew while it was asked; ask again")
