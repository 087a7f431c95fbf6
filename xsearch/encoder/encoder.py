"""The encoder: texts of one language to vectors in the native or the shared space."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xsearch.encoder.batching import batches, padded
from xsearch.encoder.graph import onnx_graph
from xsearch.encoder.installed import find_base, find_module
from xsearch.encoder.runtime import OnnxSession
from xsearch.encoder.tokenisation import Tokeniser
from xsearch.encoder.weights import compose
from xsearch.errors import ModuleError

# Texts tokenised, sorted by length and encoded together: enough to fill batches of one length, little memory.
_WINDOW = 8192


@dataclass(frozen=True)
class TokenVectors:
    """The tokens of a text in context: `spans` (t, 2) character positions [start, end) in the text, and
    `vectors` (t, d) float32, L2-normalised. Special tokens and the module's prefix are left out.
    """

    spans: NDArray[np.int64]
    vectors: NDArray[np.float32]


class Encoder:
    """A language module, ready to encode.

    Args:
        module: a language code such as "fi", or the path of a module folder.
        device: "auto", "cpu" or "cuda".
        threads: how many threads inference may use; None: as many as the machine has cores.

    Thread-safe. What a space needs is loaded when it is first used.

    Raises:
        LanguageError: no module for the language. ModuleError: a folder that is not a sound module.
        DeviceError: a device that is not there.
    """

    def __init__(self, module: str | Path, *, device: str = "auto", threads: int | None = None) -> None:
        self._module = find_module(module)
        self._threads = threads
        self._sessions: dict[str, OnnxSession] = {}
        self._tokeniser: Tokeniser | None = None
        self._lock = threading.Lock()
        config = self._module.config
        self.path: Path = self._module.path
        self.content_hash: str = self._module.content_hash
        self.language: str = config.language
        self.dimension: int = config.dimension
        self.max_length: int = config.max_length
        self.spaces: tuple[str, ...] = config.spaces
        self.search_space: str = config.search_space
        self.one_space: bool = config.adapter is None  # native and shared run the same graph

    def encode(self, texts: Sequence[str], space: str = "shared") -> NDArray[np.float32]:
        """Vectors (n, d) float32, L2-normalised, in the order of `texts`; n may be 0.

        An empty text has a vector too (that of no words). Texts longer than `max_length` tokens are cut there,
        which is logged once as a warning; lone surrogates are read as U+FFFD.

        Raises:
            TypeError: an item is not a text. ModuleError: the module has no such space, or is damaged.
        """
        if isinstance(texts, str):
            raise TypeError("encode takes a sequence of texts; for one text, pass a list with it")
        session, tokeniser = self._session(space), self._tokens()
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        for start in range(0, len(texts), _WINDOW):
            ids = tokeniser.ids(texts[start : start + _WINDOW])
            for chosen in batches([len(one) for one in ids]):
                table, mask = padded([ids[index] for index in chosen])
                vectors[start + chosen] = session.sentences(self._embed(table), mask)
        return vectors

    def token_vectors(self, text: str, space: str = "shared") -> TokenVectors:
        """The contextual vectors of the tokens of `text`, with their places in it."""
        session = self._session(space)
        tokens = self._tokens().tokens(text)
        ids, mask = padded([tokens.ids])
        states = session.tokens(self._embed(ids), mask)[0][~tokens.special]
        norms = np.linalg.norm(states, axis=1, keepdims=True)
        return TokenVectors(tokens.spans[~tokens.special], states / np.maximum(norms, 1e-12))

    def _embed(self, ids: NDArray[np.int32]) -> NDArray[np.float32]:
        try:
            return self._module.table.rows(ids)
        except IndexError as error:
            raise ModuleError(
                f"{self.path}: the tokenizer yields the id {ids.max()}, the embedding table has fewer rows; "
                "export the module again"
            ) from error

    def _tokens(self) -> Tokeniser:
        with self._lock:
            if self._tokeniser is None:
                self._tokeniser = Tokeniser(self._module)
            return self._tokeniser

    def _session(self, space: str) -> OnnxSession:
        if space not in self.spaces:
            raise ModuleError(
                f"{self.path}: the module has the spaces {', '.join(self.spaces)}, not {space!r}"
            )
        with self._lock:
            if space not in self._sessions:
                self._module.verify()
                base = find_base(self._module)
                body = compose(self._module, base, space)
                self._sessions[space] = OnnxSession(onnx_graph(body), self._threads)
            return self._sessions[space]


_encoders: dict[tuple[str, str], Encoder] = {}
_encoders_lock = threading.Lock()


def encoder_for(language: str, *, device: str = "auto") -> Encoder:
    """The process' one encoder for a language: loaded at the first call, shared by all later ones."""
    with _encoders_lock:
        key = (language, device)
        if key not in _encoders:
            _encoders[key] = Encoder(language, device=device)
        return _encoders[key]
