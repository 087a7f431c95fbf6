"""The GPU runtime, run on torch's CPU device, and what is said where there is no GPU."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.modules import tiny_module
from xsearch.encoder import Encoder, devices
from xsearch.encoder.streaming import encode_now, encode_windows
from xsearch.encoder.tokenisation import Tokeniser
from xsearch.errors import DeviceError, ModuleError

TEXTS = [
    "kissa joki talvi",
    "the old house of the lake, new and red",
    "",
    "мир 猫",
    "milk? bread! " * 9,
    "cat",
]


@pytest.mark.parametrize(
    ("architecture", "pooling"),
    [("bert", "mean"), ("bert", "cls_dense_tanh"), ("xlm-roberta", "mean"), ("xlm-roberta", "cls")],
)
@pytest.mark.parametrize("space", ["native", "shared"])
def test_the_torch_runtime_gives_the_vectors_of_the_cpu(
    tmp_path: Path, architecture: str, pooling: str, space: str
) -> None:
    pytest.importorskip("torch")
    from xsearch.encoder.torch_runtime import TorchRuntime

    module = tiny_module(tmp_path, "xx", architecture=architecture, pooling=pooling)
    runtime = TorchRuntime(module, space, device="cpu")

    ours = encode_now(TEXTS, Tokeniser(module), runtime, module.config.dimension)

    assert np.allclose(ours, Encoder(module.path).encode(TEXTS, space), atol=1e-4)


def test_the_torch_runtime_works_from_several_threads_and_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    from xsearch.encoder import torch_runtime

    monkeypatch.setattr(torch_runtime, "_TOKENS_A_BATCH", 40)
    module = tiny_module(tmp_path, "xx")
    runtime = torch_runtime.TorchRuntime(module, "shared", device="cpu")

    parts = list(encode_windows([TEXTS * 5, TEXTS], Tokeniser(module), runtime, module.config.dimension))

    expected = Encoder(module.path).encode(TEXTS)
    assert np.allclose(parts[0], np.concatenate([expected] * 5), atol=1e-4)
    assert np.allclose(parts[1], expected, atol=1e-4)


@given(
    lengths=st.lists(st.integers(1, 60), max_size=200), limit=st.integers(1, 400), least=st.integers(1, 100)
)
def test_batches_for_a_gpu_cover_all_texts_once_longest_first_within_the_limit(
    lengths: list[int], limit: int, least: int
) -> None:
    pytest.importorskip("torch")
    from xsearch.encoder import torch_runtime

    runtime = object.__new__(torch_runtime.TorchRuntime)
    with (
        mock.patch.object(torch_runtime, "_TOKENS_A_BATCH", limit),
        mock.patch.object(torch_runtime, "_ENOUGH_TOKENS", least),
    ):
        found = [[lengths[index] for index in batch] for batch in runtime.batches(lengths)]
        covered = sorted(index for batch in runtime.batches(lengths) for index in batch)

    assert covered == list(range(len(lengths)))
    assert [length for batch in found for length in batch] == sorted(lengths, reverse=True)
    for batch in found:
        assert len(batch) == 1 or len(batch) * batch[0] <= limit
        assert batch[-1] >= 0.8 * batch[0] or len(batch) * batch[0] <= least


def test_an_id_outside_the_table_is_refused_before_it_reaches_the_device(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from xsearch.encoder.torch_runtime import TorchRuntime

    module = tiny_module(tmp_path, "xx")
    runtime = TorchRuntime(module, "shared", device="cpu")

    with pytest.raises(ModuleError, match="do not belong together"):
        runtime.sentences([np.array([1, len(module.table.scale)], dtype=np.int32)])


def test_token_vectors_on_torch(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from xsearch.encoder.torch_runtime import TorchRuntime

    module = tiny_module(tmp_path, "xx")
    (ids,) = Tokeniser(module).ids(["the old house"])

    states = TorchRuntime(module, "shared", device="cpu").tokens(ids)

    assert states.shape == (len(ids), module.config.dimension)


def test_an_unknown_device_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="auto, cpu, cuda"):
        Encoder(tiny_module(tmp_path, "xx").path, device="tpu")


def test_cuda_without_a_gpu_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.setattr(devices, "_torch_finds_cuda", lambda: False)

    with pytest.raises(DeviceError, match="--device cpu"):
        Encoder(tiny_module(tmp_path, "xx").path, device="cuda")
