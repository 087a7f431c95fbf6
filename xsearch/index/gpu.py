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
    if type(library.downcast_index(index)).__name__ not in _GPU_KINDS:
        return index
    options = library.GpuMultipleClonerOptions()
    options.useFloat16 = True
    options.shard = not replicate
    return library.index_cpu_to_all_gpus(index, co=options)


def is_on_gpu(index: Any) -> bool:
    """Whether `to_gpu` has moved the index."""
    return type(index).__name__.startswith(("Gpu", "IndexReplicas", "IndexShards"))


def to_cpu(index: Any) -> Any:
    """The index as one that any machine can open."""
    library = faiss()
    return library.index_gpu_to_cpu(index) if hasattr(library, "index_gpu_to_cpu") else index
