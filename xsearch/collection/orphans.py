"""Removing what no manifest names: the traces of a killed writer, and files that a commit has replaced."""

import re
import shutil
import time
import uuid
from contextlib import suppress
from pathlib import Path

from xsearch.collection.manifest import MANIFEST_NAME, Manifest

SHELVES = ("segments", "parts", "keywords", "tombstones")
"""The folders of a collection that hold nothing but its own files."""
_ABANDONED = 3600.0
"""Seconds after which a folder beside a collection is no longer one that is being made or dropped right now."""


def passing(path: Path) -> Path:
    """A new name beside `path` for a collection that is being made or dropped."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}")


def remove_passing(path: Path) -> None:
    """Remove what an interrupted making or dropping of the collection at `path` has left beside it."""
    name = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{32}}")
    with suppress(OSError):
        for left in path.parent.iterdir():
            if name.fullmatch(left.name) and time.time() - left.lstat().st_mtime > _ABANDONED:
                shutil.rmtree(left, ignore_errors=True)


def find(folder: Path, manifest: Manifest) -> list[Path]:
    """What lies among a collection's files without being named by its manifest. Foreign files beside them stay."""
    named = {folder / path for path in manifest.files()}
    kept = {*named, *(parent for path in named for parent in path.parents)}
    shelves = [
        folder / name for name in SHELVES if (folder / name).is_dir() and not (folder / name).is_symlink()
    ]
    found = [path for shelf in shelves for path in shelf.iterdir() if path not in kept]
    return sorted([*found, *folder.glob(f"{MANIFEST_NAME}.new")])


def remove(folder: Path, manifest: Manifest) -> None:
    """Remove the orphans; only whoever holds the writer's lock may. A file that cannot be removed is left for later."""
    for path in find(folder, manifest):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            try:
                path.unlink(missing_ok=True)
            except OSError:
                continue
