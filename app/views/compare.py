"""Compare: one query in two spaces, or in the collections of several languages, side by side."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from page import answers, store
from page.answers import Request
from page.bar import Asked, language_picker, query_box, understood
from page.cards import card
from page.notices import error, no_collections, no_modules, notice
from page.safe import escaped
from xsearch import Collection, SearchResult
from xsearch.errors import XsearchError
from xsearch.search.comparison import Comparison, compare

_SPACES, _LANGUAGES = "Spaces", "Languages"
_MOST_COLUMNS = 4


def show() -> None:
    """The view."""
    good, _ = store.sound()
    if not store.languages():
        no_modules()
        return
    query = query_box()
    if not good:
        no_collections()
        return
    with st.container(horizontal=True, key="bar", vertical_alignment="center"):
        by = st.segmented_control(
            "Compare",
            [_SPACES, _LANGUAGES],
            default=_SPACES,
            required=True,
            key="by",
            bind="query-params",
            label_visibility="collapsed",
        )
        lang = language_picker()
        k = st.selectbox(
            "Number of hits",
            [5, 10, 20],
            index=1,
            key="n",
            bind="query-params",
            format_func=lambda count: f"{count} hits",
            label_visibility="collapsed",
            width=120,
        )
    try:
        if by == _LANGUAGES:
            _languages(good, query, lang, k)
        else:
            _spaces(good, query, lang, k)
    except XsearchError as problem:
        error(problem)


def _spaces(good: dict[str, Collection], query: str, lang: str, k: int) -> None:
    able = [name for name, collection in good.items() if {"native", "shared"} <= set(collection.spaces)]
    if not able:
        notice(
            "No collection has both spaces",
            "To compare a language's native space with the shared one, index a corpus in both. English has only one "
            "space, so this takes another language:",
            command="xsearch index CORPUS.parquet --lang fi --spaces both",
        )
        return
    name = st.selectbox(
        "Collection", able, key="in", bind="query-params", label_visibility="collapsed", width=300
    )
    if not query:
        notice(
            "Native and shared side by side",
            "Ask in the collection's own language: the native space holds no other.",
        )
        return
    asked = understood(query, lang)
    if asked is None:
        return
    collection = good[name]
    if asked.lang not in collection.languages:
        own = " or ".join(store.language_name(code) for code in collection.languages)
        notice(
            f"The native space of {name} is for {own}",
            f"The query is in {store.language_name(asked.lang)}. Ask in {own}, or compare languages instead.",
        )
        return
    request = Request(asked.query, asked.lang, store.versions([name]), k, "native", None)
    native = answers.found(request)
    shared = answers.found(replace(request, space="shared"))
    change = compare(native, shared)
    st.html(
        f'<p class="status">{change.shared} of {change.length} hits in both ({change.overlap:.0%}). Marks show '
        "the change of rank from native to shared. The scores of the two spaces are not comparable.</p>"
    )
    left, right = st.columns(2, gap="large")
    with left:
        _column("Native space", native, _only_here(compare(shared, native)))
    with right:
        _column("Shared space", shared, _moved(change))


def _languages(good: dict[str, Collection], query: str, lang: str, k: int) -> None:
    chosen = st.multiselect(
        "Collections side by side",
        list(good),
        default=list(good)[:2],
        max_selections=_MOST_COLUMNS,
        key="of",
        bind="query-params",
    )
    if not query:
        notice("One query, several languages", "Each column answers it from the documents of one collection.")
        return
    asked = understood(query, lang)
    if asked is None or not chosen:
        return
    _status(asked)
    for column, name in zip(st.columns(len(chosen), gap="large"), chosen, strict=True):
        with column:
            result = answers.found(
                Request(asked.query, asked.lang, store.versions([name]), k, "shared", None)
            )
            own = ", ".join(store.language_name(code) for code in good[name].languages)
            _column(f"{name} · {own}", result, {})


def _status(asked: Asked) -> None:
    language = escaped(store.language_name(asked.lang))
    guess = f", detected ({asked.detection.confidence:.0%})" if asked.detection else ""
    st.html(f'<p class="status">{language}{guess} · shared space</p>')


def _column(title: str, result: SearchResult, marks: dict[tuple[str, str], str]) -> None:
    st.html(f'<h2 class="column">{escaped(title)}</h2>')
    if not result.hits:
        st.caption("No documents.")
    for hit in result.hits:
        mark = marks.get((hit.collection, hit.id), "")
        st.html(card(hit, movement=mark, several=False, brief=True))


def _only_here(change: Comparison) -> dict[tuple[str, str], str]:
    return {key: "only here" for key, move in change.moves.items() if move is None}


def _moved(change: Comparison) -> dict[tuple[str, str], str]:
    moved = {key: f"up {move}" if move > 0 else f"down {-move}" for key, move in change.moves.items() if move}
    return moved | _only_here(change)
