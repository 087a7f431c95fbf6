"""One module for many languages, such as a monolithic encoder that modules of one language are compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from xsearch.qa.sentence_encoder import Role

MULTILINGUAL = "mul"
"""ISO 639-2 for several languages: what such a module says its language is."""


class MultilingualModuleEncoder:
    """A module with one space for all languages."""

    def __init__(self, folder: Path, *, name: str | None = None, device: str = "auto") -> None:
        from xsearch.encoder import Encoder

        self._encoder = Encoder(folder, device=device)
        self.name = name or folder.name

    def supports(self, lang: str) -> bool:
        """True: any text can be encoded, well or not."""
        return True

    def spaces(self, lang: str) -> tuple[str, ...]:
        """One space."""
        return ("shared",)

    def content_hashes(self, langs: Sequence[str]) -> dict[str, str]:
        """The content hash of the module under `*`."""
        return {"*": self._encoder.content_hash}

    def encode(
        self, texts: Sequence[str], *, lang: str, space: str, role: Role = "document"
    ) -> NDArray[np.float32]:
        """Encodes to (n, d) float32, L2-normalised; language and space make no difference."""
        return self._encoder.encode(texts, space="shared")
