"""The folder of a collection appears whole and goes whole: it is made and removed under a temporary name."""

import re
import shutil
import time
import uuid
from contextlib import suppress
from pathlib import Path

from xsearch.collection.durable import sync_folder, write_manifest
from xsearch.collection.manifest import Manifest
from xsearch.errors import CollectionError

_ABANDONED = 3600.0
"""Seconds after which a folder of a temporary name is no longer one that is being made or dropped right now."""


def make(path: Path, manifest: Manifest) -> None:
    """A new collection at `path`, with this manifest.

    Raises:
        CollectionError: there is something at `path` already, or it cannot be written.
    """
    draft = _temporary(path)
    try:
        if path.exists():
            raise CollectionError(
                f"{path} exists already; choose another name, append to it, or drop it first"
            )
        draft.mkdir(parents=True)
        write_manifest(draft, manifest)
        draft.rename(path)
        sync_folder(path.parent)
        _remove_left_over(path)
    except OSError as error:
        shutil.rmtree(draft, ignore_errors=True)
        raise CollectionError(f"{path} cannot be created: {error.strerror or error}") from error


def take_away(path: Path) -> None:
    """Remove the collection at `path`, and the link to it that `path` may be; whoever holds the writer's lock may.

    Raises:
        CollectionError: it cannot be removed.
    """
    try:
        folder = path.resolve()
        doomed = _temporary(folder)
        folder.rename(doomed)
        if path.is_symlink():
            path.unlink()
        shutil.rmtree(doomed)
        _remove_left_over(folder)
    except OSError as error:
        raise CollectionError(f"{path} cannot be removed: {error.strerror or error}") from error


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}")


def _remove_left_over(path: Path) -> None:
    """Remove what an interrupted making or dropping of the collection at `path` has left beside it."""
    name = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{32}}")
    with suppress(OSError):
        for left in path.parent.iterdir():
            if name.fullmatch(left.name) and time.time() - left.lstat().st_mtime > _ABANDONED:
                shutil.rmtree(left, ignore_errors=True)
