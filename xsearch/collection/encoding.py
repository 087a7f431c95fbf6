"""What a collection needs of an encoder. `xsearch.encoder.Encoder` has it; tests pass smaller ones."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from xsearch.collection.manifest import Manifest
from xsearch.errors import CollectionError


class TextEncoder(Protocol):
    """Turns texts of one language into unit vectors of a space."""

    @property
    def dimension(self) -> int:
        """Components of a vector."""

    @property
    def content_hash(self) -> str:
        """Changes whenever the vectors may change."""

    @property
    def spaces(self) -> tuple[str, ...]:
        """The spaces that `encode` knows."""

    @property
    def one_space(self) -> bool:
        """Whether native and shared are the same space, as for the language that the others are aligned to."""

    @property
    def search_space(self) -> str:
        """The space that searches better within the language."""

    def encode(self, texts: Sequence[str], space: str = "shared") -> NDArray[np.float32]:
        """(n, d) float32, L2-normalised, in the order of the texts."""


EncoderFor = Callable[[str], TextEncoder]
"""From a language to its encoder."""


def installed_encoder(language: str) -> TextEncoder:
    """The encoder of the language's installed module, loaded once in a process."""
    from xsearch.encoder import encoder_for

    return encoder_for(language)


def check_module(manifest: Manifest, language: str, encoder: TextEncoder) -> None:
    """Raise CollectionError if the collection's documents of that language were encoded with another module."""
    record = manifest.modules.get(language)
    if record is not None and record.content_hash != encoder.content_hash:
        raise CollectionError(
            f"the {language} module has changed since the collection was indexed (then "
            f"{record.content_hash[:12]}, "
            f"now {encoder.content_hash[:12]}), so their vectors cannot be compared: index the corpus again, "
            "or install the module that it was made with"
        )
