"""Texts to measure on, from the demo corpora: sentences, and passages of 100 to 200 tokens."""

from __future__ import annotations

import re
from importlib.resources import files

import numpy as np
import pyarrow.parquet as pq


def documents(language: str) -> list[str]:
    """The texts of a demo corpus."""
    with (files("xsearch") / "demo" / f"{language}.parquet").open("rb") as file:
        return pq.read_table(file, columns=["text"])["text"].to_pylist()


def sentences(language: str, count: int) -> list[str]:
    """`count` different sentences, short ones and long ones."""
    found = [part for text in documents(language) for part in re.split(r"(?<=[.!?])\s+", text)]
    return [str(text) for text in np.random.default_rng(0).permutation(list(dict.fromkeys(found)))[:count]]


def passages(language: str, count: int) -> list[str]:
    """`count` passages of 75 to 150 words, joined from documents."""
    rng, words = np.random.default_rng(1), [text.split() for text in documents(language)]
    joined = [
        [word for index in rng.permutation(len(words))[:4] for word in words[index]] for _ in range(count)
    ]
    return [" ".join(text[: rng.integers(75, 151)]) for text in joined]


def recombined(texts: list[str], count: int) -> list[str]:
    """`count` different texts: the first half of one of `texts` and the second half of another."""
    found = [text.split() for text in texts]
    firsts = [" ".join(words[: len(words) // 2]) for words in found]
    seconds = [" ".join(words[len(words) // 2 :]) for words in found]
    order = np.random.default_rng(5).permutation(len(found) ** 2)
    joined = (f"{firsts[pair // len(found)]} {seconds[pair % len(found)]}" for pair in order.tolist())
    unique = list(dict.fromkeys(text for text, _ in zip(joined, range(2 * count), strict=False)))
    return unique[:count]
