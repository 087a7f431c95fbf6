"""The path to the GPU, up to the call: no GPU can be had here, so FAISS' GPU functions are recorded, not run."""

from types import SimpleNamespace

import numpy as np
import pytest

from tests.index.test_build import build
from xsearch.errors import DeviceError
from xsearch.index import approximate, gpu
from xsearch.index.approximate import ApproximateIndex, save_index
from xsearch.index.library import faiss
from xsearch.index.selection import Selection


@pytest.fixture
def recorded(monkeypatch):
    """FAISS as faiss-gpu on a machine with two GPUs would be; `calls` says what was asked of it."""
    real = faiss()
    calls: list[tuple[str, object]] = []
    refusals: dict[str, str] = {}
    lists: list[str] = []

    class Options:
        useFloat16 = shard = False  # noqa: N815 - FAISS' names

    def there(index, co):
        kind = real.downcast_index(index)
        if refusal := refusals.get(type(kind).__name__):
            raise RuntimeError(refusal)
        calls.append(("to gpu", (co.useFloat16, co.shard)))
        if hasattr(kind, "quantizer"):
            lists.append(type(real.downcast_index(kind.quantizer)).__name__)
        return index

    def back(index):
        calls.append(("to cpu", type(index).__name__))
        return index

    library = SimpleNamespace(
        get_num_gpus=lambda: 2,
        downcast_index=real.downcast_index,
        IndexFlat=real.IndexFlat,
        GpuMultipleClonerOptions=Options,
        index_cpu_to_all_gpus=there,
        index_gpu_to_cpu=back,
    )
    monkeypatch.setattr(gpu, "faiss", lambda: library)
    library.refusals, library.lists = refusals, lists
    return calls


@pytest.fixture
def pretended(recorded):
    """The library that `recorded` puts in FAISS' place: `lists` says by what lists are found there, `refusals` what
    it answers to a kind of index.
    """
    return gpu.faiss()


def test_without_a_gpu_auto_is_the_cpu_and_cuda_is_a_clear_error():
    assert gpu.resolve_device("auto") == gpu.resolve_device("cpu") == "cpu"
    with pytest.raises(DeviceError, match="FAISS sees no GPU"):
        gpu.resolve_device("cuda")
    with pytest.raises(DeviceError, match="'tpu' is not a device"):
        gpu.resolve_device("tpu")


def test_with_a_gpu_auto_and_cuda_are_the_gpu(recorded):
    assert gpu.resolve_device("auto") == gpu.resolve_device("cuda") == "cuda"
    assert gpu.resolve_device("cpu") == "cpu"


def test_an_index_is_built_on_the_gpus_in_shards_of_float16_and_comes_back(recorded):
    _, built = build("IVF64,SQ8", device="cuda")
    assert recorded == [("to gpu", (True, True)), ("to cpu", "IndexIVFScalarQuantizer")]
    assert built.tuning.recall >= 0.95


def test_a_kind_that_gpus_cannot_run_is_built_on_the_cpu(recorded):
    build("HNSW16,SQ8", device="cuda")
    assert ("to gpu", (True, True)) not in recorded


def test_for_searching_every_gpu_gets_a_copy(recorded):
    gpu.to_gpu(faiss().index_factory(32, "IVF4,Flat"), replicate=True)
    assert recorded == [("to gpu", (True, False))]


def test_lists_that_a_graph_finds_are_found_by_flat_centroids_on_a_gpu(pretended):
    index = faiss().index_factory(8, "IVF16_HNSW8,SQ8")
    vectors = np.random.default_rng(0).standard_normal((900, 8), dtype=np.float32)
    index.train(vectors)
    index.add(vectors)
    gpu.to_gpu(index, replicate=True)
    assert pretended.lists == ["IndexFlat"]
    assert type(faiss().downcast_index(index.quantizer)).__name__.startswith("IndexHNSW")
    assert (index.search(vectors[:5], 1)[1][:, 0] == range(5)).all()


def test_what_faiss_refuses_stays_on_the_cpu_unless_memory_is_short(pretended):
    index = faiss().index_factory(8, "IVF4,SQ6")
    pretended.refusals["IndexIVFScalarQuantizer"] = "this code is not for a GPU"
    assert gpu.to_gpu(index, replicate=True) is index
    pretended.refusals["IndexIVFScalarQuantizer"] = "cudaMalloc: out of memory"
    with pytest.raises(RuntimeError, match="out of memory"):
        gpu.to_gpu(index, replicate=True)


def test_a_gpu_is_asked_for_no_more_than_it_finds_and_what_a_filter_excludes_is_dropped(
    recorded, tmp_path, monkeypatch
):
    vectors = np.random.default_rng(0).standard_normal((3000, 8), dtype=np.float32)
    flat = faiss().IndexFlatIP(8)
    flat.add(vectors)
    save_index(flat, tmp_path / "flat.faiss")
    monkeypatch.setattr(approximate, "is_on_gpu", lambda index: True)
    index = ApproximateIndex(tmp_path / "flat.faiss", 3000, {}, "cuda")
    assert index.search(vectors[:2], 2000).shape == (2, gpu.MOST_ON_GPU)
    half = np.arange(3000) < 1500
    filtered = ApproximateIndex(tmp_path / "flat.faiss", 3000, {}, "cuda").search(
        vectors[:2], 100, Selection(half)
    )
    true = np.argsort(-(vectors[:2] @ vectors[:1500].T), axis=1)[:, :100]
    assert (filtered == true).all()
    assert index.search(vectors[:2], 1000, Selection(np.arange(3000) > 0)).shape == (2, gpu.MOST_ON_GPU // 2)
    assert (index.search(vectors[:2], 100, Selection(np.arange(3000) < 150)) == -1).all()
