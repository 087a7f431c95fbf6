"""An opened FAISS index of any kind, searched for candidates."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xsearch.errors import CollectionError
from xsearch.index.exact import bitmap_selector
from xsearch.index.library import faiss


class ApproximateIndex:
    """A saved FAISS index with tuned search parameters; mapped into memory where FAISS can do that."""

    def __init__(self, path: Path, rows: int, parameters: Mapping[str, int]) -> None:
        if not path.exists():
            raise FileNotFoundError(2, "No such file", str(path))
        try:
            self._index = faiss().read_index(str(path), faiss().IO_FLAG_MMAP_IFC)
            if self._index.ntotal != rows:
                raise RuntimeError(f"it holds {self._index.ntotal} vectors instead of {rows}")
        except RuntimeError as error:
            raise CollectionError(
                f"{path} cannot be opened as a FAISS index: {error}; compact or index again"
            ) from None
        space = faiss().ParameterSpace()
        for name, value in parameters.items():
            space.set_index_parameter(self._index, name, value)

    def search(
        self, queries: NDArray[np.float32], n: int, allowed: NDArray[np.bool_] | None = None
    ) -> NDArray[np.int64]:
        """The positions of about the best n allowed vectors for each query, (m, n); -1 where none is left."""
        parameters = None if allowed is None else faiss().SearchParameters(sel=bitmap_selector(allowed))
        positions: NDArray[np.int64] = self._index.search(
            queries, min(n, self._index.ntotal), params=parameters
        )[1]
        return positions
