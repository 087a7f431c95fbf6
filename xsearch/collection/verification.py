"""Is the collection whole? Every byte against its checksum, and the files against each other."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xsearch.collection import orphans
from xsearch.collection.durable import checksum
from xsearch.collection.manifest import MANIFEST_NAME, FileRecord, Manifest, read_manifest
from xsearch.collection.snapshot import Snapshot
from xsearch.errors import CollectionError


@dataclass(frozen=True)
class Damage:
    """A file (relative to the collection) and what is wrong with it."""

    file: str
    problem: str


@dataclass(frozen=True)
class Verification:
    """What `verify` found. `orphans` are leftovers of an interrupted writer, or the work of one that is at it
    now: harmless, and removed by the next one.
    """

    files: int
    bytes: int
    damage: tuple[Damage, ...]
    orphans: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is damaged."""
        return not self.damage


def verify(folder: Path) -> Verification:
    """Read every file of the last committed state. Never raises for damage: it is named in the result."""
    try:
        manifest = read_manifest(folder)
    except CollectionError as error:
        return Verification(1, 0, (Damage(MANIFEST_NAME, str(error)),), ())
    damage = [found for record in manifest.files().values() if (found := damage_of(folder, record))]
    damage = damage or _contradictions(folder, manifest)
    if damage and _replaced_meanwhile(folder, manifest):
        return verify(folder)
    return Verification(
        files=len(manifest.files()) + 1,
        bytes=sum(record.size for record in manifest.files().values()),
        damage=tuple(damage),
        orphans=tuple(path.relative_to(folder).as_posix() for path in orphans.find(folder, manifest)),
    )


def damage_of(folder: Path, record: FileRecord) -> Damage | None:
    """What is wrong with one file of the collection in `folder`, if anything; reads all of it."""
    path = folder / record.path
    try:
        size = path.stat().st_size
        if size != record.size:
            return Damage(record.path, f"has {size} bytes, should have {record.size}")
        if checksum(path) != record.sha256:
            return Damage(record.path, "its content has changed (checksum differs)")
    except FileNotFoundError:
        return Damage(record.path, "is missing")
    except OSError as error:
        return Damage(record.path, f"cannot be read: {error.strerror}")
    return None


def _replaced_meanwhile(folder: Path, manifest: Manifest) -> bool:
    """Whether a writer has committed since `manifest` was read, so that its files may rightly be gone."""
    try:
        return read_manifest(folder) != manifest
    except CollectionError:
        return False


def _contradictions(folder: Path, manifest: Manifest) -> list[Damage]:
    """Whole files that do not belong together, which only a faulty program leaves."""
    try:
        snapshot = Snapshot(folder, manifest, "cpu")
    except (CollectionError, FileNotFoundError) as error:
        return [Damage(MANIFEST_NAME, str(error))]
    found = []
    alive = 0
    last_key = -1
    for segment in snapshot.segments:
        name = f"segments/{segment.record.name}/rows.npy"
        if segment.keys[0] <= last_key or np.any(np.diff(segment.keys) <= 0):
            found.append(Damage(name, "its keys do not ascend"))
        last_key = int(segment.keys[-1])
        alive += int(np.count_nonzero(~snapshot.is_dead(segment.keys)))
    if alive != manifest.count:
        found.append(
            Damage(MANIFEST_NAME, f"it counts {manifest.count} documents, the segments hold {alive}")
        )
    if last_key >= manifest.next_key:
        found.append(Damage(MANIFEST_NAME, f"its next key {manifest.next_key} is taken"))
    return found
