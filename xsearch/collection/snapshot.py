"""A committed state of a collection, opened. It never changes; a newer state is another snapshot.

Everything is opened at once, by memory map, so that a snapshot goes on answering after a writer has replaced
and removed its files. Only the parts' FAISS indexes read more than their headers, where FAISS cannot map
them.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xsearch.collection.manifest import MANIFEST_NAME, Manifest, read_manifest
from xsearch.collection.part import FOLDER as PARTS
from xsearch.collection.part import Part
from xsearch.collection.segment import Segment, find
from xsearch.collection.subset import Subset
from xsearch.collection.vectors import open_array
from xsearch.errors import CollectionError
from xsearch.index.gpu import Device

_ATTEMPTS = 20

Place = tuple[int, int]
"""Where a document stands: the number of a segment and a row in it."""


class Snapshot:
    """The segments, parts and tombstones of one manifest; `dead` are the keys of deleted documents, ascending,
    `living` the others (None if none was deleted), `last_key` is the highest key of all, and `column_names` are the
    metadata columns.

    The indexes are opened on `device`. With None they are left alone, as by those who do not search or who build them
    anew: there are no `parts` then, and a search looks at every document, not only at those from `covered` on.
    """

    def __init__(self, folder: Path, manifest: Manifest, device: Device | None = None) -> None:
        _check_sizes(folder, manifest if device is not None else replace(manifest, parts=()))
        self.folder, self.manifest = folder, manifest
        spaces, dimension = manifest.spaces, manifest.dimension
        self.segments = tuple(Segment(folder, record, spaces, dimension) for record in manifest.segments)
        self.parts = (
            () if device is None else tuple(Part(folder, record, device) for record in manifest.parts)
        )
        self.covered = manifest.covered if self.parts else 0
        self.column_names = [column.name for column in manifest.columns]
        self.dead = _dead(folder, manifest)
        self.living = Subset(self.dead, without=True) if len(self.dead) else None
        self.last_key = manifest.segments[-1].last_key if manifest.segments else -1
        self._first_keys = [record.first_key for record in manifest.segments]

    def is_dead(self, keys: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of the keys belong to deleted documents."""
        if not len(self.dead):
            return np.zeros(len(keys), bool)
        places = np.minimum(np.searchsorted(self.dead, keys), len(self.dead) - 1)
        return np.equal(self.dead[places], keys)

    def dead_between(self, first_key: int, last_key: int) -> NDArray[np.int64]:
        """The keys of deleted documents from `first_key` to `last_key`, ascending."""
        first, last = np.searchsorted(self.dead, [first_key, last_key + 1])
        return self.dead[first:last]

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of the documents, in a fixed order."""
        return tuple(sorted(self.manifest.modules))

    def rows_from(self, first_key: int) -> int:
        """Living documents with keys from `first_key` on."""
        return sum(
            int(np.count_nonzero(~self.is_dead(segment.keys[segment.keys >= first_key])))
            for segment in self.segments
            if segment.record.last_key >= first_key
        )

    # A query has a dozen candidates, which are placed and fetched one by one: numpy's calls for many at once cost more,
    # above all where threads compete or where the search has just driven everything else out of the caches.

    def place(self, key: int) -> Place | None:
        """Where the living document of that key stands, if there is one."""
        owner = bisect_right(self._first_keys, key) - 1
        if owner < 0 or (self.living is not None and find(self.dead, key) is not None):
            return None
        row = self.segments[owner].row_of(key)
        return None if row is None else (owner, row)

    def vectors(self, space: str, places: Sequence[Place | None]) -> NDArray[np.float16]:
        """The (n, d) vectors at these places; zeros for None."""
        stored = [segment.vectors[space] for segment in self.segments]
        taken = np.zeros((len(places), self.manifest.dimension), np.float16)
        for number, place in enumerate(places):
            if place is not None:
                owner, row = place
                taken[number] = stored[owner][row]
        return taken

    def document(self, place: Place) -> tuple[str, str, str, dict[str, Any]]:
        """Id, language, text and metadata of the document there."""
        owner, row = place
        return self.segments[owner].fields(row, self.column_names)

    def live_keys(self, ids: Sequence[str]) -> dict[str, int]:
        """The key of the living version of each id that the collection holds."""
        found: dict[str, int] = {}
        for segment in self.segments:
            matches = segment.rows_with_ids(ids)
            if matches:
                keys = segment.keys[[row for _, row in matches]]
                alive = ~self.is_dead(keys)
                found |= {
                    id_: int(key) for (id_, _), key, lives in zip(matches, keys, alive, strict=True) if lives
                }
        return found


def open_snapshot(folder: Path, device: Device | None = None) -> Snapshot:
    """Open the last committed state, its indexes on `device`, if any. Raises CollectionError if it is missing or
    damaged.

    A writer may replace files between the reading of the manifest and their opening; the manifest has then
    moved on, and opening starts again from the new one.
    """
    manifest = read_manifest(folder)
    for _ in range(_ATTEMPTS):
        try:
            return Snapshot(folder, manifest, device)
        except FileNotFoundError as error:
            newer = read_manifest(folder)
            if newer == manifest:
                raise CollectionError(
                    f"{error.filename} is missing although {MANIFEST_NAME} names it; "
                    f"{_remedy(Path(error.filename).relative_to(folder))}"
                ) from None
            manifest = newer
    raise CollectionError(f"{folder} changed {_ATTEMPTS} times while it was being opened; try again")


def _dead(folder: Path, manifest: Manifest) -> NDArray[np.int64]:
    record = manifest.tombstones
    if record is None:
        return np.empty(0, np.int64)
    return open_array(folder / record.file.path, (record.count,), "<i8")  # type: ignore[return-value]


def _check_sizes(folder: Path, manifest: Manifest) -> None:
    for record in manifest.files().values():
        size = (folder / record.path).stat().st_size
        if size != record.size:
            raise CollectionError(
                f"{folder / record.path} has {size} bytes where the manifest says {record.size}: it was "
                f"cut short or changed; {_remedy(Path(record.path))}"
            )


def _remedy(file: Path) -> str:
    if file.parts[0] == PARTS:
        return "compact the collection to build its index anew"
    return "restore it from a backup or index the corpus again"
