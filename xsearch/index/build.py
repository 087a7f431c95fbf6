"""Building an index: train on a bounded sample, add in blocks, tune on vectors that were held back."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xsearch.errors import QueryError
from xsearch.index.choice import PER_CENTROID, TRAINING_ROWS, construction_breadth
from xsearch.index.gpu import resolve_device, to_cpu, to_gpu
from xsearch.index.kinds import inner_kind
from xsearch.index.library import faiss
from xsearch.index.signed_bytes import scale_of, stored, takes_bytes
from xsearch.index.tuning import Neighbours, Tuning, tune
from xsearch.index.vector_run import VectorRun

_SEED = 20241
_MOST_PROBES = 256
_MINIMUM_PER_CENTROID = 39


@dataclass(frozen=True)
class BuiltIndex:
    """A CPU index ready to be saved, what tuning it found, and what building took. `imbalance` as in FAISS."""

    index: Any
    tuning: Tuning
    probes: int
    imbalance: float | None
    seconds: float


def insertion_order(rows: int) -> tuple[NDArray[np.int64], int]:
    """The order in which to add `rows` vectors, and how many of the last ones are held back as probes.

    The probes are drawn at random, but always the same ones for the same number of rows.
    """
    probes = max(1, min(_MOST_PROBES, rows // 20))
    held = np.sort(np.random.default_rng(_SEED).choice(rows, probes, replace=False))
    return np.concatenate([np.delete(np.arange(rows), held), held]), probes


def empty_index(factory: str, dimension: int) -> Any:
    """The untrained index of a FAISS factory string. Raises QueryError if FAISS does not understand it."""
    try:
        index = faiss().index_factory(dimension, factory, faiss().METRIC_INNER_PRODUCT)
        if getattr(inner_kind(index), "nlist", 1) < 1:
            raise RuntimeError("Error: it has no lists")
    except RuntimeError as error:
        # FAISS says "Error in FUNCTION at FILE:LINE: reason", and ours is "Error: reason".
        reason = re.split(r"Error: |\.cpp:\d+: ", str(error).strip().splitlines()[-1])[-1]
        raise QueryError(
            f"{factory!r} is not a FAISS index factory string for {dimension} dimensions: {reason}; "
            "use auto, Flat for exact search, or one like HNSW32,SQ8 or IVF1024,SQ8"
        ) from None
    return index


def training_rows(index: Any) -> int:
    """How few vectors can train an index without FAISS warning of too few."""
    inner = inner_kind(index)
    centroids = [int(getattr(inner, "nlist", 1)), int(getattr(getattr(inner, "pq", None), "ksub", 1))]
    return max([1, *(_MINIMUM_PER_CENTROID * count for count in centroids if count > 1)])


def build_index(
    factory: str,
    vectors: VectorRun,
    order: NDArray[np.int64],
    probes: int,
    *,
    recall: float,
    device: str,
    report: Callable[[int], None],
) -> BuiltIndex:
    """Index `vectors` in `order` (see `insertion_order`); position i of the index is then vector `order[i]`.

    `report` is told how many vectors are in. The same vectors give the same index on one thread; the links of
    a graph built by several threads may differ.
    """
    started = time.monotonic()
    target = resolve_device(device)
    index = empty_index(factory, vectors.dimension)
    if hasattr(inner_kind(index), "hnsw"):
        inner_kind(index).hnsw.efConstruction = construction_breadth(len(order))
    work = to_gpu(index, replicate=False) if target == "cuda" else index
    most = len(order) - probes
    scale = None
    if takes_bytes(index) or not index.is_trained:
        sample = _sample(index, vectors, order[:most])
        scale = scale_of(sample) if takes_bytes(index) else None
        work.train(_prepared(sample, scale))
    neighbours = Neighbours(vectors.take(order[most:]))
    done = 0
    for block in vectors.blocks(order[:most]):
        work.add(_prepared(block, scale))
        neighbours.look_at(block)
        done += len(block)
        report(done)
    index = to_cpu(work) if target == "cuda" else work
    tuning = tune(index, neighbours, recall)
    index.add(_prepared(neighbours.probes, scale))
    report(len(order))
    inner = inner_kind(index)
    imbalance = float(inner.invlists.imbalance_factor()) if hasattr(inner, "invlists") else None
    return BuiltIndex(index, tuning, probes, imbalance, time.monotonic() - started)


def _prepared(vectors: NDArray[np.float32], scale: float | None) -> NDArray[np.float32]:
    return vectors if scale is None else stored(vectors, scale)


def _sample(index: Any, vectors: VectorRun, positions: NDArray[np.int64]) -> NDArray[np.float32]:
    wanted = min(TRAINING_ROWS, max(100_000, PER_CENTROID * int(getattr(inner_kind(index), "nlist", 1))))
    if len(positions) > wanted:
        positions = np.sort(np.random.default_rng(_SEED).choice(positions, wanted, replace=False))
    return vectors.take(positions)
