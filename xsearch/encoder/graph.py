"""The encoder as an ONNX graph, written from its weights.

Inputs: `embeddings` (batch, tokens, d) float32, the word embeddings, looked up outside so that one query does not
load a whole table; `mask` (batch, tokens) int32, 1 for tokens and 0 for padding.
Outputs: `sentence` (batch, dimension), L2-normalised; `tokens` (batch, tokens, d), the last hidden states.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xsearch.encoder import onnx_format
from xsearch.encoder.onnx_format import Attribute
from xsearch.encoder.weights import Body, LayerNorm, Linear

_FUSED = "com.microsoft"  # ONNX Runtime's own fused operators


class _Graph:
    def __init__(self) -> None:
        self.nodes: list[bytes] = []
        self.initializers: list[bytes] = []
        self._count = 0

    def constant(self, value: NDArray[np.generic]) -> str:
        name = self._name("w")
        self.initializers.append(onnx_format.tensor(name, value))
        return name

    def add(
        self, operator: str, *inputs: str, domain: str = "", output: str = "", **attributes: Attribute
    ) -> str:
        name = output or self._name(operator)
        self.nodes.append(onnx_format.node(operator, inputs, [name], domain, **attributes))
        return name

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._count}"


def onnx_graph(body: Body) -> bytes:
    """The serialised ONNX model of `body`."""
    graph = _Graph()
    hidden = _embed(graph, body)
    for layer in body.layers:
        qkv = graph.add("MatMul", hidden, graph.constant(np.ascontiguousarray(layer.qkv.weight.T)))
        query, key, value = (f"{qkv}_{part}" for part in "qkv")
        graph.nodes.append(onnx_format.node("Split", [qkv], [query, key, value], axis=-1, num_outputs=3))
        bias = graph.constant(layer.qkv.bias)
        attended = graph.add(
            "MultiHeadAttention", query, key, value, bias, "mask", domain=_FUSED, num_heads=body.heads
        )
        projected = _matmul(graph, attended, layer.attention_output)
        hidden = _add_norm(graph, projected, hidden, layer.attention_norm, layer.attention_output, body)
        wide = graph.add(
            "BiasGelu", _matmul(graph, hidden, layer.ffn_in), graph.constant(layer.ffn_in.bias), domain=_FUSED
        )
        hidden = _add_norm(
            graph, _matmul(graph, wide, layer.ffn_out), hidden, layer.output_norm, layer.ffn_out, body
        )
    graph.add("Identity", hidden, output="tokens")
    _pool(graph, hidden, body)
    width = body.positions.shape[1]
    dimension = width if body.pooler is None else body.pooler.weight.shape[0]
    return onnx_format.model(
        graph.nodes,
        graph.initializers,
        [
            onnx_format.value_info("embeddings", np.float32, ["batch", "tokens", width]),
            onnx_format.value_info("mask", np.int32, ["batch", "tokens"]),
        ],
        [
            onnx_format.value_info("sentence", np.float32, ["batch", dimension]),
            onnx_format.value_info("tokens", np.float32, ["batch", "tokens", width]),
        ],
        {"": 18, _FUSED: 1},
    )


def _embed(graph: _Graph, body: Body) -> str:
    first, last = graph.constant(np.array([1], np.int64)), graph.constant(np.array([2], np.int64))
    length = graph.add("Slice", graph.add("Shape", "embeddings"), first, last)
    start, axis = graph.constant(np.array([0], np.int64)), graph.constant(np.array([0], np.int64))
    positions = graph.add("Slice", graph.constant(body.positions), start, length, axis)
    summed = graph.add("Add", "embeddings", positions)
    norm = body.embedding_norm
    weight, bias = graph.constant(norm.weight), graph.constant(norm.bias)
    return graph.add("LayerNormalization", summed, weight, bias, epsilon=body.layer_norm_eps, axis=-1)


def _matmul(graph: _Graph, value: str, linear: Linear) -> str:
    return graph.add("MatMul", value, graph.constant(np.ascontiguousarray(linear.weight.T)))


def _add_norm(graph: _Graph, value: str, residual: str, norm: LayerNorm, linear: Linear, body: Body) -> str:
    """LayerNorm(value + bias of the linear + residual)."""
    parts = [graph.constant(array) for array in (norm.weight, norm.bias, linear.bias)]
    return graph.add(
        "SkipLayerNormalization", value, residual, *parts, domain=_FUSED, epsilon=body.layer_norm_eps
    )


def _pool(graph: _Graph, hidden: str, body: Body) -> None:
    if body.pooling == "mean":
        mask = graph.add("Cast", "mask", to=1)
        weights = graph.add("Unsqueeze", mask, graph.constant(np.array([1], np.int64)))
        # (batch, 1, tokens) @ (batch, tokens, d): the sum over tokens; the mean's divisor falls out in the norm.
        pooled = graph.add("MatMul", weights, hidden)
        axis = graph.constant(np.array([1], np.int64))
        pooled = graph.add("Squeeze", pooled, axis)
    else:
        zero = graph.constant(np.array(0, np.int64))
        pooled = graph.add("Gather", hidden, zero, axis=1)
    if body.pooler is not None:
        weight, bias = (
            graph.constant(np.ascontiguousarray(body.pooler.weight.T)),
            graph.constant(body.pooler.bias),
        )
        pooled = graph.add("Tanh", graph.add("Add", graph.add("MatMul", pooled, weight), bias))
    graph.add("LpNormalization", pooled, output="sentence", axis=-1, p=2)
