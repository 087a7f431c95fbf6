"""A stand-in for trained modules, which tests cannot train: it reads made-up languages perfectly.

A word is a concept, with the language in front in any language but English: `house`, `fi:house`. A text is
the normalised sum of its words' random vectors, plus as much of a vector of its language as the test asks
for.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

DIMENSION = 64
NOUNS = [
    *("cat", "dog", "house", "river", "winter", "summer", "lake", "forest"),
    *("bread", "milk", "road", "bridge", "school", "letter", "market", "garden"),
]


class ConceptEncoder:
    """Supports `langs`; those in `modular` have a native space, which adds noise of its own."""

    name = "concepts"

    def __init__(
        self,
        langs: Collection[str] = ("en", "fi"),
        *,
        bias: Mapping[str, float] | None = None,
        modular: Collection[str] = ("fi",),
        max_words: int | None = None,
    ) -> None:
        self._langs = langs
        self._bias = bias or {}
        self._modular = modular
        self._max_words = max_words
        self.calls: list[tuple[str, str, str, int]] = []

    def supports(self, lang: str) -> bool:
        return lang in self._langs

    def spaces(self, lang: str) -> tuple[str, ...]:
        return ("native", "shared") if lang in self._modular else ("shared",)

    def content_hashes(self, langs: Sequence[str]) -> dict[str, str]:
        return {lang: f"{zlib.crc32(lang.encode()):064x}" for lang in langs}

    def encode(
        self, texts: Sequence[str], *, lang: str, space: str, role: str = "document"
    ) -> NDArray[np.float32]:
        self.calls.append((lang, space, role, len(texts)))
        vectors = np.zeros((len(texts), DIMENSION), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().split()[: self._max_words]:
                vectors[row] += _direction(word.removeprefix(f"{lang}:").strip(".,?"))
            vectors[row] += (
                self._bias.get(lang, 0.0) * np.sqrt(len(text.split())) * _direction(f"language {lang}")
            )
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / np.maximum(norms, 1e-9)


def foreign(text: str, lang: str = "fi") -> str:
    """The text in the made-up language."""
    return " ".join(f"{lang}:{word}" for word in text.split())


@functools.cache
def _direction(word: str) -> NDArray[np.float32]:
    rng = np.random.default_rng(zlib.crc32(word.encode()))
    vector = rng.normal(size=DIMENSION)
    return (vector / np.linalg.norm(vector)).astype(np.float32)
