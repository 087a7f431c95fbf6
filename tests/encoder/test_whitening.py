"""Vectors whitened by the map that the base holds, in every runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.modules import tiny_module
from xsearch.encoder import Encoder, Module, write_module
from xsearch.encoder.streaming import encode_now
from xsearch.encoder.tensors import TABLE, WHITENING, body_tensors
from xsearch.encoder.tokenisation import Tokeniser
from xsearch.errors import ModuleError

TEXTS = ["kissa joki talvi", "the old house of the lake, new and red", "", "мир 猫", "milk? bread! " * 9]
SPACES = ("native", "shared")


@pytest.fixture
def base(tmp_path: Path) -> Module:
    return tiny_module(tmp_path, "en", adapter=False, lora=False)


@pytest.fixture
def module(tmp_path: Path, base: Module) -> Module:
    return tiny_module(tmp_path, "xx", base=base, whitening=True, seed=1)


@pytest.fixture
def expected(tmp_path: Path, base: Module) -> dict[str, np.ndarray]:
    """By the definition, from the vectors of the same module without whitening."""
    plain = tiny_module(tmp_path / "plain", "xx", base=base, seed=1)
    (tmp_path / "plain" / "en").symlink_to(base.path)
    weight, bias = base.tensors(WHITENING).values()
    moved = {space: Encoder(plain.path).encode(TEXTS, space) @ weight.T + bias for space in SPACES}
    return {space: v / np.linalg.norm(v, axis=1, keepdims=True) for space, v in moved.items()}


@pytest.mark.parametrize("space", SPACES)
def test_both_spaces_end_with_the_bases_map(
    module: Module, expected: dict[str, np.ndarray], space: str
) -> None:
    assert np.allclose(Encoder(module.path).encode(TEXTS, space), expected[space], atol=1e-4)


@pytest.mark.parametrize("space", SPACES)
def test_the_torch_runtime_whitens_too(module: Module, expected: dict[str, np.ndarray], space: str) -> None:
    pytest.importorskip("torch")
    from xsearch.encoder.torch_runtime import TorchRuntime

    runtime = TorchRuntime(module, space, device="cpu")

    ours = encode_now(TEXTS, Tokeniser(module), runtime, module.config.dimension)
    assert np.allclose(ours, expected[space], atol=1e-4)


def test_the_base_itself_is_not_whitened(base: Module) -> None:
    weight, bias = base.tensors(WHITENING).values()
    vectors = Encoder(base.path).encode(TEXTS)

    assert not np.allclose(vectors, vectors @ weight.T + bias, atol=1e-2)
    assert Encoder(base.path).one_space


def test_a_base_without_the_map_is_named(tmp_path: Path, base: Module) -> None:
    tensors = base.tensors(name for name, _ in body_tensors(base.config))
    table = base.table.rows(np.arange(base.config.architecture.vocab_size))
    silent = write_module(
        tmp_path / "silent" / "en", base.config, {**tensors, TABLE: table}, base.tokenizer_json().decode(), ""
    )
    module = tiny_module(tmp_path / "silent", "xx", base=silent, whitening=True)

    with pytest.raises(ModuleError, match="whitening.*base.*holds no map"):
        Encoder(module.path).encode(TEXTS)
