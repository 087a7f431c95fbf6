"""Asking the library, and remembering what it said: a re-run of the page never asks the same twice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from page import store
from page.store import Version
from xsearch import Hit, SearchResult
from xsearch.collection.lookup import StoredDocument, find_document
from xsearch.encoder import encoder_for
from xsearch.languages import Detection
from xsearch.qa import OptionScores, score_options
from xsearch.search import search
from xsearch.search.highlight import best_sentences
from xsearch.search.projection import Projection, project
from xsearch.search.query_language import query_language
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
    return query_language(query, candidates)


@st.cache_data(max_entries=512, show_spinner=False)
def sentences(query: str, lang: str, hits: tuple[Hit, ...]) -> list[tuple[int, int] | None]:
    """The place of the best sentence of each hit."""
    return best_sentences(query, hits, query_lang=lang)


@st.cache_data(max_entries=512, show_spinner=False)
def words(query: str, query_lang: str, text: str, text_lang: str) -> list[AnsweredWord]:
    """The words of the text that answer to those of the query."""
    return answering_words(query, text, query_lang=query_lang, text_lang=text_lang)


@st.cache_data(max_entries=128, show_spinner=False)
def vector(query: str, lang: str) -> NDArray[np.float32]:
    """The query's (d,) unit vector in the shared space."""
    found: NDArray[np.float32] = encoder_for(lang).encode([query], space="shared")[0]
    return found


@st.cache_resource(max_entries=8, show_spinner=False)
def projected(versions: tuple[Version, ...]) -> Projection:
    """The map of the collections."""
    return project([store.opened(version) for version in versions])


@st.cache_data(max_entries=128, show_spinner=False)
def chosen(
    passage: str,
    question: str,
    options: tuple[str, ...],
    passage_lang: str,
    question_lang: str,
    option_lang: str,
) -> OptionScores:
    """The scores of a question's options."""
    return score_options(
        passage,
        question,
        options,
        lang=question_lang,
        passage_lang=passage_lang,
        option_lang=option_lang,
        long_passages="best-window",
    )
