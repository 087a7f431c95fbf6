"""Text of corpora, files and errors on its way to the browser: always text, never HTML, script or Markdown.

HTML of our own is built from `escaped` pieces only. Streamlit reads its labels as Markdown, so a name that the
user did not choose goes through `plain` first.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

# Controls, lone surrogates and the overrides of text direction, which can make a line read as another one.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_MARKDOWN = re.compile(r"([!-/:-@\[-`{-~])")
_AUTOLINK = re.compile(r"(?i)(?<=http)(?=s?://)|(?<=www)(?=\.)|(?=@)")
_WORD_JOINER = "\u2060"


@dataclass(frozen=True)
class Mark:
    """A place [start, end) in a text, the CSS class that it gets, and what hovering over it says."""

    start: int
    end: int
    style: str
    title: str = ""


def escaped(text: object) -> str:
    """The text as HTML that shows exactly it; control characters show as U+FFFD."""
    return html.escape(_UNSAFE.sub("\N{REPLACEMENT CHARACTER}", str(text)))


def plain(text: object) -> str:
    """The text as Markdown that shows exactly it on one line, without links, emphasis, icons or formulas."""
    line = " ".join(_UNSAFE.sub("\N{REPLACEMENT CHARACTER}", str(text)).split())
    return _MARKDOWN.sub(r"\\\1", _AUTOLINK.sub(_WORD_JOINER, line))


def marked(text: str, marks: Sequence[Mark]) -> str:
    """The text as HTML with `<mark>` around the marked places, which may overlap."""
    cuts = sorted({0, len(text), *(place for mark in marks for place in (mark.start, mark.end))})
    pieces = []
    for start, end in pairwise(cuts):
        inside = [mark for mark in marks if mark.start <= start and end <= mark.end]
        piece = escaped(text[start:end])
        if inside:
            styles = escaped(" ".join(mark.style for mark in inside))
            title = escaped(next((mark.title for mark in inside if mark.title), ""))
            piece = f'<mark class="{styles}" title="{title}">{piece}</mark>'
        pieces.append(piece)
    return "".join(pieces)
