"""The encoder: texts of one language to vectors in the native or the shared space."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from xsearch.encoder.devices import check_device, has_cuda
from xsearch.encoder.installed import find_module
from xsearch.encoder.runtime import Runtime, available_cores
from xsearch.encoder.streaming import Encoding, begin, encode_now, encode_windows, windows_of
from xsearch.encoder.tokenisation import Tokeniser
from xsearch.errors import ModuleError, XsearchError

if TYPE_CHECKING:
    from xsearch.encoder.tokenising_processes import TokeniserProcesses

# From this many texts the start of several streams, or of a GPU, is worth its while.
_MANY = 16
_MANY_FOR_A_GPU = 512
# Cores that are left to what feeds a GPU when other processes tokenise for it.
_CORES_THAT_FEED = 2
# Modules that are loaded before anyone asks.
_AHEAD = 4

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TokenVectors:
    """The tokens of a text in context, without special tokens and the module's prefix.

    `spans` (t, 2) are character positions [start, end) in the text; `vectors` (t, d) float32, L2-normalised.
    """

    spans: NDArray[np.int64]
    vectors: NDArray[np.float32]


class Encoder:
    """A language module, ready to encode.

    Thread-safe. What a space needs is loaded when it is first used.

    Args:
        module: a language code such as "fi", or the path of a module folder.
        device: "cpu", "cuda", or "auto": the GPU for many texts where there is one and torch is installed.
        threads: how many cores to use; None: all that the process may. A GPU's texts are tokenised in so many
            processes, less two, once there were 50,000.
        precision: "auto" rounds matrix products to 8 bits on a CPU (mean cosine to float32 .999, twice as fast)
            where the module is calibrated; "float32" does not.

    Raises:
        LanguageError: there is no module for the language.
        ModuleError: the folder is not a sound module.
        DeviceError: the device is not there.
        ValueError: `threads` or `precision` is none of those.
    """

    def __init__(
        self,
        module: str | Path,
        *,
        device: str = "auto",
        threads: int | None = None,
        precision: Literal["auto", "float32"] = "auto",
    ) -> None:
        check_device(device)
        if precision not in ("auto", "float32"):
            raise ValueError(f"precision is {precision!r}, expected 'auto' or 'float32'")
        if threads is not None and threads < 1:
            raise ValueError(f"threads is {threads}, expected 1 or more, or None for all cores")
        self._module = find_module(module)
        self._device = device
        self._threads = threads
        self._precision = precision
        self._runtimes: dict[tuple[str, str], Runtime] = {}
        self._tokeniser: Tokeniser | None = None
        self._processes: TokeniserProcesses | None = None
        self._lock = threading.Lock()
        config = self._module.config
        self.path: Path = self._module.path
        self.content_hash: str = self._module.content_hash
        self.shared_hash: str = config.base.content_hash if config.base else self.content_hash
        self.language: str = config.language
        self.dimension: int = config.dimension
        self.max_length: int = config.max_length
        self.spaces: tuple[str, ...] = config.spaces
        self.search_space: str = config.search_space
        self.one_space: bool = config.adapter is None  # native and shared run the same graph

    def encode(self, texts: Sequence[str], space: str = "shared") -> NDArray[np.float32]:
        """Vectors (n, d) float32, L2-normalised, in the order of `texts`; n may be 0.

        An empty text has a vector too (that of no words). Texts longer than `max_length` tokens are cut there,
        which is logged once as a warning; lone surrogates are read as U+FFFD. A text's vector does not depend on
        the other texts.

        Raises:
            TypeError: an item is not a text.
            ModuleError: the module has no such space, or is damaged.
        """
        runtime, tokeniser = self._runtime(space, len(texts)), self._tokens()
        if len(texts) < _MANY:
            return encode_now(texts, tokeniser, runtime, self.dimension)
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        windows = (texts[window] for window in windows_of(texts, runtime))
        start = 0
        for part in encode_windows(windows, self._tokens_for(runtime), runtime, self.dimension):
            vectors[start : start + len(part)] = part
            start += len(part)
        return vectors

    def encode_batches(
        self, batches: Iterable[Sequence[str]], space: str = "shared"
    ) -> Iterator[NDArray[np.float32]]:
        """Vectors (n, d) of each batch of texts in turn, as by `encode`, in flat memory.

        The next batch is taken and tokenised while one is encoded, so this is faster than a call for each. Batches
        of about 2,000 texts are best.
        """
        runtime = self._runtime(space, _MANY_FOR_A_GPU)
        return encode_windows(batches, self._tokens_for(runtime), runtime, self.dimension)

    def start(self, texts: Sequence[str], space: str, pool: Executor) -> Encoding:
        """Begin to encode: tokenises now, leaves the rest to `pool`, and gives what will have the vectors of `encode`.

        The number of threads is the pool's. Several encoders may share one; its work is done in the order of calls.
        """
        # Too few texts at a time to share among processes: the library's own threads are faster.
        runtime = self._runtime(space, len(texts))
        return begin(self._tokens().ids(texts), runtime, self.dimension, pool)

    def token_vectors(self, text: str, space: str = "shared") -> TokenVectors:
        """The contextual vectors of the tokens of `text`, with their places in it."""
        runtime = self._runtime(space, 1)
        tokens = self._tokens().tokens(text)
        states = runtime.tokens(tokens.ids)[~tokens.special]
        norms = np.linalg.norm(states, axis=1, keepdims=True)
        return TokenVectors(tokens.spans[~tokens.special], states / np.maximum(norms, 1e-12))

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """How many tokens of each text are read, special tokens included: at most `max_length`."""
        return [len(ids) for ids in self._tokens().ids(texts)]

    def _tokens(self) -> Tokeniser:
        with self._lock:
            if self._tokeniser is None:
                self._tokeniser = Tokeniser(self._module)
            return self._tokeniser

    def _tokens_for(self, runtime: Runtime) -> Tokeniser | TokeniserProcesses:
        """The tokeniser, in several processes where the runtime is faster than one and there are cores for them."""
        tokeniser, processes = self._tokens(), (self._threads or available_cores()) - _CORES_THAT_FEED
        if not runtime.outruns_a_tokeniser or processes < 2:
            return tokeniser
        from xsearch.encoder.tokenising_processes import TokeniserProcesses

        with self._lock:
            if self._processes is None:
                self._processes = TokeniserProcesses(tokeniser, processes)
            return self._processes

    def _runtime(self, space: str, texts: int) -> Runtime:
        if space not in self.spaces:
            raise ModuleError(
                f"{self.path}: the module has the spaces {', '.join(self.spaces)}, not {space!r}"
            )
        device = self._device
        if device == "auto":
            device = "cuda" if texts >= _MANY_FOR_A_GPU and has_cuda() else "cpu"
        graph_space = "native" if self.one_space else space
        tokeniser = self._tokens()
        with self._lock:
            if (graph_space, device) not in self._runtimes:
                self._runtimes[graph_space, device] = self._made(graph_space, device, tokeniser)
            return self._runtimes[graph_space, device]

    def _made(self, space: str, device: str, tokeniser: Tokeniser) -> Runtime:
        if device == "cuda":
            from xsearch.encoder.torch_runtime import TorchRuntime

            return TorchRuntime(self._module, space)
        from xsearch.encoder.prepared import cpu_runtime

        return cpu_runtime(self._module, space, tokeniser, precision=self._precision, threads=self._threads)


_encoders: dict[tuple[str, str], Encoder] = {}
_encoders_lock = threading.Lock()


def encoder_for(language: str, *, device: str = "auto") -> Encoder:
    """The process' one encoder for a language: loaded at the first call, shared by all later ones."""
    with _encoders_lock:
        key = (language, device)
        if key not in _encoders:
            _encoders[key] = Encoder(language, device=device)
        return _encoders[key]


def load_ahead(languages: Iterable[str], device: str = "auto") -> None:
    """Have `encoder_for` load the first few of these, so that no query waits for them; what fails is logged."""
    for language in [*dict.fromkeys(languages)][:_AHEAD]:
        try:
            encoder_for(language, device=device).encode(["."])
        except XsearchError as error:
            _logger.warning("the %s module could not be loaded ahead: %s", language, error)


def loaded_languages() -> list[str]:
    """The languages for which `encoder_for` has been called, by code."""
    with _encoders_lock:
        return sorted({language for language, _ in _encoders})
