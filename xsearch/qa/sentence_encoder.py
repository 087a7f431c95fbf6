"""What scoring needs from an encoder, and the installed language modules as one such encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from xsearch.errors import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from xsearch.encoder import Encoder

Role = Literal["query", "document"]
"""Some encoders, such as mE5, put different words before queries and documents."""


@runtime_checkable
class SentenceEncoder(Protocol):
    """Anything that turns text of a known language into vectors whose dot product is their similarity."""

    @property
    def name(self) -> str:
        """What results are reported under."""
        ...

    def supports(self, lang: str) -> bool:
        """Whether text in this language can be encoded."""
        ...

    def spaces(self, lang: str) -> tuple[str, ...]:
        """The spaces that differ for this language: `("shared",)` where the native space is the same."""
        ...

    def content_hashes(self, langs: Sequence[str]) -> dict[str, str]:
        """What was measured: a content hash by language, or one under `*` for a single model."""
        ...

    def encode(
        self, texts: Sequence[str], *, lang: str, space: str, role: Role = "document"
    ) -> NDArray[np.float32]:
        """Encodes to (n, d) float32, L2-normalised, in the order given; n may be 0."""
        ...


class ModuleEncoder:
    """The installed language modules, each opened when its language is first asked for; in one shared space.

    `folders` are module folders that take the place of the installed modules of their languages.
    """

    def __init__(self, *, name: str = "xsearch", device: str = "auto", folders: Sequence[Path] = ()) -> None:
        from xsearch.encoder import Encoder

        self.name = name
        self._device = device
        self._own: dict[str, Encoder] = {}
        self._base: tuple[str, str] | None = None  # of the first language encoded in it
        for folder in folders:
            encoder = Encoder(folder, device=device)
            self._own[encoder.language] = encoder

    def supports(self, lang: str) -> bool:
        """Whether a module of the language is installed."""
        from xsearch.encoder import available_modules

        return lang in self._own or lang in available_modules()

    def spaces(self, lang: str) -> tuple[str, ...]:
        """`("native", "shared")`, or `("shared",)` for a module without an alignment adapter."""
        encoder = self._encoder(lang)
        return ("shared",) if encoder.one_space or "native" not in encoder.spaces else ("native", "shared")

    def content_hashes(self, langs: Sequence[str]) -> dict[str, str]:
        """The content hash of each language's module."""
        return {lang: self._encoder(lang).content_hash for lang in langs}

    def encode(
        self, texts: Sequence[str], *, lang: str, space: str, role: Role = "document"
    ) -> NDArray[np.float32]:
        """Encodes with the module of the language, whose one space serves as both where it has no other.

        Raises:
            LanguageError: no module of the language is installed.
            EvaluationError: texts were encoded in the shared space of another base before.
        """
        encoder = self._encoder(lang)
        if space == "shared":
            self._check_base(lang, encoder.shared_hash)
        return encoder.encode(texts, space=space if space in encoder.spaces else "shared")

    def _check_base(self, lang: str, base: str) -> None:
        first, first_base = self._base = self._base or (lang, base)
        if base != first_base:
            raise EvaluationError(
                f"the modules of {first} and {lang} map into the spaces of different bases, so their vectors cannot be "
                "compared; install modules of one base, or leave one of the languages out"
            )

    def _encoder(self, lang: str) -> Encoder:
        from xsearch.encoder import encoder_for

        return self._own.get(lang) or encoder_for(lang, device=self._device)
