"""An opened FAISS index of any kind, searched for candidates."""

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xsearch.errors import CollectionError
from xsearch.index.gpu import MOST_ON_GPU, Device, is_on_gpu, to_gpu
from xsearch.index.library import faiss
from xsearch.index.selection import Selection
from xsearch.index.signed_bytes import queries_as_bytes, takes_bytes

_MOST_EFFORT = 20
_MORE_LISTS = 1 / 3
"""Neighbours lie in so many more lists, as a power of how many more are asked for: twice as many for eight times k."""


class ApproximateIndex:
    """A saved FAISS index with tuned search parameters; mapped into memory where FAISS can do that.

    On `device` cuda it is copied to every GPU instead, if it is of a kind that runs there.
    """

    def __init__(self, path: Path, rows: int, parameters: Mapping[str, int], device: Device = "cpu") -> None:
        if not path.exists():
            raise FileNotFoundError(2, "No such file", str(path))
        try:
            self._index = faiss().read_index(str(path), faiss().IO_FLAG_MMAP_IFC)
            if self._index.ntotal != rows:
                raise RuntimeError(f"it holds {self._index.ntotal} vectors instead of {rows}")
            if device == "cuda":
                self._index = to_gpu(self._index, replicate=True)
            set_parameters(self._index, parameters)
            self._takes_bytes = takes_bytes(self._index)
            self._on_gpu = is_on_gpu(self._index)
            # threads may share a CPU index, but not the memory of a GPU that FAISS searches in
            self._turn: AbstractContextManager[Any] = Lock() if self._on_gpu else nullcontext()
        except RuntimeError as error:
            raise CollectionError(
                f"{path} cannot be opened as a FAISS index: {error}; compact the collection to build its index anew"
            ) from None

    def search(
        self,
        queries: NDArray[np.float32],
        n: int,
        allowed: Selection | None = None,
        *,
        wider: float = 1.0,
    ) -> NDArray[np.int64]:
        """The positions of about the best n allowed vectors for each query, (m, n); -1 where none is left.

        The search works harder the fewer vectors pass a filter, and where n is `wider` times what the parameters were
        tuned for: a graph that is searched no broader than for ten neighbours finds half of three hundred. FAISS takes
        such wishes for not every kind of index, and for none on a GPU. There, enough more are asked for to make up for
        those that the filter excludes, as far as it excludes few; every place of a query that gets too few so is -1,
        and the caller looks at the vectors themselves.
        """
        n = min(n, self._index.ntotal, MOST_ON_GPU if self._on_gpu else n)
        queries = queries_as_bytes(queries) if self._takes_bytes else queries
        # a GPU would ignore the filter of a flat index
        if (allowed is not None or wider > 1) and not self._on_gpu:
            effort = 1 if allowed is None else 1 / max(allowed.share, 1 / _MOST_EFFORT)
            selector = None if allowed is None else allowed.selector
            parameters = _search_parameters(self._index, selector, n, effort, wider)
            positions: NDArray[np.int64]
            with suppress(RuntimeError):
                _, positions = self._index.search(queries, n, params=parameters)
                return positions
        if allowed is None:
            return self._nearest(queries, n)
        most = MOST_ON_GPU if self._on_gpu else max(MOST_ON_GPU, 2 * n)
        n = min(n, most // 2)
        positions = self._nearest(queries, min(n + allowed.excluded, most, self._index.ntotal))
        return _only(positions, allowed, n)

    def _nearest(self, queries: NDArray[np.float32], n: int) -> NDArray[np.int64]:
        positions: NDArray[np.int64]
        with self._turn:
            _, positions = self._index.search(queries, n)
        return positions


def save_index(index: Any, path: Path) -> None:
    """Write an index to a file. Raises OSError if that fails, such as on a full disk."""
    try:
        faiss().write_index(index, str(path))
    except RuntimeError as error:
        reason = re.search(r"\(([^()]+)\)\s*$", str(error))
        raise OSError(reason[1] if reason else str(error)) from None


def set_parameters(index: Any, parameters: Mapping[str, int]) -> None:
    """Set search-time parameters by FAISS' names for them (nprobe, efSearch, quantizer_efSearch)."""
    on_gpu = is_on_gpu(index)
    for name, value in parameters.items():
        if not on_gpu:
            faiss().ParameterSpace().set_index_parameter(index, name, value)
        elif name == "nprobe":
            faiss().GpuParameterSpace().set_index_parameter(index, name, min(value, MOST_ON_GPU))


def _only(positions: NDArray[np.int64], allowed: Selection, n: int) -> NDArray[np.int64]:
    """The first n allowed positions of each row in their order; none of a row that has not so many, of all allowed."""
    held = allowed.holds(positions)
    first = np.argsort(~held, axis=1, kind="stable")[:, :n]
    taken = np.where(
        np.take_along_axis(held, first, axis=1), np.take_along_axis(positions, first, axis=1), -1
    )
    taken[held.sum(axis=1) < min(n, allowed.count)] = -1
    return taken


def _search_parameters(index: Any, selector: Any, n: int, effort: float, wider: float) -> Any:
    library = faiss()
    index = library.downcast_index(index)
    if isinstance(index, library.IndexPreTransform):
        inner = _search_parameters(index.index, selector, n, effort, wider)
        return library.SearchParametersPreTransform(index_params=inner)
    if isinstance(index, library.IndexRefine):
        inner = _search_parameters(index.base_index, selector, n, effort, wider)
        return library.IndexRefineSearchParameters(k_factor=index.k_factor, base_index_params=inner)
    if isinstance(index, library.IndexIVF):
        probes = min(round(index.nprobe * effort * wider**_MORE_LISTS), index.nlist)
        return library.SearchParametersIVF(sel=selector, nprobe=probes)
    if isinstance(index, library.IndexHNSW):
        breadth = max(index.hnsw.efSearch, n) * effort
        return library.SearchParametersHNSW(sel=selector, efSearch=round(breadth))
    return library.SearchParameters(sel=selector)
