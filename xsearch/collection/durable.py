"""Writing that survives a power cut: nothing is named in a manifest before it is on the disk."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from xsearch.collection.manifest import MANIFEST_NAME, FileRecord, Manifest, serialise


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def settle(folder: Path, paths: Iterable[Path]) -> tuple[FileRecord, ...]:
    """Flush `paths` (files under `folder`) and the folders that name them to the disk, and record them."""
    records = []
    parents = set()
    for path in paths:
        with path.open("rb") as file:
            os.fsync(file.fileno())
        parents.add(path.parent)
        records.append(FileRecord(path.relative_to(folder).as_posix(), path.stat().st_size, checksum(path)))
    for parent in {level for start in parents for level in _up_to(start, folder)}:
        sync_folder(parent)
    return tuple(records)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Commit: after this returns the new state is the collection; before it, or if it dies inside, the old one is."""
    temporary = folder / f"{MANIFEST_NAME}.new"
    with temporary.open("wb") as file:
        file.write(serialise(manifest))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / MANIFEST_NAME)
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; a file's own fsync does not do that on Linux."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _up_to(start: Path, top: Path) -> list[Path]:
    return [start, *(parent for parent in start.parents if parent.is_relative_to(top))]
