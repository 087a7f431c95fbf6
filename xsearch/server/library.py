"""The collections of the store as they are now: opened once, and again when they have changed on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from xsearch.collection import Collection
from xsearch.collection.manifest import MANIFEST_NAME
from xsearch.errors import CollectionError
from xsearch.store import collection_names, collection_path


class UnknownCollectionError(CollectionError):
    """There is no such collection, or none at all."""


@dataclass(frozen=True)
class Shelf:
    """The collections that a request is about, and those of the whole store that cannot be opened, with the reason."""

    collections: tuple[Collection, ...]
    left_out: tuple[tuple[str, str], ...] = ()


class Library:
    """Opens collections of a store. Thread-safe: at worst two threads open the same one."""

    def __init__(self, store: Path) -> None:
        self.store = store.absolute()
        self._opened: dict[str, tuple[tuple[int, int, int], Collection]] = {}

    def shelf(self, names: tuple[str, ...]) -> Shelf:
        """The named collections, or all that can be opened.

        Raises:
            UnknownCollectionError: a name is unknown, or the store has no collection.
            CollectionError: a named collection is damaged, or all are.
        """
        if names:
            return Shelf(tuple(self._named(name) for name in dict.fromkeys(names)))
        shelf = self.everything()
        if not shelf.collections:
            if shelf.left_out:
                raise CollectionError("no collection of this server can be opened")
            raise UnknownCollectionError("this server has no collections yet; make one with `xsearch index`")
        return shelf

    def everything(self) -> Shelf:
        """All that can be opened, which may be nothing."""
        found: list[Collection] = []
        left_out: list[tuple[str, str]] = []
        names = collection_names(self.store)
        for name in names:
            try:
                found.append(self._named(name))
            except CollectionError as error:
                left_out.append((name, str(error)))
        for gone in self._opened.keys() - set(names):
            self._opened.pop(gone, None)
        return Shelf(tuple(found), tuple(left_out))

    def _named(self, name: str) -> Collection:
        try:
            path = collection_path(self.store, name)
        except CollectionError as error:  # a name that no collection can have
            raise UnknownCollectionError(str(error)) from None
        try:
            found = (path / MANIFEST_NAME).stat()
        except (FileNotFoundError, NotADirectoryError):
            known = ", ".join(collection_names(self.store)) or "none"
            raise UnknownCollectionError(f"no collection {name!r} here; there are: {known}") from None
        except OSError as error:
            raise CollectionError(f"{path} cannot be read: {error.strerror}") from None
        # Every commit renames another file into this place. A collection made anew may have the commit number of the
        # old one, so that is not what to ask for.
        signature = (found.st_ino, found.st_mtime_ns, found.st_size)
        shown = self._opened.get(name)
        if shown is None or shown[0] != signature:
            shown = self._opened[name] = signature, Collection.open(path)
        return shown[1]
