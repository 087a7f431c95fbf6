"""Running an encoder's graph on the CPU with ONNX Runtime."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from xsearch.encoder.batching import batches
from xsearch.encoder.module import EmbeddingTable


class Runtime(Protocol):
    """What runs a space of a module on a device. Thread-safe.

    `window` is how many texts are tokenised and sorted by length together at most, `window_characters` how many
    characters of text are enough for that; `workers` is how many batches it is worth running at a time, and
    `outruns_a_tokeniser` whether it waits for texts that one process tokenises.
    """

    window: int
    window_characters: int
    workers: int
    outruns_a_tokeniser: bool

    def batches(self, lengths: Sequence[int]) -> Iterator[NDArray[np.intp]]:
        """Which of the texts with these numbers of tokens to run together; covers all once."""
        ...

    def sentences(self, ids: Sequence[NDArray[np.int32]]) -> NDArray[np.float32]:
        """Vectors (batch, dimension), L2-normalised, of one of the `batches`."""
        ...

    def tokens(self, ids: NDArray[np.int32]) -> NDArray[np.float32]:
        """The last hidden states (tokens, d) of one text."""
        ...


class OnnxSession:
    """A graph of `xsearch.encoder.graph`, ready to run on one thread for each call.

    Several calls at a time from several threads make better use of the cores than several threads for one call.
    """

    def __init__(self, model: bytes | Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        # The graphs are written as they are to run; planning memory for shapes that change every time is in vain.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.enable_mem_pattern = False
        source = str(model) if isinstance(model, Path) else model
        self._session: Any = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])

    def run(self, outputs: Sequence[str], embeddings: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """The named outputs for `embeddings` (batch, tokens, d)."""
        result: list[NDArray[np.float32]] = self._session.run(list(outputs), {"embeddings": embeddings})
        return result


class CpuRuntime:
    """ONNX Runtime on the CPU: `threads` batches at a time, one thread each."""

    window = 2048
    window_characters = 4_000_000
    outruns_a_tokeniser = False

    def __init__(self, session: OnnxSession, table: EmbeddingTable, threads: int | None) -> None:
        self._session = session
        self._table = table
        self.workers = threads or available_cores()

    def batches(self, lengths: Sequence[int]) -> Iterator[NDArray[np.intp]]:
        """Texts of one length, so that nothing is padded."""
        return batches(lengths)

    def sentences(self, ids: Sequence[NDArray[np.int32]]) -> NDArray[np.float32]:
        """Vectors (batch, dimension) of texts that all have the same number of tokens."""
        return self._session.run(["sentence"], self._table.rows(np.stack(ids)))[0]

    def tokens(self, ids: NDArray[np.int32]) -> NDArray[np.float32]:
        """The last hidden states (tokens, d) of one text."""
        states: NDArray[np.float32] = self._session.run(["tokens"], self._table.rows(ids[None]))[0][0]
        return states


def available_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
