"""What a collection needs of an encoder. `xsearch.encoder.Encoder` has it; tests pass smaller ones."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from xsearch.collection.manifest import ModuleRecord
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
    def shared_hash(self) -> str:
        """The content hash of the module whose space is the shared one: vectors of others cannot be compared."""

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


def record_of(language: str, encoder: TextEncoder) -> ModuleRecord:
    """What a collection notes of the module that encodes its documents of a language."""
    return ModuleRecord(language, encoder.content_hash, encoder.one_space, encoder.shared_hash)


def check_module(modules: Mapping[str, ModuleRecord], module: ModuleRecord) -> None:
    """Raise CollectionError if the module's vectors cannot be compared with those of a collection's `modules`.

    That is if documents of that language were encoded with another one, or any documents with a module that maps into
    the space of another base.
    """
    record = modules.get(module.language, module)
    if record.content_hash != module.content_hash:
        raise CollectionError(
            f"the {module.language} module has changed since the collection was indexed (then "
            f"{record.content_hash[:12]}, now {module.content_hash[:12]}), so their vectors cannot be compared: "
            "index the corpus again, or install the module that it was made with"
        )
    for other in modules.values():
        if other.shared_hash and module.shared_hash not in ("", other.shared_hash):
            raise CollectionError(
                f"the {module.language} module maps into the space of another base than the {other.language} module "
                f"that the collection holds documents of ({module.shared_hash[:12]} and {other.shared_hash[:12]}), so "
                "their vectors cannot be compared: index the corpus again, or install modules of one base"
            )
