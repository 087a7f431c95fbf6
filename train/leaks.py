"""Refusing to train on what the module will be tested with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from train.keys import sentence_key
from train.reading import every_text
from train.vocabulary import normaliser
from xsearch.errors import XsearchError

_SHORTEST, _SHORTEST_DENSE = 11, 6
"""Characters of a sentence whose recurrence is no accident ("Thank you." is); fewer where a character is a word."""


def sentence_keys(language: str) -> Callable[[str], str]:
    """From a text to what its spellings share, those that the language's tokenizer reads alike among them."""
    normalise = normaliser(language).normalize_str
    return lambda text: sentence_key(normalise(text))


def refuse_leaks(texts: Iterable[str], test_sets: Path, language: str) -> None:
    """Compare the training texts with every text of the Parquet files under `test_sets`.

    Raises:
        XsearchError: a text is in both, or there are no test sets to compare with.
    """
    files = sorted(test_sets.rglob("*.parquet"))
    if not files:
        raise XsearchError(f"{test_sets}: no Parquet files there; name the folder of the test sets")
    key_of = sentence_keys(language)
    held = {key_of(text): path for path in files for text in every_text(path)}
    held = {key: path for key, path in held.items() if _tells(key)}
    leaks = [(text, held[key]) for text in texts if (key := key_of(text)) in held]
    if leaks:
        text, path = leaks[0]
        raise XsearchError(
            f"{len(leaks)} training texts stand in the test sets too, the first in {path.name}: {text[:60]!r}; "
            "remove them from the training data, or scores on these sets mean nothing"
        )


def _tells(key: str) -> bool:
    dense = any("\u2e80" <= c <= "\u9fff" or "\uac00" <= c <= "\ud7a3" for c in key)
    return len(key) >= (_SHORTEST_DENSE if dense else _SHORTEST)
