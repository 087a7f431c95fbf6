"""Effective weights of a module in one of its spaces: base body, overrides, LoRA merged, adapter fused, whitening.

Merging changes nothing in the result: W + alpha / rank * B @ A is what LoRA computes, and a parallel adapter with
the activation of the feed-forward block is that block made wider. So the native and the shared space run through
the same graph, at the cost of a few more columns for the shared one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xsearch.encoder.config import Adapter
from xsearch.encoder.module import Module
from xsearch.encoder.tensors import LINEARS, WHITENING, body_tensors
from xsearch.errors import ModuleError

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Linear:
    """y = x @ weight.T + bias; weight (out, in), bias (out,)."""

    weight: Array
    bias: Array


@dataclass(frozen=True)
class LayerNorm:
    """Scale and shift, each (d,)."""

    weight: Array
    bias: Array


@dataclass(frozen=True)
class Layer:
    """One transformer layer (post-norm); `qkv` stacks query, key and value: (3 d, d)."""

    qkv: Linear
    attention_output: Linear
    attention_norm: LayerNorm
    ffn_in: Linear
    ffn_out: Linear
    output_norm: LayerNorm


@dataclass(frozen=True)
class Body:
    """Everything behind the word embeddings. `positions` (max_length, d) already holds the token type's row.

    `whitening` is what a sentence's vector of length 1 goes through in the end, to be brought to that length again.
    """

    positions: Array
    embedding_norm: LayerNorm
    layers: tuple[Layer, ...]
    pooler: Linear | None
    heads: int
    layer_norm_eps: float
    pooling: str
    whitening: Linear | None = None


def compose(module: Module, base: Module | None, space: str) -> Body:
    """The weights that `module` has in `space` ("native" or "shared"), as float32.

    `base` is the module's base (`xsearch.encoder.installed.find_base`).
    """
    config, shape = module.config, module.config.architecture
    names = [name for name, _ in body_tensors(config)]
    own = [name for name in names if name in module]
    tensors = module.tensors(own)
    if base is not None:
        tensors.update(base.tensors(name for name in names if name not in tensors))

    def linear(path: str) -> Linear:
        return Linear(tensors[f"{path}.weight"], tensors[f"{path}.bias"])

    def norm(path: str) -> LayerNorm:
        return LayerNorm(tensors[f"{path}.weight"], tensors[f"{path}.bias"])

    _merge_lora(module, tensors)
    layers = []
    for index in range(shape.layers):
        prefix = f"encoder.layer.{index}"
        parts = {name: linear(f"{prefix}.{path}") for name, path in LINEARS.items()}
        if space == "shared" and config.adapter is not None:
            parts["ffn_in"], parts["ffn_out"] = _widened(module, config.adapter, prefix, parts)
        heads = [parts[name] for name in ("query", "key", "value")]
        layers.append(
            Layer(
                qkv=Linear(
                    np.concatenate([h.weight for h in heads]), np.concatenate([h.bias for h in heads])
                ),
                attention_output=parts["attention_output"],
                attention_norm=norm(f"{prefix}.attention.output.LayerNorm"),
                ffn_in=parts["ffn_in"],
                ffn_out=parts["ffn_out"],
                output_norm=norm(f"{prefix}.output.LayerNorm"),
            )
        )
    first = shape.position_offset
    positions = tensors["embeddings.position_embeddings.weight"][first : first + config.max_length]
    return Body(
        positions=positions + tensors["embeddings.token_type_embeddings.weight"][0],
        embedding_norm=norm("embeddings.LayerNorm"),
        layers=tuple(layers),
        pooler=linear("pooler.dense") if config.pooling == "cls_dense_tanh" else None,
        heads=shape.heads,
        layer_norm_eps=shape.layer_norm_eps,
        pooling=config.pooling,
        whitening=_whitening(module, base),
    )


def whitening_of(base: Module) -> Linear | None:
    """The map that whitens the vectors of modules that build on `base`, if it holds one."""
    if not all(name in base for name in WHITENING):
        return None
    weight, bias = base.tensors(WHITENING).values()
    return Linear(weight, bias)


def _whitening(module: Module, base: Module | None) -> Linear | None:
    if not module.config.whitening:
        return None
    found = whitening_of(base or module)
    if found is None:
        raise ModuleError(
            f"{module.path}: config.json asks for whitening, and its base {(base or module).path} holds no map for it; "
            "install the base that the module was made with"
        )
    return found


def _merge_lora(module: Module, tensors: dict[str, Array]) -> None:
    for path, update in lora_updates(module):
        tensors[f"{path}.weight"] = tensors[f"{path}.weight"] + update


def lora_updates(module: Module) -> Iterator[tuple[str, Array]]:
    """What the module adds to the weights of its base's linear layers: (path, (out, in) float32), none without LoRA.

    Raises:
        ModuleError: a tensor holds an infinite number or one that is not a number.
    """
    lora = module.config.lora
    if lora is None:
        return
    factor = np.float32(lora.alpha / lora.rank)
    for index in range(module.config.architecture.layers):
        for target in lora.targets:
            path = f"encoder.layer.{index}.{LINEARS[target]}"
            factors = module.tensors([f"lora.{path}.A", f"lora.{path}.B"])
            yield path, factor * (factors[f"lora.{path}.B"] @ factors[f"lora.{path}.A"])


def _widened(
    module: Module, adapter: Adapter, prefix: str, parts: dict[str, Linear]
) -> tuple[Linear, Linear]:
    names = [f"adapter.{prefix}.{part}" for part in ("down.weight", "down.bias", "up.weight", "up.bias")]
    values = module.tensors(names)
    down_weight, down_bias, up_weight, up_bias = (values[name] for name in names)
    scaling = np.float32(adapter.scaling)
    into, out = parts["ffn_in"], parts["ffn_out"]
    return (
        Linear(np.concatenate([into.weight, down_weight]), np.concatenate([into.bias, down_bias])),
        Linear(np.concatenate([out.weight, scaling * up_weight], axis=1), out.bias + scaling * up_bias),
    )
