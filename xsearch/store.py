"""The store: a directory with one folder for each collection."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path

from xsearch.errors import CollectionError

_LONGEST = 100
_MOST_BYTES = 221
"""File systems allow 255; while a collection is made or dropped, its folder's name is 34 longer."""

_MANIFEST = "manifest.json"


def collection_path(store: Path, name: str) -> Path:
    """Where the collection of that name is or would be; a name can never lead out of the store.

    Raises:
        CollectionError: the name has characters or a length that no collection name has.
    """
    if not _is_name(name):
        raise CollectionError(
            f"{name[:60]!r} is no collection name; expected letters, digits, '_', '-' and '.', "
            f"starting with a letter or digit, at most {_LONGEST}, and {_MOST_BYTES} bytes"
        )
    return store / name


def name_for(corpus: Sequence[str]) -> str:
    """The default name of a corpus' collection: the name of its file or directory, in allowed characters.

    Raises:
        CollectionError: there are several paths, or nothing to make a name of.
    """
    if len(corpus) != 1:
        raise CollectionError("the corpus has several paths; name the collection with -c")
    path = Path(corpus[0]).resolve()
    # composed, as people type it: some systems keep file names with accents apart from their letters
    stem = unicodedata.normalize("NFC", path.name if path.is_dir() else path.stem)
    known = "".join(character if _may_stand(character) else " " for character in stem)
    name = "-".join(known.split()).strip("-.")[:_LONGEST]
    name = name.encode()[:_MOST_BYTES].decode(errors="ignore")
    if not _is_name(name):
        raise CollectionError(f"no collection name can be made of {corpus[0]!r}; give one with -c")
    return name


def collection_names(store: Path) -> list[str]:
    """The collections of the store by name; none if there is no store yet."""
    if not store.is_dir():
        return []
    return sorted(
        folder.name for folder in store.iterdir() if _is_name(folder.name) and _has_manifest(folder)
    )


def existing_path(store: Path, name: str) -> Path:
    """Where a collection is, sound or not.

    Raises:
        CollectionError: there is none of that name; says which there are.
    """
    path = collection_path(store, name)
    if not (path / _MANIFEST).exists():
        known = ", ".join(collection_names(store)) or "none"
        raise CollectionError(f"no collection {name!r} in {store}; there are: {known}")
    return path


def _is_name(name: str) -> bool:
    begins = name[:1].isalnum() or name[:1] == "_"
    stands = begins and len(name) <= _LONGEST and all(map(_may_stand, name))
    return stands and len(name.encode()) <= _MOST_BYTES


def _may_stand(character: str) -> bool:
    """Whether a name may have it: accents and vowel signs, which Unicode counts apart, are parts of letters."""
    return character.isalnum() or character in "_-." or unicodedata.category(character).startswith("M")


def _has_manifest(folder: Path) -> bool:
    try:
        return (folder / _MANIFEST).is_file()
    except PermissionError:  # lost+found, where the store is a volume of its own
        return False
