"""Opening the collections that a command names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from xsearch.cli.printable import notice
from xsearch.errors import CollectionError
from xsearch.store import collection_names, existing_path

if TYPE_CHECKING:
    from xsearch.collection import Collection


def open_collection(store: Path, name: str, device: str | None = "cpu") -> Collection:
    """Opens one collection; with `device` None without its indexes, for all that does not search.

    Raises:
        CollectionError: there is none of that name, or it cannot be opened.
    """
    from xsearch.collection import Collection

    return Collection.open(existing_path(store, name), device=device)


def open_collections(store: Path, names: Sequence[str]) -> list[Collection]:
    """The named collections, or all of the store, save those that cannot be opened (with a notice).

    Raises:
        CollectionError: a named collection cannot be opened, or the store has none.
    """
    if names:
        return [open_collection(store, name) for name in dict.fromkeys(names)]
    opened = []
    damaged: CollectionError | None = None
    for name in collection_names(store):
        try:
            opened.append(open_collection(store, name))
        except CollectionError as error:
            notice(f"Leaving out {name}: {error}")
            damaged = error
    if not opened:
        if damaged is not None:
            raise CollectionError(f"no collection in {store} can be opened")
        raise CollectionError(
            f"no collections in {store}; make one with `xsearch index CORPUS --lang LANG`, or see --store"
        )
    return opened
