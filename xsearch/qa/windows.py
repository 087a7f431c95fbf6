"""Windows of a long passage: whole sentences, a few at a time, each window starting inside the one before."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from xsearch.sentence_marks import MARKS, WIDE_MARKS

if TYPE_CHECKING:
    from collections.abc import Iterator

WINDOW_WIDTH = 400
"""About 80 English words. Wide (East Asian) characters count three, as they carry about that much text."""

_SENTENCE_END = re.compile(rf"(?<={MARKS})\s+|(?<={WIDE_MARKS})|\n+")


def windows(passage: str, width: int = WINDOW_WIDTH) -> list[str]:
    """The passage itself if it is at most `width` wide, otherwise windows that cover it.

    A window takes sentences until it is full, and the next one starts with the last sentence of the one
    before, so that two neighbouring sentences always stand together somewhere. A sentence wider than a
    window is cut at spaces.
    """
    passage = passage.strip()
    if _width(passage) <= width:
        return [passage]
    sentences = [
        piece for sentence in _SENTENCE_END.split(passage) if sentence for piece in _cut(sentence, width)
    ]
    result: list[str] = []
    first = 0
    while first < len(sentences):
        last, total = first, 0
        while last < len(sentences) and (last == first or total + _width(sentences[last]) <= width):
            total += _width(sentences[last])
            last += 1
        result.append(" ".join(sentences[first:last]))
        if last == len(sentences):
            break
        first = max(last - 1, first + 1)
    return result


def _cut(sentence: str, width: int) -> Iterator[str]:
    """Pieces of an overlong sentence at most `width` wide, cut at spaces where there are any.

    A space in the first half of a piece would leave too little of it. What follows a piece is not looked at: a text
    without a sentence end in it may be a whole book.
    """
    sentence = sentence.strip()
    start = 0
    while start < len(sentence):
        end = _end_within(sentence, start, width)
        if end < len(sentence):
            space = sentence.rfind(" ", start + (end - start) // 2, end)
            end = space if space > 0 else end
        yield sentence[start:end].strip()
        start = end
        while start < len(sentence) and sentence[start].isspace():
            start += 1


def _end_within(text: str, start: int, width: int) -> int:
    """The end of the characters from `start` on that are at most `width` wide together; it takes at least one."""
    total = 0
    for index in range(start, len(text)):
        total += _width(text[index])
        if total > width:
            return max(index, start + 1)
    return len(text)


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(3 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
