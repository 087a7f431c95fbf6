"""Vectors as whole numbers of one byte, for FAISS' codes of that kind (SQ8_direct_signed).

FAISS compares such codes as integers, which takes about two thirds of the time of its other 8-bit codes (SQ8), and
leaves it to its user to bring stored vectors and queries into their range. All stored vectors share one scale, so that
the order of their products with a query stays as it is; a query's own scale changes no order.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xsearch.index.kinds import inner_kind
from xsearch.index.library import faiss

_MOST = 127
_WITHIN = 99.99
"""Per cent of the components that are within the range; the rest are cut, for one outlier would coarsen all."""

_SAMPLE = 10_000
_SMALLEST = 1e-6


def takes_bytes(index: Any) -> bool:
    """Whether the index stores vectors as signed bytes without scaling them."""
    inner = inner_kind(index)
    codec = getattr(inner_kind(inner.storage) if hasattr(inner, "hnsw") else inner, "sq", None)
    return codec is not None and codec.qtype == faiss().ScalarQuantizer.QT_8bit_direct_signed


def scale_of(sample: NDArray[np.float32]) -> float:
    """What to multiply vectors like those of the (n, d) sample by."""
    some = sample[:: -(-len(sample) // _SAMPLE)]
    return _MOST / max(float(np.percentile(np.abs(some), _WITHIN)), _SMALLEST)


def vectors_as_bytes(vectors: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    """The (n, d) vectors as an index of signed bytes stores them."""
    whole: NDArray[np.float32] = np.rint(vectors * np.float32(scale))
    return np.clip(whole, -_MOST, _MOST, out=whole)


def queries_as_bytes(queries: NDArray[np.float32]) -> NDArray[np.float32]:
    """The (m, d) queries as an index of signed bytes takes them."""
    largest = np.maximum(np.abs(queries).max(axis=1, keepdims=True), _SMALLEST)
    whole: NDArray[np.float32] = queries * (_MOST / largest)
    return np.rint(whole, out=whole)
