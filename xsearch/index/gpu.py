"""FAISS on GPUs: which device, moving an index there and back. Saved indexes are always CPU indexes.

faiss-gpu takes the place of faiss-cpu (they must not be installed together); it can run flat, IVF flat, IVF
scalar quantiser and IVF product quantiser indexes
(https://github.com/facebookresearch/faiss/wiki/Faiss-on-the-GPU).
"""

from typing import Any, Literal

from xsearch.errors import DeviceError
from xsearch.index.library import faiss

Device = Literal["cpu", "cuda"]

_GPU_KINDS = (
    "IndexFlat",
    "IndexFlatIP",
    "IndexFlatL2",
    "IndexIVFFlat",
    "IndexIVFScalarQuantizer",
    "IndexIVFPQ",
)

MOST_ON_GPU = 1024
"""Neighbours of a query that are asked of a GPU at most, and lists that it probes: FAISS says 2048, but an IVF index
of 8-bit codes ended the process with a CUDA error when asked for so many (FAISS 1.15.1, H200)."""


def resolve_device(asked: str) -> Device:
    """The device that auto, cpu or cuda means here. Raises DeviceError for cuda where FAISS sees no GPU."""
    if asked not in ("auto", "cpu", "cuda"):
        raise DeviceError(f"{asked!r} is not a device; choose auto, cpu or cuda")
    if asked == "cpu":
        return "cpu"
    gpus: int = faiss().get_num_gpus()
    if asked == "cuda" and not gpus:
        raise DeviceError(
            "cuda was asked for, but FAISS sees no GPU; use --device cpu, or replace faiss-cpu by faiss-gpu "
            "(pip uninstall faiss-cpu, then pip install 'xsearch[gpu]') on a machine with one"
        )
    return "cuda" if gpus else "cpu"


def to_gpu(index: Any, *, replicate: bool) -> Any:
    """The index on all GPUs, vectors in float16: copies (for searching) or shards (for building, and when one GPU
    is too small). An index of a kind that GPUs cannot run comes back as it is.
    """
    library = faiss()
    kind = library.downcast_index(index)
    if type(kind).__name__ not in _GPU_KINDS:
        return index
    options = library.GpuMultipleClonerOptions()
    options.useFloat16 = True
    options.shard = not replicate
    centroids = getattr(kind, "quantizer", None)
    if replicate and centroids is not None and hasattr(library.downcast_index(centroids), "hnsw"):
        # a GPU has no graph to find the lists by, and no need of one
        kind.quantizer = flat = library.IndexFlat(kind.d, kind.metric_type)
        flat.add(centroids.reconstruct_n(0, kind.nlist))
    try:
        return library.index_cpu_to_all_gpus(index, co=options)
    except RuntimeError as error:
        # only FAISS knows which codes and sizes its GPU code takes
        if "out of memory" in str(error):
            raise
        return index
    finally:
        if centroids is not None:
            kind.quantizer = centroids


def is_on_gpu(index: Any) -> bool:
    """Whether `to_gpu` has moved the index."""
    return type(index).__name__.startswith(("Gpu", "IndexReplicas", "IndexShards"))


def to_cpu(index: Any) -> Any:
    """The index as one that any machine can open."""
    library = faiss()
    return library.index_gpu_to_cpu(index) if hasattr(library, "index_gpu_to_cpu") else index
