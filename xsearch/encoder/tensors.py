"""The tensors of a module: which there must be, their shapes and types, and how the embedding table is quantised."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xsearch.encoder.config import Architecture, ModuleConfig

TABLE = "embeddings.word_embeddings.weight"
TABLE_SCALE = "embeddings.word_embeddings.scale"
WHITENING = "whitening.weight", "whitening.bias"

# The linear layers that LoRA can update, by the name used in config.json, with their path inside a layer.
LINEARS = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "attention_output": "attention.output.dense",
    "ffn_in": "intermediate.dense",
    "ffn_out": "output.dense",
}

Shape = tuple[int, ...]


def linear_shape(linear: str, shape: Architecture) -> tuple[int, int]:
    """(out, in) of a linear layer of the body."""
    if linear == "ffn_in":
        return shape.intermediate_size, shape.hidden_size
    if linear == "ffn_out":
        return shape.hidden_size, shape.intermediate_size
    return shape.hidden_size, shape.hidden_size


def body_tensors(config: ModuleConfig) -> Iterator[tuple[str, Shape]]:
    """Names and shapes of the body's tensors (Hugging Face BertModel names), without the embedding table."""
    shape = config.architecture
    width = shape.hidden_size
    yield "embeddings.position_embeddings.weight", (shape.max_positions, width)
    yield "embeddings.token_type_embeddings.weight", (shape.token_type_vocab, width)
    yield from _layer_norm("embeddings.LayerNorm", width)
    for layer in range(shape.layers):
        prefix = f"encoder.layer.{layer}."
        for linear, path in LINEARS.items():
            out, inside = linear_shape(linear, shape)
            yield f"{prefix}{path}.weight", (out, inside)
            yield f"{prefix}{path}.bias", (out,)
        yield from _layer_norm(f"{prefix}attention.output.LayerNorm", width)
        yield from _layer_norm(f"{prefix}output.LayerNorm", width)
    if config.pooling == "cls_dense_tanh":
        yield "pooler.dense.weight", (config.dimension, width)
        yield "pooler.dense.bias", (config.dimension,)


def plugin_tensors(config: ModuleConfig) -> Iterator[tuple[str, Shape]]:
    """Names and shapes of the LoRA and adapter tensors that the configuration announces."""
    shape = config.architecture
    for layer in range(shape.layers):
        prefix = f"encoder.layer.{layer}"
        if config.lora is not None:
            for linear in config.lora.targets:
                out, inside = linear_shape(linear, shape)
                yield f"lora.{prefix}.{LINEARS[linear]}.A", (config.lora.rank, inside)
                yield f"lora.{prefix}.{LINEARS[linear]}.B", (out, config.lora.rank)
        if config.adapter is not None:
            narrow, width = config.adapter.bottleneck, shape.hidden_size
            yield f"adapter.{prefix}.down.weight", (narrow, width)
            yield f"adapter.{prefix}.down.bias", (narrow,)
            yield f"adapter.{prefix}.up.weight", (width, narrow)
            yield f"adapter.{prefix}.up.bias", (width,)


def layout(config: ModuleConfig) -> tuple[dict[str, tuple[str, Shape]], dict[str, tuple[str, Shape]]]:
    """What `model.safetensors` must hold, and what it may hold besides: name -> (safetensors dtype, shape).

    A module with a base may carry any tensor of the body, which then replaces the base's. A base may hold the map that
    whitens the vectors of modules that build on it.
    """
    shape = config.architecture
    required: dict[str, tuple[str, Shape]] = {
        TABLE: ("I8", (shape.vocab_size, shape.hidden_size)),
        TABLE_SCALE: ("F32", (shape.vocab_size,)),
    }
    required.update((name, ("F16", size)) for name, size in plugin_tensors(config))
    body: dict[str, tuple[str, Shape]] = {name: ("F16", size) for name, size in body_tensors(config)}
    if config.base is None:
        size, (weight, bias) = config.dimension, WHITENING
        return required | body, {weight: ("F16", (size, size)), bias: ("F16", (size,))}
    return required, body


def quantise_rows(table: NDArray[Any], largest: int = 127) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Symmetric int8 with one scale a row: `table` (v, d) is about `codes * scale[:, None]`.

    Codes reach from -`largest` to `largest`. Returns `codes` (v, d) int8 and `scale` (v,) float32; a row of zeros has
    scale 0.
    """
    rows = np.asarray(table, dtype=np.float32)
    scale = np.abs(rows).max(axis=1) / np.float32(largest)
    divisor = np.where(scale > 0, scale, np.float32(1))
    codes = np.rint(rows / divisor[:, None]).astype(np.int8)
    return codes, scale.astype(np.float32)


def _layer_norm(name: str, width: int) -> Iterator[tuple[str, Shape]]:
    yield f"{name}.weight", (width,)
    yield f"{name}.bias", (width,)
