"""Changing a collection: everything that one process does between taking the lock and giving it back."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xsearch.collection import orphans
from xsearch.collection.columns import fit, merge_columns, storable
from xsearch.collection.durable import settle, write_manifest
from xsearch.collection.encoding import check_module
from xsearch.collection.filters import Filter
from xsearch.collection.lock import writer_lock
from xsearch.collection.manifest import (
    Manifest,
    ModuleRecord,
    SegmentRecord,
    SourceRecord,
    TombstoneRecord,
    read_manifest,
)
from xsearch.collection.segment import SegmentWriter
from xsearch.collection.snapshot import Snapshot, open_snapshot
from xsearch.collection.vectors import unit_rows
from xsearch.errors import CollectionError

if TYPE_CHECKING:
    import pyarrow as pa

TOMBSTONES = "tombstones"


class Writer:
    """A session of changes; a context manager. Nothing is visible to anyone before `commit`.

    Entering takes the collection's lock (CollectionError if another process has it), reads the last committed
    state and removes what a killed writer left behind. Leaving drops what was not committed. Once a change or a commit
    has failed half done (a full disk), every other raises CollectionError until `rollback`, since a part of what the
    session holds would be lost.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        self._resources.enter_context(writer_lock(self.folder))
        try:
            self._snapshot = open_snapshot(self.folder)
            orphans.remove(self.folder, self.manifest)
        except BaseException:
            self._resources.close()
            raise
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        try:
            self.rollback()
        finally:
            self._resources.close()
        if isinstance(error, OSError):
            raise CollectionError(
                f"{self.folder} cannot be written: {error.strerror or error}; it stays as it was committed last, with "
                f"{self.manifest.count} documents. Make room or check the permissions, and try again"
            ) from error

    @property
    def manifest(self) -> Manifest:
        """The last committed state."""
        return self._snapshot.manifest

    @property
    def snapshot(self) -> Snapshot:
        """The last committed state, opened."""
        return self._snapshot

    @property
    def pending(self) -> int:
        """Documents added since the last commit."""
        return self._next_key - self.manifest.next_key

    def add(
        self,
        ids: Sequence[str],
        texts: Sequence[str],
        *,
        lang: str | Sequence[str],
        vectors: Mapping[str, ArrayLike],
        metadata: "pa.Table | None" = None,
    ) -> int:
        """Add new documents; see `Collection.add`. Raises CollectionError if an id is there already or occurs twice."""
        return self._append(ids, texts, lang, vectors, metadata, replace=False)

    def upsert(
        self,
        ids: Sequence[str],
        texts: Sequence[str],
        *,
        lang: str | Sequence[str],
        vectors: Mapping[str, ArrayLike],
        metadata: "pa.Table | None" = None,
    ) -> int:
        """Add documents in place of those with the same ids, if any; returns how many it replaced."""
        return self._append(ids, texts, lang, vectors, metadata, replace=True)

    def admit(self, module: ModuleRecord) -> None:
        """Allow documents of one more language from the next commit on. Raises CollectionError as `check_module`."""
        check_module(self._modules, module)
        known = self._modules.get(module.language)
        if known is None or not known.shared_hash:  # which an older version did not note
            self._modules[module.language] = module

    def delete(self, *, ids: Sequence[str] | None = None, where: str | None = None) -> int:
        """Delete committed documents by id or by an SQL condition (exactly one); returns how many there were."""
        if (ids is None) == (where is None):
            raise CollectionError("delete takes either ids or a where condition, and not both")
        self._refuse_if_broken()
        if ids is not None:
            keys = set(self._snapshot.live_keys(_checked_strings("ids", ids)).values())
        else:
            matching = Filter(self._snapshot).keys(where)
            keys = set(matching[~self._snapshot.is_dead(matching)].tolist())
        new = keys - self._killed
        self._killed |= new
        return len(new)

    def commit(self, source: SourceRecord | None = None) -> None:
        """Make all changes since the last commit visible at once and durable. `source` notes how far a corpus is in."""
        with self._in_whole():
            self._close_segment()
            manifest = self.manifest
            added = sum(record.rows for record in self._finished)
            if not added and not self._killed and source == manifest.source:
                return
            segments = (*manifest.segments, *self._finished)
            tombstones = manifest.tombstones
            if self._killed:
                tombstones = self.write_tombstones(np.union1d(self._snapshot.dead, [*self._killed]))
            self.replace(
                segments=segments,
                tombstones=tombstones,
                columns=self._columns if segments else (),
                modules=self._modules,
                next_key=self._next_key,
                count=manifest.count + added - len(self._killed),
                source=source if source is not None else manifest.source,
            )

    def replace(self, **changes: Any) -> None:
        """Commit these changes of the manifest and open the new state."""
        with self._in_whole():
            manifest = self.manifest.successor(datetime.now(UTC).isoformat(timespec="seconds"), **changes)
            write_manifest(self.folder, manifest)
            self._snapshot = Snapshot(self.folder, manifest)
            self._start()
            orphans.remove(self.folder, manifest)

    def rollback(self) -> None:
        """Forget everything since the last commit, and go on from there."""
        if self._open is not None:
            self._open.abandon()
        if read_manifest(self.folder) != self.manifest:
            # a commit was interrupted after it had become visible: what it names is not to be removed
            self._snapshot = open_snapshot(self.folder)
        self._start()
        orphans.remove(self.folder, self.manifest)

    def _start(self) -> None:
        """Nothing has changed yet since the last commit."""
        self._open: SegmentWriter | None = None
        self._finished: list[SegmentRecord] = []
        self._pending_ids: dict[str, int] = {}
        self._killed: set[int] = set()
        self._names = 0
        self._next_key = self.manifest.next_key
        self._columns = self.manifest.columns
        self._modules = dict(self.manifest.modules)
        self._failure: str | None = None

    @contextmanager
    def _in_whole(self, refusal: type[BaseException] | tuple[()] = ()) -> Iterator[None]:
        """A step whose failure leaves the session broken, except for a `refusal`, which leaves no trace."""
        self._refuse_if_broken()
        try:
            yield
        except refusal:
            raise
        except BaseException as error:
            self._failure = str(error) or type(error).__name__
            raise

    def _refuse_if_broken(self) -> None:
        if self._failure is not None:
            raise CollectionError(
                f"an earlier change in this session failed ({self._failure}), so nothing more can be changed or "
                f"committed in it; {self.folder} stays as it was committed last. Roll back or open a new session, and "
                "make all changes since then again"
            )

    def new_name(self) -> str:
        """A name for a folder or file that no committed state has used."""
        self._names += 1
        return f"{self.manifest.commit + 1:08d}-{self._names}"

    def _append(
        self,
        ids: Sequence[str],
        texts: Sequence[str],
        lang: str | Sequence[str],
        vectors: Mapping[str, ArrayLike],
        metadata: "pa.Table | None",
        replace: bool,
    ) -> int:
        ids, texts = _checked_strings("ids", ids), _checked_strings("texts", texts)
        langs = [lang] * len(ids) if isinstance(lang, str) else _checked_strings("languages", lang)
        if metadata is None:
            from xsearch.corpus.source import no_metadata

            metadata = no_metadata(len(ids))
        if not len(ids) == len(texts) == len(langs) == metadata.num_rows:
            raise CollectionError(
                f"{len(ids)} ids, {len(texts)} texts, {len(langs)} languages and {metadata.num_rows} rows of metadata "
                "were given; there must be as many of each"
            )
        self._check_languages(langs)
        rows = {space: self._stored(vectors, space, len(ids)) for space in self.manifest.spaces}
        metadata = fit(storable(metadata), self._columns)
        if not ids:
            return 0
        self._refuse_if_broken()
        replaced = self._replaced_by(ids, replace)
        keys = np.arange(self._next_key, self._next_key + len(ids), dtype=np.int64)
        with self._in_whole():
            segment = self._segment_for(metadata.schema)
        with self._in_whole(refusal=CollectionError):
            segment.append(keys, ids, texts, langs, metadata, rows)
            # only now, for what is refused must leave no trace
            self._columns = merge_columns(self._columns, segment.columns)
            self._pending_ids.update(zip(ids, keys.tolist(), strict=True))
            self._killed |= replaced
            self._next_key += len(ids)
        return len(replaced)

    def refuse_taken(self, ids: Sequence[str]) -> None:
        """Raise CollectionError if a document has one of the ids, or two of these are alike; nothing is added."""
        self._replaced_by(_checked_strings("ids", ids), replace=False)

    def _replaced_by(self, ids: list[str], replace: bool) -> set[int]:
        """The keys of the documents that the new ones replace, if they may, of which of twins the last stays."""
        taken = {id_: key for id_, key in self._snapshot.live_keys(ids).items() if key not in self._killed}
        twins = []
        newest: dict[str, int] = {}
        for key, id_ in enumerate(ids, self._next_key):
            earlier = newest.get(id_, self._pending_ids.get(id_))
            if earlier is not None:
                twins.append((id_, earlier))
            newest[id_] = key
        if not replace and (taken or twins):
            clashes = sorted({*taken, *(id_ for id_, _ in twins)})
            raise CollectionError(
                f"{len(clashes)} ids are taken already ({', '.join(map(repr, clashes[:3]))}); ids must be unique: "
                "give every document its own, or use upsert (--mode upsert) to replace documents"
            )
        return {*taken.values(), *(key for _, key in twins)}

    def _stored(self, vectors: Mapping[str, ArrayLike], space: str, rows: int) -> NDArray[np.float16]:
        if space not in vectors:
            raise CollectionError(
                f"vectors of the {space} space are missing; the collection indexes "
                f"{', '.join(self.manifest.spaces)}"
            )
        return unit_rows(vectors[space], rows, self.manifest.dimension, space).astype(np.float16)

    def _check_languages(self, langs: list[str]) -> None:
        unknown = sorted(set(langs) - self._modules.keys())
        if unknown:
            raise CollectionError(
                f"documents in {unknown[0]!r} cannot be added: the collection was made for "
                f"{', '.join(self._modules)}; name every language when creating it"
            )

    def _segment_for(self, schema: "pa.Schema") -> SegmentWriter:
        if self._open is not None and not self._open.metadata.equals(schema):
            self._close_segment()
        if self._open is None:
            manifest = self.manifest
            self._open = SegmentWriter(
                self.folder, self.new_name(), manifest.spaces, manifest.dimension, schema
            )
        return self._open

    def _close_segment(self) -> None:
        if self._open is not None:
            if self._open.rows:
                self._finished.append(self._open.finish())
            else:  # all that it was opened for was refused
                self._open.abandon()
            self._open = None

    def write_tombstones(self, dead: NDArray[np.int64]) -> TombstoneRecord | None:
        """Write the ascending keys of the dead to a new file."""
        if not len(dead):
            return None
        path = self.folder / TOMBSTONES / f"{self.new_name()}.npy"
        path.parent.mkdir(exist_ok=True)
        np.save(path, dead.astype(np.int64))
        return TombstoneRecord(len(dead), settle(self.folder, [path])[0])


def _checked_strings(what: str, values: Sequence[str]) -> list[str]:
    if isinstance(values, str):
        raise CollectionError(f"{what} should be a list of strings, not one string")
    strings = list(values)
    for place, value in enumerate(strings):
        if not isinstance(value, str):
            raise CollectionError(f"{what} should be strings; number {place} is {type(value).__name__}")
    return strings
