"""Running an encoder's graph on the CPU with ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class OnnxSession:
    """A graph of `xsearch.encoder.graph`, ready to run. Thread-safe."""

    def __init__(self, graph: bytes, threads: int | None) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or 0
        options.log_severity_level = 3
        self._session: Any = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def sentences(self, embeddings: NDArray[np.float32], mask: NDArray[np.int32]) -> NDArray[np.float32]:
        """Sentence vectors (batch, dimension), L2-normalised, of `embeddings` (batch, tokens, d)."""
        result: NDArray[np.float32] = self._session.run(
            ["sentence"], {"embeddings": embeddings, "mask": mask}
        )[0]
        return result

    def tokens(self, embeddings: NDArray[np.float32], mask: NDArray[np.int32]) -> NDArray[np.float32]:
        """Last hidden states (batch, tokens, d)."""
        result: NDArray[np.float32] = self._session.run(["tokens"], {"embeddings": embeddings, "mask": mask})[
            0
        ]
        return result
