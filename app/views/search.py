"""Search: one box, and the hits as cards."""

from __future__ import annotations

from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from page import answers, store
from page.answers import Request
from page.bar import MOST_HITS, Asked, collection_picker, language_picker, query_box, settings, understood
from page.cards import card
from page.exporting import command, take_along
from page.filters import filters
from page.notices import error, no_collections, no_modules, notice
from page.safe import escaped
from xsearch import Hit, SearchResult
from xsearch.errors import XsearchError
from xsearch.search.folding import Fold, fold

_STEP = 10


def show() -> None:
    """The view."""
    good, bad = store.sound()
    if not store.languages():
        no_modules()
        return
    query = query_box(_forget_like)
    if not good and not bad:
        no_collections()
        return
    try:
        with st.container(horizontal=True, key="bar"):
            lang = language_picker()
            chosen = collection_picker(list(good))
            versions = store.versions(chosen)
            where = filters(versions)
            k, space, folded = settings()
        _damaged(bad)
        like = st.query_params.get("like")
        if like:
            _similar(like, versions, k, where, folded)
        elif query:
            asked = understood(query, lang)
            if asked is not None:
                request = Request(asked.query, asked.lang, versions, k, space, where)
                _answer(request, asked, every=len(chosen) == len(good), folded=folded)
        else:
            _invitation(sum(len(good[name]) for name in chosen), len(chosen))
    except XsearchError as problem:
        error(problem)


def _answer(request: Request, asked: Asked, *, every: bool, folded: bool) -> None:
    result = answers.found(request)
    st.session_state["last"] = result.timings, [version.name for version in request.versions]
    language = store.language_name(asked.lang)
    if asked.detection is not None:
        language += f", detected ({asked.detection.confidence:.0%})"
    spent = result.timings
    status = (
        f"{_count(len(result.hits), 'hit')} · {language} · {result.space} space · "
        f'<span title="encoding {spent.encode * 1000:.0f} ms, searching {spent.search * 1000:.0f} ms, '
        f'fetching {spent.fetch * 1000:.0f} ms">{spent.total * 1000:.0f} ms</span>'
    )
    shell = command(request, every=every)
    _hits(result, status, filtered=request.where is not None, folded=folded, shell=shell, words=True)


def _similar(like: str, versions: tuple[store.Version, ...], k: int, where: str | None, folded: bool) -> None:
    collection, _, id = like.partition("/")
    with st.container(horizontal=True, vertical_alignment="center"):
        heading = st.empty()
        st.button(  # there also where the document is not
            "Back to the search", key="back", icon=":material/close:", type="tertiary", on_click=_forget_like
        )
    home = store.version(collection)
    source = answers.document(home, id)
    heading.html(f'<p class="status">Documents like <q dir="auto">{escaped(_short(source.text))}</q></p>')
    result = answers.like(home, id, versions, k, where)
    status = f"{_count(len(result.hits), 'document')} · {result.space} space"
    _hits(result, status, filtered=where is not None, folded=folded, shell=None, words=False)


def _hits(
    result: SearchResult, status: str, *, filtered: bool, folded: bool, shell: str | None, words: bool
) -> None:
    if not result.hits:
        text = "The filters leave nothing. Widen or clear them, or search more collections."
        if not filtered:
            text = "There are no documents to choose from. Search more collections."
        notice("No document matches", text)
        return
    if filtered:
        status += " · filtered"
    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="status"
    ):
        st.html(f'<p class="status">{status}</p>')
        take_along(result, shell)
    folds = fold(result.hits) if folded else [Fold(hit, ()) for hit in result.hits]
    several = len({hit.collection for hit in result.hits}) > 1
    places = [_hit(one, result, several=several, words=words) for one in folds]
    if len(result.hits) == st.session_state["k"] < MOST_HITS:
        st.button("Load more", key="more", on_click=_load_more)
    st.html(
        '<p class="note">The score is the cosine of query and document. Scores found in different spaces are not '
        "comparable.</p>"
    )
    if words:
        _point_out(result, folds, places, several=several)


@st.fragment
def _hit(one: Fold, result: SearchResult, *, several: bool, words: bool) -> DeltaGenerator:
    """A card with what can be done with it; a fragment, so that its buttons leave the rest of the page alone."""
    hit = one.hit
    place = st.empty()
    key = f"{hit.collection}/{hit.id}"
    with st.container(horizontal=True, key=f"act_{hit.rank}", gap="small", vertical_alignment="center"):
        asked = words and st.toggle("Words", key=f"words_{key}")
        if st.button("More like this", key=f"like_{key}", type="tertiary"):
            st.query_params["like"] = key
            st.rerun()
        if one.duplicates:
            with st.popover(f"{_count(len(one.duplicates), 'near-duplicate')}", type="tertiary"):
                for duplicate in one.duplicates:
                    st.html(card(duplicate, several=several))
    draw = partial(card, hit, several=several)
    if asked:
        answering = answers.words(result.query, result.lang, hit.text, hit.lang)
        place.html(draw(words=answering, query=result.query))
    else:
        place.html(draw(sentence=st.session_state.get("best", {}).get(_pointed(result, hit))))
    return place


def _point_out(
    result: SearchResult, folds: list[Fold], places: list[DeltaGenerator], *, several: bool
) -> None:
    """Mark the best sentences of hits that are on the page already, so that nobody waits for them."""
    known = st.session_state.setdefault("best", {})
    hits = tuple(one.hit for one in folds)
    keys = [_pointed(result, hit) for hit in hits]
    fresh = [which for which, key in enumerate(keys) if key not in known]
    if not fresh:
        return
    found = answers.sentences(result.query, result.lang, tuple(hits[which] for which in fresh))
    if len(known) > 2000:
        known.clear()
    for which, sentence in zip(fresh, found, strict=True):
        known[keys[which]] = sentence
        hit = hits[which]
        if sentence and not st.session_state.get(f"words_{hit.collection}/{hit.id}"):
            places[which].html(card(hit, sentence=sentence, several=several))


def _pointed(result: SearchResult, hit: Hit) -> tuple[str, str, str, int]:
    """What a best sentence depends on. A document's text may be replaced while the page is open."""
    return result.query, result.lang, hit.lang, hash(hit.text)


def _damaged(bad: dict[str, str]) -> None:
    for name, problem in bad.items():
        shell = f"xsearch verify {name} --store {store.folder()}"
        error(f"The collection {name} is left out. {problem}", command=shell)


def _invitation(documents: int, collections: int) -> None:
    notice(
        f"{documents:,} documents in {_count(collections, 'collection')}",
        "Ask in your own words and in your own language; the documents may be in another one.",
    )


def _load_more() -> None:
    st.session_state["k"] = min(st.session_state["k"] + _STEP, MOST_HITS)


def _forget_like() -> None:
    st.query_params.pop("like", None)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 90 else line[:90].rsplit(" ", 1)[0] + " …"
