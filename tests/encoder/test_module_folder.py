"""A module folder may come from anywhere: nothing in it is believed before it is checked."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from safetensors.numpy import load_file, save_file

from tests.modules import tiny_module
from xsearch.encoder import Encoder, load_module, write_module
from xsearch.encoder.tensors import TABLE, TABLE_SCALE, body_tensors, plugin_tensors, quantise_rows
from xsearch.encoder.writing import write_description
from xsearch.errors import ModuleError, XsearchError


def edit(folder: Path, **changes: Any) -> None:
    """Change fields of config.json; a dotted name reaches inside."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    for name, value in changes.items():
        target, *rest = config, *name.split("__")
        for part in rest[:-1]:
            target = target[part]
        target[rest[-1]] = value
    path.write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        ({"format": 2}, "format 2"),
        ({"base": {"name": "x", "module": "../../etc", "content_hash": "0" * 64}}, "module"),
        ({"language": "../fi"}, "language"),
        ({"architecture__vocab_size": 10**9}, "vocab_size"),
        ({"architecture__hidden_size": -1}, "hidden_size"),
        ({"architecture__heads": 5}, "heads"),
        ({"max_length": 10_000}, "max_length"),
        ({"pooling": "__import__"}, "pooling"),
        ({"content_hash": "abc"}, "content_hash"),
        ({"whitening": 1}, "whitening"),
        ({"architecture__layer_norm_eps": 10**400}, "layer_norm_eps"),
        ({"scores": {"dev": 10**400}}, "scores"),
        ({"provenance": json.loads("[" * 50 + "]" * 50)}, "provenance"),
        ({"provenance": {"deep": json.loads("[" * 50 + "]" * 50)}}, "provenance"),
        ({"prefix": "\ud800"}, "prefix"),
    ],
)
def test_a_configuration_out_of_bounds_is_refused_by_field(
    tmp_path: Path, change: dict[str, Any], seen: str
) -> None:
    folder = tiny_module(tmp_path, "xx").path
    edit(folder, **change)

    with pytest.raises(ModuleError, match=seen):
        load_module(folder)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    folder = tiny_module(tmp_path, "xx").path
    (folder / name).unlink()

    with pytest.raises(ModuleError, match=name.replace(".", r"\.")):
        load_module(folder)


@pytest.mark.parametrize("name", ["tokenizer.json", "model.safetensors"])
@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_a_damaged_file_never_gives_vectors(tmp_path: Path, name: str, damage: str) -> None:
    folder = tiny_module(tmp_path, "xx").path
    data = bytearray((folder / name).read_bytes())
    if damage == "flip":
        data[len(data) // 2] ^= 0xFF
    (folder / name).write_bytes({"flip": bytes(data), "cut": bytes(data[:-40]), "empty": b""}[damage])

    with pytest.raises(XsearchError):
        Encoder(folder).encode(["cat"])


def test_a_module_on_another_base_than_it_was_trained_on_is_refused(tmp_path: Path) -> None:
    base = tiny_module(tmp_path, "en", adapter=False, lora=False)
    module = tiny_module(tmp_path, "xx", base=base)
    shutil.rmtree(base.path)
    tiny_module(tmp_path, "en", adapter=False, lora=False, seed=7)

    with pytest.raises(ModuleError, match="content hash"):
        Encoder(module.path).encode(["cat"])


@pytest.mark.parametrize("scale", [np.nan, np.inf, -1, 1e30])
def test_a_scale_of_embeddings_that_is_none_never_gives_vectors(tmp_path: Path, scale: float) -> None:
    module = tiny_module(tmp_path, "xx")
    tensors = load_file(module.weights_path)
    tensors[TABLE_SCALE] = np.append(np.float32(scale), tensors[TABLE_SCALE][1:])
    save_file(tensors, module.weights_path)
    write_description(module.path, module.config)

    with pytest.raises(ModuleError, match=r"word_embeddings\.scale"):
        Encoder(module.path).encode(["cat"])


def test_writing_a_tensor_that_is_not_finite_leaves_no_folder(tmp_path: Path) -> None:
    good = tiny_module(tmp_path, "xx")
    config = good.config
    tensors = {n: np.zeros(s, np.float32) for n, s in (*body_tensors(config), *plugin_tensors(config))}
    tensors[TABLE] = np.full(
        (config.architecture.vocab_size, config.architecture.hidden_size), np.nan, np.float32
    )

    with pytest.raises(ModuleError, match="nan"):
        write_module(tmp_path / "bad", config, tensors, good.tokenizer_json().decode(), "")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["xx"]


@given(
    arrays.arrays(
        np.float32,
        arrays.array_shapes(min_dims=2, max_dims=2, max_side=20),
        elements=st.floats(-1e3, 1e3, width=32),
    )
)
def test_quantised_rows_are_within_half_a_step(table: np.ndarray) -> None:
    codes, scale = quantise_rows(table)

    restored = codes.astype(np.float32) * scale[:, None]
    step = np.abs(table).max(axis=1, keepdims=True) / 127
    assert (np.abs(restored - table) <= step * 0.51 + 1e-6).all()
