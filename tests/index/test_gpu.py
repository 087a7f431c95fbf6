"""The path to the GPU, up to the call: no GPU can be had here, so FAISS' GPU functions are recorded, not run."""

from types import SimpleNamespace

import pytest

from tests.index.test_build import build
from xsearch.errors import DeviceError
from xsearch.index import gpu
from xsearch.index.library import faiss


@pytest.fixture
def recorded(monkeypatch):
    """FAISS as faiss-gpu on a machine with two GPUs would be; `calls` says what was asked of it."""
    real = faiss()
    calls: list[tuple[str, object]] = []

    class Options:
        useFloat16 = shard = False  # noqa: N815 - FAISS' names

    def there(index, co):
        calls.append(("to gpu", (co.useFloat16, co.shard)))
        return index

    def back(index):
        calls.append(("to cpu", type(index).__name__))
        return index

    library = SimpleNamespace(
        get_num_gpus=lambda: 2,
        downcast_index=real.downcast_index,
        GpuMultipleClonerOptions=Options,
        index_cpu_to_all_gpus=there,
        index_gpu_to_cpu=back,
    )
    monkeypatch.setattr(gpu, "faiss", lambda: library)
    return calls


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
