"""Lone surrogates: halves of a character, which a Python string can hold (JSON can escape one) and no UTF-8 can."""

from __future__ import annotations

import re

_SURROGATE = re.compile("[\ud800-\udfff]")


def has_surrogates(text: str) -> bool:
    """Whether there is one in the text."""
    return _SURROGATE.search(text) is not None


def replace_surrogates(text: str) -> str:
    """The text with each read as U+FFFD, the replacement character."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)
