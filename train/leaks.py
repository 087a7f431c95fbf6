"""Refusing to train on what the module will be tested with."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from train.keys import sentence_key
from train.reading import every_text
from xsearch.errors import XsearchError

_SHORTEST, _SHORTEST_DENSE = 11, 6
"""Characters of a sentence whose recurrence is no accident ("Thank you." is); fewer where a character is a word."""


def refuse_leaks(texts: Iterable[str], test_sets: Path) -> None:
    """Compare the training texts with every text of the Parquet files under `test_sets`.

    Raises:
        XsearchError: a text is in both, or there are no test sets to compare with.
    """
    files = sorted(test_sets.rglob("*.parquet"))
    if not files:
        raise XsearchError(f"{test_sets}: no Parquet files there; name the folder of the test sets")
    held = {sentence_key(text): path for path in files for text in every_text(path)}
    held = {key: path for key, path in held.items() if _tells(key)}
    leaks = [(text, held[key]) for text in texts if (key := sentence_key(text)) in held]
    if leaks:
        text, path = leaks[0]
        raise XsearchError(
            f"{len(leaks)} training texts stand in the test sets too, the first in {path.name}: {text[:60]!r}; "
            "remove them from the training data, or scores on these sets mean nothing"
        )


def _tells(key: str) -> bool:
    dense = any("\u2e80" <= c <= "\u9fff" or "\uac00" <= c <= "\ud7a3" for c in key)
    return len(key) >= (_SHORTEST_DENSE if dense else _SHORTEST)
