"""Texts to measure on, from the demo corpora or the data for training: sentences, and passages of 100 to 200 tokens."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

_LONGEST = 150


def documents(language: str, data: Path | None = None) -> list[str]:
    """The texts of a demo corpus, or those of the language in the development sets of `data`."""
    if data is not None:
        sets = [data / "dev" / f"en-{language}{kind}.parquet" for kind in ("", "-long")]
        return [text for file in sets for text in pq.read_table(file, columns=["xx"])["xx"].to_pylist()]
    with (files("xsearch") / "demo" / f"{language}.parquet").open("rb") as file:
        return pq.read_table(file, columns=["text"])["text"].to_pylist()


def sentences(texts: list[str], count: int) -> list[str]:
    """`count` different sentences of `texts`, short ones and long ones."""
    found = [part for text in texts for part in re.split(r"(?<=[.!?])\s+", text)]
    return [str(text) for text in np.random.default_rng(0).permutation(list(dict.fromkeys(found)))[:count]]


def passages(texts: list[str], count: int, *, spaces: bool = True) -> list[str]:
    """`count` passages of 75 to 150 words joined from `texts`, or where words have no spaces of as many characters."""
    rng, words = np.random.default_rng(1), [text.split() if spaces else list(text) for text in texts]
    joined = [_enough(words[index] for index in rng.permutation(len(words))) for _ in range(count)]
    return [(" " if spaces else "").join(text[: rng.integers(75, _LONGEST + 1)]) for text in joined]


def _enough(texts: Iterable[list[str]]) -> list[str]:
    found: list[str] = []
    for words in texts:
        found += words
        if len(found) >= _LONGEST:
            break
    return found


def recombined(texts: list[str], count: int) -> list[str]:
    """`count` different texts: the first half of one of `texts` and the second half of another."""
    found = [text.split() for text in texts]
    firsts = [" ".join(words[: len(words) // 2]) for words in found]
    seconds = [" ".join(words[len(words) // 2 :]) for words in found]
    order = np.random.default_rng(5).permutation(len(found) ** 2)
    joined = (f"{firsts[pair // len(found)]} {seconds[pair % len(found)]}" for pair in order.tolist())
    unique = list(dict.fromkeys(text for text, _ in zip(joined, range(2 * count), strict=False)))
    return unique[:count]
