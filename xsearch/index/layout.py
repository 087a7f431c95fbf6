"""Where the vectors of a graph lie: near those that they are linked to.

A search goes from a vector to its neighbours. In the order of the corpus each of them lies elsewhere; in the order in
which a walk through the graph meets them, many lie in a page or a cache line that was just read: a query of a million
vectors takes .92 of the time (`make bench-layout`).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xsearch.index.library import faiss


def lay_out(index: Any, places: NDArray[np.int64] | None = None) -> NDArray[np.int64] | None:
    """Move the vectors of a graph so that position i holds what was at `places[i]`, by default by a walk through it.

    Returns the (n,) places, or None for an index that is no graph, which stays as it is.
    """
    graph = _graph(index)
    if graph is None:
        return None
    if places is None:
        places = _walk(graph.hnsw, graph.ntotal)
    graph.permute_entries(places)
    return places


def _graph(index: Any) -> Any:
    """The graph over codes that an index is, if need be after a transformation of vectors."""
    library = faiss()
    index = library.downcast_index(index)
    if isinstance(index, library.IndexPreTransform):
        return _graph(index.index)
    if not isinstance(index, library.IndexHNSW):
        return None
    codes = isinstance(library.downcast_index(index.storage), library.IndexFlatCodes)
    return index if codes else None  # of what else it may store FAISS cannot change the order


def _walk(hnsw: Any, rows: int) -> NDArray[np.int64]:
    """All vectors, breadth first from the entry point, then those that are not to be reached from there."""
    links = faiss().rev_swig_ptr(hnsw.neighbors.data(), hnsw.neighbors.size())
    starts = faiss().vector_to_array(hnsw.offsets).astype(np.int64)
    slots = np.arange(hnsw.nb_neighbors(0))
    fresh = np.ones(rows, bool)
    met = []
    wave = np.array([hnsw.entry_point]) if rows else np.empty(0, np.int64)
    while len(wave):
        fresh[wave] = False
        met.append(wave)
        linked = links[starts[wave, None] + slots].ravel()
        linked = linked[linked >= 0]
        linked = linked[fresh[linked]]
        _, first = np.unique(linked, return_index=True)
        wave = linked[np.sort(first)]
    return np.concatenate([*met, np.flatnonzero(fresh)]).astype(np.int64)
