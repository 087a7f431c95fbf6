"""Questions: which of some options does a passage support, each side in a language of its own."""

from __future__ import annotations

import streamlit as st

from page import answers, store
from page.answers import Request
from page.cards import badge
from page.notices import error, no_modules, notice
from page.safe import escaped
from xsearch.errors import XsearchError
from xsearch.qa import OptionScores

_LETTERS = "ABCDEF"
_GIVEN, _SEARCHED = "Given", "Searched"


def show() -> None:
    """The view."""
    codes = store.languages()
    if not codes:
        no_modules()
        return
    good, _ = store.sound()
    source = st.segmented_control(
        "The passage is",
        [_GIVEN, _SEARCHED],
        default=_GIVEN,
        required=True,
        key="passage_is",
        bind="query-params",
        format_func=lambda one: "given here" if one == _GIVEN else "found by searching",
    )
    passage, passage_lang, names = "", None, []
    if source == _SEARCHED and good:
        names = st.multiselect(
            "Search in", list(good), key="qc", bind="query-params", placeholder="All collections"
        ) or list(good)
    elif source == _SEARCHED:
        notice("No collections yet", "Index a corpus first, or give the passage here.")
    else:
        passage, passage_lang = _text("Passage", "passage", codes, area=True)
    question, question_lang = _text("Question", "question", codes)
    lettered, option_lang = _options(codes)
    options = tuple(lettered.values())
    ready = question and len(options) > 1 and (passage or names)
    if not ready:
        notice("A passage, a question and two options or more", "Each may be in a language of its own.")
        return
    try:
        if names:
            found = answers.found(Request(question, question_lang, store.versions(names), 1, "auto", None))
            if not found.hits:
                error("no passage was found; search other collections")
                return
            hit = found.hits[0]
            passage, passage_lang = hit.text, hit.lang
            st.html(
                f'<p class="status">The passage, found in {escaped(hit.collection)} ({escaped(hit.id)}) '
                f"{badge(hit.lang)}</p>"
                f'<p class="text passage" dir="auto">{escaped(passage)}</p>'
            )
        scores = answers.chosen(
            passage, question, options, passage_lang or question_lang, question_lang, option_lang
        )
    except XsearchError as problem:
        error(problem)
        return
    _show(lettered, scores)


def _text(label: str, key: str, codes: list[str], *, area: bool = False) -> tuple[str, str]:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        widget = st.text_area if area else st.text_input
        text = widget(label, key=key, bind="query-params", max_chars=20_000 if area else 1000)
        lang = _language(f"{label} language", f"{key}_lang", codes)
    return (text or "").strip(), lang


def _options(codes: list[str]) -> tuple[dict[str, str], str]:
    """What is filled in, by the letter of its box, and its language."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        count = int(
            st.number_input("Options", 2, len(_LETTERS), 4, key="options", bind="query-params", width=130)
        )
        lang = _language("Language of the options", "option_lang", codes)
    texts, letters = {}, _LETTERS[:count]
    for first in range(0, count, 2):  # row by row, as the keyboard goes, and a phone, which has one column
        for letter, column in zip(letters[first : first + 2], st.columns(2), strict=False):
            texts[letter] = column.text_input(
                letter, key=f"option_{letter}", bind="query-params", max_chars=1000
            )
    return {letter: text.strip() for letter, text in texts.items() if text and text.strip()}, lang


def _language(label: str, key: str, codes: list[str]) -> str:
    return str(
        st.selectbox(
            label, codes, key=key, bind="query-params", format_func=store.language_name,
            index=codes.index("en") if "en" in codes else 0, width=160, label_visibility="collapsed",
        )
    )  # fmt: skip


def _show(lettered: dict[str, str], scores: OptionScores) -> None:
    rows = []
    answer = list(lettered)[scores.chosen]
    for (letter, option), score in zip(lettered.items(), scores.scores, strict=True):
        chosen = letter == answer
        width = round(100 * min(max(score, 0.0), 1.0), 1)
        rows.append(
            f'<div class="option{" chosen" if chosen else ""}"><span>{letter}</span>'
            f'<span dir="auto">{escaped(option)}</span><span class="bar"><span style="width:{width}%"></span></span>'
            f'<span class="value">{score:.3f}</span></div>'
        )
    st.html(f'<h2 class="column">Answer: {answer}</h2>{"".join(rows)}')
    st.html(
        f'<p class="note">Margin {scores.margin:.3f} to the next option · {scores.space} space. '
        "A score is the cosine of the passage and the question with the option.</p>"
    )
