"""Windows of a long passage: whole sentences, a few at a time, each window starting inside the one before."""

from __future__ import annotations

import re
import unicodedata

WINDOW_WIDTH = 400
"""About 80 English words. Wide (East Asian) characters count three, as they carry about that much text."""

# An end of sentence: a Latin, Ethiopic, Devanagari or Arabic mark before a space, an East Asian one anywhere.
_SENTENCE_END = re.compile(r"(?<=[.!?…።।؟۔])\s+|(?<=[。！？])|\n+")


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


def _cut(sentence: str, width: int) -> list[str]:
    """Pieces of an overlong sentence at most `width` wide, cut at spaces where there are any."""
    pieces: list[str] = []
    rest = sentence.strip()
    while _width(rest) > width:
        end = _characters_within(rest, width)
        space = rest.rfind(" ", end // 2, end)
        end = space if space > 0 else end
        pieces.append(rest[:end].strip())
        rest = rest[end:].strip()
    return [*pieces, rest] if rest else pieces


def _characters_within(text: str, width: int) -> int:
    total = 0
    for index, character in enumerate(text):
        total += _width(character)
        if total > width:
            return max(index, 1)
    return len(text)


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(3 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
