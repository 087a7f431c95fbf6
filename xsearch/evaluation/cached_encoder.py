"""Keeps the vectors of a run: the same sentences return in many pairs of languages and directions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from xsearch.qa.sentence_encoder import Role, SentenceEncoder

CACHED_AT_MOST = 200_000
"""Texts of a larger corpus are encoded without being kept; a run meets them once."""

_BLOCK = 1024


class Progress(Protocol):
    """Where a run says how far it is."""

    def encoding(self, lang: str, done: int, total: int) -> None:
        """`done` of `total` texts of one set are encoded."""
        ...


class CachedEncoder:
    """An encoder that encodes each text of a language, space and role once; `languages` are those it was asked for."""

    def __init__(self, encoder: SentenceEncoder, progress: Progress | None = None) -> None:
        self._encoder = encoder
        self._progress = progress
        self._vectors: dict[tuple[str, str, str], dict[str, NDArray[np.float32]]] = {}
        self.name = encoder.name
        self.languages: set[str] = set()

    def supports(self, lang: str) -> bool:
        """As the encoder that is cached."""
        return self._encoder.supports(lang)

    def spaces(self, lang: str) -> tuple[str, ...]:
        """As the encoder that is cached."""
        return self._encoder.spaces(lang)

    def content_hashes(self, langs: Sequence[str]) -> dict[str, str]:
        """As the encoder that is cached."""
        return self._encoder.content_hashes(langs)

    def encode(
        self, texts: Sequence[str], *, lang: str, space: str, role: Role = "document"
    ) -> NDArray[np.float32]:
        """Encodes what is new, in blocks, and tells the progress."""
        self.languages.add(lang)
        if not texts or len(texts) > CACHED_AT_MOST:
            return self._encoder.encode(texts, lang=lang, space=space, role=role)
        known = self._vectors.setdefault((lang, space, role), {})
        new = list(dict.fromkeys(text for text in texts if text not in known))
        for start in range(0, len(new), _BLOCK):
            block = new[start : start + _BLOCK]
            known.update(
                zip(block, self._encoder.encode(block, lang=lang, space=space, role=role), strict=True)
            )
            if self._progress is not None:
                self._progress.encoding(lang, start + len(block), len(new))
        return np.stack([known[text] for text in texts])
