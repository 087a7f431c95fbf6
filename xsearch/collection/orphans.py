"""Removing what no manifest names: the traces of a killed writer, and files that a commit has replaced."""

import shutil
from contextlib import suppress
from pathlib import Path

from xsearch.collection.manifest import MANIFEST_NAME, Manifest

SHELVES = ("segments", "parts", "keywords", "tombstones")
"""The folders of a collection that hold nothing but its own files."""


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
            with suppress(OSError):
                path.unlink()
