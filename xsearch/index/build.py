"""Building an index: train on a bounded sample, add in blocks, tune on vectors that were held back."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xsearch.errors import CollectionError, QueryError
from xsearch.index.approximate import set_parameters
from xsearch.index.choice import PER_CENTROID, TRAINING_ROWS, construction_breadth
from xsearch.index.gpu import Device, resolve_device, to_cpu, to_gpu
from xsearch.index.kinds import inner_kind
from xsearch.index.library import faiss
from xsearch.index.signed_bytes import scale_of, takes_bytes, vectors_as_bytes
from xsearch.index.tuning import Neighbours, Tuning, tune
from xsearch.index.vector_run import VectorRun

_SEED = 20241
_MOST_PROBES = 256
_MINIMUM_PER_CENTROID = 39
_OPQ_BITS = 8

_TRIAL_ROWS, _TRIAL_PROBES, _TRIAL_LISTS = 300, 10, 128
_TRIAL_RECALL = 0.9
_ADVICE = "use auto, Flat for exact search, or one like HNSW32,SQ8 or IVF1024,SQ8"


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
        raise QueryError(
            f"{factory!r} is not a FAISS index factory string for {dimension} dimensions: {_reason(error)}; {_ADVICE}"
        ) from None
    for learner in _learners(index):
        if hasattr(learner, "do_polysemous_training"):
            # it takes minutes, for a kind of search that we do not ask for
            learner.do_polysemous_training = False
    return index


@cache
def check_factory(factory: str, dimension: int) -> None:
    """Raise QueryError unless such an index can be trained, filled step by step, searched, saved and opened again.

    FAISS knows many that cannot. A few hundred random vectors show it, in some tenths of a second: the lists are made
    few, which changes nothing of it.
    """
    index = empty_index(factory, dimension)
    if getattr(inner_kind(index), "nlist", 0) > _TRIAL_LISTS:
        index = empty_index(re.sub(r"IVF\d+[kM]?(?=[_,]|$)", f"IVF{_TRIAL_LISTS}", factory), dimension)
    _hasten(index)
    rows = max(_TRIAL_ROWS, training_rows(index, per_centroid=1)) + _TRIAL_PROBES
    vectors = np.random.default_rng(_SEED).standard_normal((rows, dimension), dtype=np.float32)
    run = VectorRun([vectors.astype(np.float16)], [np.arange(rows)])
    try:
        built = _fill(index, run, np.arange(rows), _TRIAL_PROBES, _TRIAL_RECALL, "cpu", lambda done: None)
        opened = faiss().deserialize_index(faiss().serialize_index(built.index))
        set_parameters(opened, built.tuning.parameters)
        opened.search(vectors[:1], 1)
    except RuntimeError as error:
        raise QueryError(
            f"an index of the type {factory!r} cannot be built, filled step by step, saved and opened again in "
            f"{dimension} dimensions: {_reason(error)}; {_ADVICE}"
        ) from None


def training_rows(index: Any, per_centroid: int = _MINIMUM_PER_CENTROID) -> int:
    """How few vectors can train an index without FAISS warning of too few, or at all with `per_centroid` 1."""
    learners, transforms = _learners(index), _untrained_transforms(index)
    centroids = [int(getattr(inner_kind(index), "nlist", 1))]
    centroids += [int(learner.ksub) for learner in learners if hasattr(learner, "ksub")]
    centroids += [1 << _OPQ_BITS for transform in transforms if hasattr(transform, "niter_pq")]
    components = [int(transform.d_out) for transform in transforms]
    components += [int(learner.d) for learner in learners if hasattr(learner, "rq")]
    return max([1, *components, *(per_centroid * count for count in centroids if count > 1)])


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
    a graph built by several threads may differ. Raises CollectionError if FAISS fails.
    """
    index = empty_index(factory, vectors.dimension)
    if hasattr(inner_kind(index), "hnsw"):
        inner_kind(index).hnsw.efConstruction = construction_breadth(len(order))
    try:
        return _fill(index, vectors, order, probes, recall, resolve_device(device), report)
    except RuntimeError as error:
        raise CollectionError(
            f"FAISS cannot build {factory!r} over {len(order)} vectors: {_reason(error)}; the documents are stored "
            "and are searched exactly until they are indexed: compact on another device, or index the corpus again "
            "with another --index-type"
        ) from None


def _fill(
    index: Any,
    vectors: VectorRun,
    order: NDArray[np.int64],
    probes: int,
    recall: float,
    target: Device,
    report: Callable[[int], None],
) -> BuiltIndex:
    started = time.monotonic()
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


def _learners(index: Any) -> list[Any]:
    """What in an index learns from the training sample, as far as it does so by clustering."""
    inner = inner_kind(index)
    owners = [
        inner,
        *(inner_kind(getattr(inner, name)) for name in ("quantizer", "storage") if hasattr(inner, name)),
    ]
    return owners + [
        getattr(owner, name) for owner in owners for name in ("pq", "rq") if hasattr(owner, name)
    ]


def _untrained_transforms(index: Any) -> list[Any]:
    """The transformations in front of an index that have to be trained (PCA, OPQ, ITQ)."""
    library = faiss()
    index = library.downcast_index(index)
    if hasattr(index, "base_index"):
        return _untrained_transforms(index.base_index)
    if not hasattr(index, "chain"):
        return []
    transforms = [library.downcast_VectorTransform(index.chain.at(i)) for i in range(index.chain.size())]
    here = [transform for transform in transforms if not transform.is_trained]
    return here + _untrained_transforms(index.index)


def _hasten(index: Any) -> None:
    """Let the training of a trial be content with few vectors, without a warning, and short."""
    for learner in _learners(index):
        if hasattr(learner, "cp"):
            learner.cp.min_points_per_centroid = learner.cp.niter = 1
    for transform in _untrained_transforms(index):
        if hasattr(transform, "niter_pq"):
            transform.niter = transform.niter_pq = transform.niter_pq_0 = 1
            transform.pq = quantizer = faiss().ProductQuantizer(transform.d_out, transform.M, _OPQ_BITS)
            quantizer.cp.min_points_per_centroid = 1


def _reason(error: RuntimeError) -> str:
    """Why, out of FAISS' "Error in FUNCTION at FILE:LINE: reason" or our "Error: reason"."""
    return re.split(r"Error: |\.cpp:\d+: ", str(error).strip().splitlines()[-1])[-1]


def _prepared(vectors: NDArray[np.float32], scale: float | None) -> NDArray[np.float32]:
    return vectors if scale is None else vectors_as_bytes(vectors, scale)


def _sample(index: Any, vectors: VectorRun, positions: NDArray[np.int64]) -> NDArray[np.float32]:
    wanted = min(TRAINING_ROWS, max(100_000, PER_CENTROID * int(getattr(inner_kind(index), "nlist", 1))))
    if len(positions) > wanted:
        positions = np.sort(np.random.default_rng(_SEED).choice(positions, wanted, replace=False))
    return vectors.take(positions)
