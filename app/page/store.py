"""The store that the page shows: its collections, opened once in the process and again when they change."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from xsearch import Collection, available_modules
from xsearch.collection.facets import Facet, facets
from xsearch.errors import XsearchError
from xsearch.languages import resolve
from xsearch.store import collection_names, existing_path


@dataclass(frozen=True)
class Version:
    """A collection as it was committed at one time; equal versions have equal contents."""

    path: str
    modified_ns: int
    size: int

    @property
    def name(self) -> str:
        """The collection's name."""
        return Path(self.path).name


def folder() -> Path:
    """The store: XSEARCH_STORE, which `xsearch ui --store` sets."""
    return Path(os.environ.get("XSEARCH_STORE") or "indexes").absolute()


def names() -> list[str]:
    """Every collection in the store, sound or not."""
    return collection_names(folder())


def version(name: str) -> Version:
    """What the collection is now. Raises CollectionError if there is none of that name."""
    manifest = existing_path(folder(), name) / "manifest.json"
    found = manifest.stat()
    return Version(str(manifest.parent), found.st_mtime_ns, found.st_size)


@st.cache_resource(max_entries=64, show_spinner=False)
def opened(wanted: Version) -> Collection:
    """The collection, opened. Raises CollectionError if it is damaged."""
    return Collection.open(wanted.path)


def sound() -> tuple[dict[str, Collection], dict[str, str]]:
    """The collections that can be opened, and what is wrong with each of the others, by name."""
    good, bad = {}, {}
    for name in names():
        try:
            good[name] = opened(version(name))
        except (XsearchError, OSError) as error:
            bad[name] = str(error)
    return good, bad


def versions(chosen: Sequence[str]) -> tuple[Version, ...]:
    """The versions of several collections, as a key for what is remembered about them."""
    return tuple(version(name) for name in chosen)


@st.cache_data(max_entries=64, show_spinner=False)
def facets_of(wanted: tuple[Version, ...]) -> tuple[Facet, ...]:
    """What the collections can all be filtered by."""
    return facets([opened(one) for one in wanted])


def languages() -> list[str]:
    """The languages that a query may be in: those of the installed modules."""
    return sorted(available_modules(), key=lambda code: language_name(code))


@st.cache_data(show_spinner=False)
def language_name(code: str) -> str:
    """The English name of a language; the code itself where it has none."""
    try:
        return resolve(code).name
    except XsearchError:
        return code
