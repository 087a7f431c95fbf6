"""Rounding to 8 bits: how close it stays, when it is used, and that it is kept and checked."""

from __future__ import annotations

import json
import logging
import os
import resource
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from tests.modules import WORDS, tiny_module
from xsearch.encoder import Encoder, Module, available_modules, calibrate_module, making
from xsearch.encoder.module import CALIBRATION_FILE
from xsearch.encoder.quantisation import (
    Observed,
    absorbed,
    grouped_neurons,
    int8_linear,
    smoothed,
    smoothing,
    step,
)
from xsearch.encoder.weights import Linear
from xsearch.errors import ModuleError

TEXTS = [" ".join(np.random.default_rng(seed).choice(WORDS, 1 + seed % 12)) for seed in range(60)]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("XSEARCH_CACHE", str(folder))
    return folder


@pytest.fixture(params=[False, True], ids=["plain", "whitened"])
def module(tmp_path: Path, request: pytest.FixtureRequest) -> Module:
    made = tiny_module(tmp_path / "modules", "xx", hidden_size=64, whitening=request.param)
    calibrate_module(made.path, TEXTS)
    return made


def cosines(module: Module, space: str = "shared") -> np.ndarray:
    exact = Encoder(module.path, precision="float32").encode(TEXTS, space)
    return (Encoder(module.path).encode(TEXTS, space) * exact).sum(axis=1)


@pytest.mark.parametrize("space", ["native", "shared"])
def test_rounded_vectors_are_close_to_exact_ones_but_not_the_same(module: Module, space: str) -> None:
    found = cosines(module, space)

    assert found.mean() > 0.997
    assert found.mean() < 0.9999999


def test_a_module_without_calibration_runs_in_float32(tmp_path: Path, cache: Path) -> None:
    module = tiny_module(tmp_path, "xx")

    assert np.allclose(cosines(module), 1, atol=1e-6)
    assert not list(cache.glob("*.onnx"))


def test_a_calibration_made_for_other_weights_is_not_used(module: Module, tmp_path: Path) -> None:
    other = tiny_module(tmp_path / "other", "xx", hidden_size=64, seed=3)
    shutil.copy(module.path / CALIBRATION_FILE, other.path)

    assert np.allclose(cosines(other), 1, atol=1e-6)


def test_a_damaged_calibration_is_named(module: Module) -> None:
    (module.path / CALIBRATION_FILE).write_bytes(b"\0" * 100)

    with pytest.raises(ModuleError, match="calibration"):
        Encoder(module.path).encode(["cat"])


def test_a_calibration_of_other_shapes_is_refused(module: Module) -> None:
    path = module.path / CALIBRATION_FILE
    tensors = {name: value[:, :-1].copy() for name, value in load_file(path).items()}
    save_file(tensors, path, metadata={"content_hash": module.content_hash})

    with pytest.raises(ModuleError, match=r"expected float16 \(3, 64\)"):
        Encoder(module.path).encode(["cat"])


def test_a_calibration_of_a_type_that_numpy_lacks_is_refused(module: Module) -> None:
    path = module.path / CALIBRATION_FILE
    stored = path.read_bytes()
    end = 8 + int.from_bytes(stored[:8], "little")
    header = stored[8:end].replace(b'"F16"', b'"BF16"')
    path.write_bytes(len(header).to_bytes(8, "little") + header + stored[end:])

    with pytest.raises(ModuleError, match=r"BF16 \(3, 64\), expected float16"):
        Encoder(module.path).encode(["cat"])


def test_too_much_loss_is_said_and_float32_is_used(module: Module, caplog: pytest.LogCaptureFixture) -> None:
    path = module.path / CALIBRATION_FILE
    tensors = {name: value * np.float16(1e-3) for name, value in load_file(path).items()}
    save_file(tensors, path, metadata={"content_hash": module.content_hash})

    with caplog.at_level(logging.WARNING, logger="xsearch"):
        found = cosines(module)

    assert np.allclose(found, 1, atol=1e-6)
    assert any("8-bit rounding" in record.message for record in caplog.records)


def test_calibrating_without_texts_is_refused(module: Module) -> None:
    with pytest.raises(ModuleError, match="texts"):
        calibrate_module(module.path, [])


def test_a_calibration_for_which_there_is_no_room_leaves_nothing(module: Module) -> None:
    before = {file.name: file.read_bytes() for file in module.path.iterdir()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(ModuleError, match="cannot be written"):
            calibrate_module(module.path, ["the cat"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert {file.name: file.read_bytes() for file in module.path.iterdir()} == before


def test_the_rounded_form_is_made_once(module: Module, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Encoder(module.path).encode(TEXTS)
    monkeypatch.setattr(making, "int8_graph", lambda *_: pytest.fail("made twice"))

    assert np.array_equal(Encoder(module.path).encode(TEXTS), first)


@pytest.mark.parametrize("damage", ["cut", "flip", "no digest"])
def test_a_damaged_cache_is_made_anew(module: Module, cache: Path, damage: str) -> None:
    first = Encoder(module.path).encode(TEXTS)
    (path,) = cache.glob("*.onnx")
    data = bytearray(path.read_bytes())
    if damage == "no digest":
        path.with_suffix(".sha256").unlink()
    elif damage == "cut":
        path.write_bytes(data[:-100])
    else:
        data[len(data) // 2] ^= 1
        path.write_bytes(data)

    assert np.array_equal(Encoder(module.path).encode(TEXTS), first)
    assert path.with_suffix(".sha256").exists()


def test_a_cache_that_cannot_be_written_changes_nothing(
    module: Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Encoder(module.path).encode(TEXTS)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XSEARCH_CACHE", str(tmp_path / "file" / "cache"))

    assert np.array_equal(Encoder(module.path).encode(TEXTS), first)


def test_weights_changed_behind_the_cache_are_noticed(module: Module) -> None:
    Encoder(module.path).encode(["cat"])
    data = bytearray(module.weights_path.read_bytes())
    data[-1] ^= 0xFF
    module.weights_path.write_bytes(data)
    os.utime(module.weights_path, ns=(1, 1))

    with pytest.raises(ModuleError, match="content hash"):
        Encoder(module.path).encode(["cat"])


@pytest.mark.parametrize("language", sorted(available_modules()))
def test_shipped_modules_are_calibrated_and_stay_close(language: str) -> None:
    texts = list(making.PROBE)

    rounded, exact = Encoder(language).encode(texts), Encoder(language, precision="float32").encode(texts)

    found = (rounded * exact).sum(axis=1)
    assert found.max() < 0.999999, "the module has no calibration.safetensors, so it runs at half the speed"
    assert found.mean() > 0.995


matrices = st.integers(1, 9).flatmap(
    lambda inside: st.integers(1, 5).map(
        lambda out: np.random.default_rng([inside, out]).standard_t(2, (out, inside)).astype(np.float32)
    )
)


@given(weight=matrices)
def test_no_pair_of_codes_can_saturate_16_bits(weight: np.ndarray) -> None:
    codes = int8_linear(
        Linear(weight, np.zeros(len(weight), np.float32)), np.zeros(weight.shape[1], np.float32)
    ).codes
    padded = np.pad(codes.T.astype(int), ((0, 0), (0, codes.shape[0] % 2)))
    pairs = padded.reshape(len(padded), -1, 2)

    assert (np.abs(pairs.clip(0, None).sum(axis=2)) * 255 <= 32767).all()
    assert (np.abs(pairs.clip(None, 0).sum(axis=2)) * 255 <= 32768).all()


@settings(deadline=None)
@given(seed=st.integers(0, 1000))
def test_smoothing_changes_no_product(seed: int) -> None:
    rng = np.random.default_rng(seed)
    inputs = rng.normal(rng.normal(0, 3, 6), rng.uniform(0.01, 9, 6), (50, 6)).astype(np.float32)
    linear = Linear(rng.normal(size=(4, 6)).astype(np.float32), rng.normal(size=4).astype(np.float32))
    seen = Observed(inputs.min(axis=0), inputs.max(axis=0), inputs.mean(axis=0))
    by = smoothing(linear, seen)

    other = absorbed(linear, by)
    there = ((inputs - by.shift) / by.factor) @ other.weight.T + other.bias

    assert np.allclose(there, inputs @ linear.weight.T + linear.bias, rtol=1e-3, atol=1e-3)
    assert np.allclose(
        smoothed(seen, by).low, ((inputs - by.shift) / by.factor).min(axis=0), rtol=1e-4, atol=1e-5
    )


@given(low=st.floats(-100, 100), width=st.floats(0, 100))
def test_a_step_covers_the_range_and_zero(low: float, width: float) -> None:
    edges = Observed(*(np.array([value], np.float32) for value in (low, low + width, low + width / 2)))

    chosen = step(edges)

    ends = (np.array([0, 255]) - float(chosen.zero)) * float(chosen.size)
    assert ends[0] <= min(low, 0) + 0.51 * chosen.size
    assert ends[1] >= max(low + width, 0) - 0.51 * chosen.size


@pytest.mark.parametrize("count", [1, 2, 7, 64, 1536])
def test_every_neuron_is_in_one_group(count: int) -> None:
    rng = np.random.default_rng(count)
    reach = rng.gamma(1, 1, count).astype(np.float32)
    linear = Linear(rng.normal(size=(8, count)).astype(np.float32), np.zeros(8, np.float32))

    neurons = grouped_neurons(Observed(-reach, reach, reach), linear)

    assert sorted(np.concatenate([neurons.exact, *neurons.rounded])) == list(range(count))
    assert len(neurons.exact) <= count // 8


@pytest.mark.parametrize("change", [("max_length", 7), ("prefix", "query: ")])
def test_a_configuration_changed_behind_the_cache_is_noticed(
    module: Module, change: tuple[str, object]
) -> None:
    Encoder(module.path).encode(["cat"])
    path = module.path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | dict([change])))

    with pytest.raises(ModuleError, match="content hash"):
        Encoder(module.path).encode(["cat"])
