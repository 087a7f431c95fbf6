"""A hit as a card, in HTML made of escaped pieces only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from page import store
from page.safe import Mark, escaped, marked
from xsearch import Hit
from xsearch.answers import title_column
from xsearch.search.words import AnsweredWord

_EXCERPT, _BRIEF = 480, 240
_LONGEST_VALUE = 60
COLOURS = 6
"""How many query words have a colour of their own; further ones start again."""


def card(
    hit: Hit,
    *,
    sentence: tuple[int, int] | None = None,
    words: Sequence[AnsweredWord] | None = None,
    query: str = "",
    movement: str = "",
    several: bool = True,
    brief: bool = False,
    ranked: bool = True,
) -> str:
    """The card of a hit.

    Args:
        hit: what is shown.
        sentence: the place of its best sentence.
        words: the words that answer to the query's, if they were asked for; the whole text is shown then.
        query: the query that the words belong to.
        movement: how the rank differs from that in another list ("up 2"), for comparisons.
        several: hits come from several collections, so each says from which.
        brief: a shorter excerpt, for narrow columns.
        ranked: whether it has a rank and a score.
    """
    marks = [Mark(*sentence, "best", "the sentence nearest to the query")] if sentence else []
    marks += word_marks(words or [], query)
    legend = word_legend(words, query, hit.text) if words is not None else ""
    rank = f'<div class="rank">{hit.rank}{_movement(movement)}</div>' if ranked else ""
    text = _text(hit.text, marks, sentence, _BRIEF if brief else _EXCERPT, whole=words is not None)
    heading = _heading(hit, several=several, ranked=ranked)
    return (
        f'<article class="hit">{rank}<div class="body">{heading}{legend}{text}{_facts(hit)}</div></article>'
    )


def word_marks(words: Sequence[AnsweredWord], query: str) -> list[Mark]:
    """The places of the answering words, each in the colour of its query word."""
    return [
        Mark(
            answer.start,
            answer.end,
            f"word w{which % COLOURS}",
            f"{query[word.start : word.end]}: {answer.similarity:.2f}",
        )
        for which, word in enumerate(words)
        for answer in word.answers
    ]


def word_legend(words: Sequence[AnsweredWord], query: str, text: str) -> str:
    """Each query word with its answers."""
    if not any(word.answers for word in words):
        return '<p class="legend none">No single word answers; the text as a whole does.</p>'
    rows = []
    for which, word in enumerate(words):
        found = dict.fromkeys(text[answer.start : answer.end].lower() for answer in word.answers)
        shown = ", ".join(escaped(one) for one in list(found)[:4]) or "no word of its own"
        state = f"w{which % COLOURS}" if word.answers else "none"
        rows.append(
            f'<span class="pair"><mark class="word {state}" dir="auto">{escaped(query[word.start : word.end])}'
            f'</mark><span aria-hidden="true"> → </span><span dir="auto">{shown}</span></span>'
        )
    return f'<p class="legend">{"".join(rows)}</p>'


def badge(lang: str) -> str:
    """The language badge."""
    return f'<span class="badge" title="{escaped(store.language_name(lang))}">{escaped(lang)}</span>'


def _heading(hit: Hit, *, several: bool, ranked: bool) -> str:
    title = title_column(hit.metadata)
    shown = f'<h3 dir="auto" lang="{escaped(hit.lang)}">{escaped(hit.metadata[title])}</h3>' if title else ""
    where = f'<span class="collection">{escaped(hit.collection)}</span>' if several else ""
    width = round(100 * min(max(hit.score, 0.0), 1.0), 1)
    score = (
        '<span class="score" title="cosine similarity; comparable only within one space">'
        f'<span class="bar"><span style="width:{width}%"></span></span>{hit.score:.3f}</span>'
    )
    meta = f"{badge(hit.lang)}{where}{score if ranked else ''}"
    return f'<header>{shown}<div class="meta">{meta}</div></header>'


def _movement(movement: str) -> str:
    kind = movement.split(" ")[0]
    return f'<span class="move {escaped(kind)}">{escaped(movement)}</span>' if movement else ""


def _text(
    text: str, marks: Sequence[Mark], sentence: tuple[int, int] | None, length: int, *, whole: bool
) -> str:
    """The text, or an excerpt around the best sentence with the whole one to unfold."""
    full = marked(text, marks)
    if whole or len(text) <= length * 1.25:
        return f'<p class="text" dir="auto">{full}</p>'
    start, end = _excerpt(text, sentence or (0, 0), length)
    inside = [
        Mark(mark.start - start, min(mark.end, end) - start, mark.style, mark.title)
        for mark in marks
        if start <= mark.start < end
    ]
    shown = marked(text[start:end], inside)
    before, after = "… " if start else "", " …" if end < len(text) else ""
    return (
        f'<p class="text" dir="auto">{before}{shown}{after}</p>'
        f'<details><summary>Whole text</summary><p class="text" dir="auto">{full}</p></details>'
    )


def _excerpt(text: str, sentence: tuple[int, int], length: int) -> tuple[int, int]:
    """About `length` characters, the sentence among them, cut at spaces."""
    start = 0 if sentence[1] <= length else max(0, sentence[0] - length // 4)
    end = min(len(text), start + length)
    if start:
        start = max(start, text.find(" ", start, sentence[0]) + 1)
    if end < len(text):
        end = max(text.rfind(" ", start, end), start + length // 2)
    return start, end


def _facts(hit: Hit) -> str:
    title = title_column(hit.metadata)
    shown = [
        f'<span class="fact"><span>{escaped(name)}</span> {escaped(value)}</span>'
        for name, value in hit.metadata.items()
        if name != title and _short(value)
    ]
    shown.append(f'<span class="fact id"><span>id</span> {escaped(hit.id[:120])}</span>')
    return f"<footer>{''.join(shown)}</footer>"


def _short(value: Any) -> bool:
    return (
        value is not None
        and not isinstance(value, (list, dict, bytes))
        and 0 < len(str(value)) <= _LONGEST_VALUE
    )
