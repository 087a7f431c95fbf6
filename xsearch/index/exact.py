"""Exact search straight over stored float16 vectors, by FAISS' half-precision kernels, without copying them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xsearch.index.library import faiss
from xsearch.index.selection import Selection


class ExactIndex:
    """Inner products of queries with (n, d) float16 `vectors`, usually a memory map, which is read and not copied."""

    def __init__(self, vectors: NDArray[np.float16]) -> None:
        self._vectors = np.ascontiguousarray(vectors)
        self._index = faiss().IndexScalarQuantizer(
            vectors.shape[1], faiss().ScalarQuantizer.QT_fp16, faiss().METRIC_INNER_PRODUCT
        )
        _lend(self._index.codes, self._vectors)
        self._index.ntotal = len(vectors)

    def __len__(self) -> int:
        return len(self._vectors)

    def search(
        self, queries: NDArray[np.float32], k: int, allowed: Selection | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The best k of the allowed rows (all, if None) for (m, d) queries: scores and rows, both (m, k).

        Places for which no row is left hold row -1.
        """
        parameters = None if allowed is None else faiss().SearchParameters(sel=allowed.selector)
        scores, rows = self._index.search(queries, min(k, self._index.ntotal), params=parameters)
        return scores, rows


def _lend(codes: Any, vectors: NDArray[np.float16]) -> None:
    """Point FAISS' code array at `vectors`, whose half-precision format is the one that FAISS stores.

    These are the public fields of faiss::MaybeOwnedVector; its create_view needs a shared pointer to the
    owner, which Python cannot make. The caller keeps `vectors` alive for as long as the index.
    """
    start = faiss().swig_ptr(vectors.view(np.uint8))
    codes.is_owned = False
    codes.view_data = codes.c_ptr = start
    codes.view_size = codes.c_size = vectors.nbytes
