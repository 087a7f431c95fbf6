"""The query bar that Search, Compare and Map share: the query, its language, where and how to look.

Every widget is bound to the URL by its key, so that a view with its query can be shared as a link.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from page import answers, store
from page.notices import error
from page.safe import plain
from xsearch.errors import LanguageError
from xsearch.languages import AUTO, Detection

LONGEST_QUERY = 4000
MOST_HITS = 200


@dataclass(frozen=True)
class Asked:
    """A query and the language to read it in; `detection` says how sure that is, if it was guessed."""

    query: str
    lang: str
    detection: Detection | None


def query_box(on_change: Callable[[], None] | None = None) -> str:
    """The one box; the query without the white space around it. `on_change` runs before a new query is answered."""
    query = st.text_input(
        "Query",
        key="q",
        bind="query-params",
        on_change=on_change or "rerun",
        type="search",
        placeholder="Search in any language",
        max_chars=LONGEST_QUERY,
        label_visibility="collapsed",
    )
    return (query or "").strip()


def language_picker() -> str:
    """The language of the query: `auto` or a code."""
    return str(
        st.selectbox(
            "Language of the query",
            [AUTO, *store.languages()],
            key="lang",
            bind="query-params",
            format_func=lambda code: "Detect language" if code == AUTO else store.language_name(code),
            label_visibility="collapsed",
            width=190,
        )
    )


def collection_picker(names: Sequence[str]) -> list[str]:
    """The collections to search; all of them while none is chosen, or the address names none that there is."""
    if gone := [name for name in st.query_params.get_all("c") if name not in names]:
        st.toast(f"There is no collection '{plain(gone[0][:60])}' here; it may have been dropped.")
    chosen = st.multiselect(
        "Collections to search",
        names,
        key="c",
        bind="query-params",
        placeholder="All collections" if len(names) != 1 else names[0],
        label_visibility="collapsed",
        width=300,
    )
    return list(chosen) or list(names)


def settings() -> tuple[int, str, bool]:
    """How many hits, the space, and whether near-duplicates are folded."""
    with st.popover("Options", icon=":material/tune:"):
        k = st.number_input(
            "Number of hits", 1, MOST_HITS, 10, key="k", bind="query-params", help="Load more adds ten."
        )
        space = st.selectbox(
            "Space",
            ["auto", "shared", "native"],
            key="space",
            bind="query-params",
            help="Native: within one language. Shared: across languages. Auto takes the native space where query and "
            "collection are of one language and it is indexed.",
        )
        fold = st.toggle("Fold near-duplicates", True, key="fold", bind="query-params")
    return int(k), str(space), bool(fold)


def understood(query: str, lang: str) -> Asked | None:
    """The query with its language, detected if that is wanted; None, with a notice, if no module reads it."""
    if lang != AUTO:
        return Asked(query, lang, None)
    try:
        detection = answers.detected(query, tuple(store.languages()))
    except LanguageError as problem:
        error(f"{problem}. Choose it in the language picker.")
        return None
    return Asked(query, detection.code, detection)
