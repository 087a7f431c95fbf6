"""Asking the library, and remembering what it said: a re-run of the page never asks the same twice."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from page import store
from page.store import Version
from xsearch import Hit, SearchResult
from xsearch.collection.lookup import StoredDocument, find_document
from xsearch.languages import Detection, detect
from xsearch.search import search
from xsearch.search.highlight import best_sentences
from xsearch.search.similar import more_like
from xsearch.search.words import AnsweredWord, answering_words


@dataclass(frozen=True)
class Request:
    """A search as a key: the query and its language, where and how to look."""

    query: str
    lang: str
    versions: tuple[Version, ...]
    k: int
    space: str
    where: str | None


@st.cache_data(max_entries=512, show_spinner=False)
def found(request: Request) -> SearchResult:
    """The hits. Raises an XsearchError as `xsearch.search.search` does."""
    collections = [store.opened(version) for version in request.versions]
    return search(
        collections,
        [request.query],
        lang=request.lang,
        k=request.k,
        space=request.space,
        where=request.where,
    )[0]


@st.cache_data(max_entries=64, show_spinner=False)
def document(version: Version, id: str) -> StoredDocument:
    """One document. Raises QueryError if it is not there."""
    return find_document(store.opened(version), id)


@st.cache_data(max_entries=64, show_spinner=False)
def like(home: Version, id: str, versions: tuple[Version, ...], k: int, where: str | None) -> SearchResult:
    """The documents nearest to one document."""
    return more_like(document(home, id), [store.opened(version) for version in versions], k=k, where=where)


@st.cache_data(max_entries=512, show_spinner=False)
def detected(query: str, candidates: tuple[str, ...]) -> Detection:
    """The language of a query. Raises LanguageError if it is clearly in none of the candidates."""
    # English first, as in `xsearch query`: a query that speaks for no language ("12345") is taken as English.
    return detect(query, sorted(candidates, key=lambda code: (code != "en", code)))


@st.cache_data(max_entries=512, show_spinner=False)
def sentences(query: str, lang: str, hits: tuple[Hit, ...]) -> list[tuple[int, int] | None]:
    """The place of the best sentence of each hit."""
    return best_sentences(query, hits, query_lang=lang)


@st.cache_data(max_entries=512, show_spinner=False)
def words(query: str, query_lang: str, text: str, text_lang: str) -> list[AnsweredWord]:
    """The words of the text that answer to those of the query."""
    return answering_words(query, text, query_lang=query_lang, text_lang=text_lang)
