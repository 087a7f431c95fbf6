"""Refusing to train on what the module will be tested with."""

from __future__ import annotations

import csv
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

from train.keys import sentence_key
from train.reading import every_text
from train.vocabulary import normaliser
from xsearch.corpus.delimited import DELIMITERS
from xsearch.errors import XsearchError
from xsearch.qa.rows import open_text

_SHORTEST, _SHORTEST_DENSE = 11, 6
"""Characters of a sentence whose recurrence is no accident ("Thank you." is); fewer where a character is a word."""


def sentence_keys(language: str) -> Callable[[str], str]:
    """From a text to what its spellings share, those that the language's tokenizer reads alike among them."""
    normalise = normaliser(language).normalize_str
    return lambda text: sentence_key(normalise(text))


def refuse_leaks(texts: Iterable[str], test_sets: Path, language: str) -> None:
    """Compare the training texts with every text of the files under `test_sets`, whatever `xsearch eval` reads.

    Raises:
        XsearchError: a text is in both, there are no test sets to compare with, or one that cannot be read.
    """
    below = [test_sets] if test_sets.is_file() else sorted(test_sets.rglob("*"))
    files = [path for path in below if path.is_file() and not path.name.startswith(".")]
    if not files:
        raise XsearchError(f"{test_sets}: no files there; name the folder of the test sets")
    key_of = sentence_keys(language)
    held = {key_of(text): path for path in files for text in _texts(path)}
    held = {key: path for key, path in held.items() if _tells(key)}
    leaks = [(text, held[key]) for text in texts if (key := key_of(text)) in held]
    if leaks:
        text, path = leaks[0]
        raise XsearchError(
            f"{len(leaks)} training texts stand in the test sets too, the first in {path.name}: {text[:60]!r}; "
            "remove them from the training data, or scores on these sets mean nothing"
        )


def _texts(path: Path) -> Iterable[str]:
    """Texts of a table, strings of JSON, or the lines of any other file and what tabs divide them into."""
    if path.suffix.lower() == ".parquet":
        return every_text(path)
    kind = path.name.lower().removesuffix(".gz").rpartition(".")[2]
    try:
        with open_text(path) as file:
            text = file.read()
        lines = text.splitlines()
        if kind == "json":
            return list(_strings(json.loads(text)))
        if kind == "jsonl":
            return [found for line in lines if line.strip() for found in _strings(json.loads(line))]
        cells = [cell for line in lines for cell in line.split("\t")]
        if kind == "csv":
            delimiter = max(DELIMITERS, key=lines[0].count) if lines else ","
            cells += [
                cell for row in csv.reader(StringIO(text, newline=""), delimiter=delimiter) for cell in row
            ]
    except (OSError, EOFError, ValueError, RecursionError, csv.Error, zlib.error) as error:
        raise XsearchError(
            f"{path} cannot be compared with ({error}); expected Parquet, JSON or UTF-8 text: unpack it, or keep it "
            "elsewhere if it is no test set"
        ) from error
    # SemRel has both sentences in one cell, on a line each.
    return [line for cell in cells for line in (cell, *cell.splitlines())]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)


def _tells(key: str) -> bool:
    dense = any("\u2e80" <= c <= "\u9fff" or "\uac00" <= c <= "\ud7a3" for c in key)
    return len(key) >= (_SHORTEST_DENSE if dense else _SHORTEST)
