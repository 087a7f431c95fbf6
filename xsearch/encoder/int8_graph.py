"""The encoder as an ONNX graph with 8-bit matrix products: what normally runs on a CPU.

The same inputs and outputs as `xsearch.encoder.graph.float_graph`. Attention's softmax, norms and GELU stay in
float32. Rounding is fixed in advance, by the ranges of a calibration, so that a text's vector does not depend on
what it is encoded with.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce

import numpy as np

from xsearch.encoder.graph import FUSED, Graph, attention, embedded, finished, gelu, layer_norm
from xsearch.encoder.quantisation import (
    Observed,
    Smoothing,
    Step,
    absorbed,
    grouped_neurons,
    int8_linear,
    smoothed,
    smoothing,
    step,
)
from xsearch.encoder.weights import Array, Body, Layer, LayerNorm, Linear

Ranges = Mapping[tuple[int, str], Observed]


def int8_graph(body: Body, ranges: Ranges) -> bytes:
    """The serialised model; `ranges` has an entry for every layer and every one of the four `graph.SITES`."""
    graph = Graph()
    summed, norm = embedded(graph, body), body.embedding_norm
    for index, layer in enumerate(body.layers):
        summed = _attention_block(graph, summed, norm, layer, index, body, ranges)
        summed = _feed_forward_block(graph, summed, layer, index, body, ranges)
        norm = layer.output_norm
    return finished(graph, layer_norm(graph, summed, norm, body), body)


def _attention_block(
    graph: Graph, summed: str, norm: LayerNorm, layer: Layer, index: int, body: Body, ranges: Ranges
) -> str:
    """From the sum before a layer's input norm to the sum before its attention norm."""
    seen = ranges[index, "qkv"]
    by = smoothing(layer.qkv, seen)
    hidden = layer_norm(graph, summed, norm, body)
    rounded = _Rounded(graph, layer_norm(graph, summed, _through(norm, by), body), smoothed(seen, by))
    after = ranges[index, "attention_output"]
    after_by = smoothing(layer.attention_output, after)
    query, key, value = _thirds(absorbed(layer.qkv, by))
    # Attention only averages the values, so the smoothing of its output can be done to the values.
    value = Linear(value.weight / after_by.factor[:, None], (value.bias - after_by.shift) / after_by.factor)
    attended = attention(graph, rounded.times(query), rounded.times(key), rounded.times(value), body)
    output = _Rounded(graph, attended, smoothed(after, after_by))
    return graph.add("Add", output.times(absorbed(layer.attention_output, after_by)), hidden)


def _feed_forward_block(
    graph: Graph, summed: str, layer: Layer, index: int, body: Body, ranges: Ranges
) -> str:
    """From the sum before a layer's attention norm to the sum before its output norm."""
    seen, inside = ranges[index, "ffn_in"], ranges[index, "ffn_out"]
    by = smoothing(layer.ffn_in, seen)
    hidden = layer_norm(graph, summed, layer.attention_norm, body)
    rounded = _Rounded(
        graph, layer_norm(graph, summed, _through(layer.attention_norm, by), body), smoothed(seen, by)
    )
    into = absorbed(layer.ffn_in, by)
    neurons = grouped_neurons(inside, layer.ffn_out)
    summands = [hidden]
    bias = layer.ffn_out.bias
    for group in neurons.rounded:
        wide = gelu(graph, rounded.times(Linear(into.weight[group], into.bias[group])), tanh=True)
        seen = Observed(inside.low[group], inside.high[group], inside.mean[group])
        summands.append(_Rounded(graph, wide, seen).times(Linear(layer.ffn_out.weight[:, group], bias)))
        bias = np.zeros_like(bias)  # in the sum once
    if len(neurons.exact):
        product = graph.add("MatMul", hidden, _transposed(graph, layer.ffn_in.weight[neurons.exact]))
        biased = graph.add("Add", product, graph.constant(layer.ffn_in.bias[neurons.exact]))
        few, weight = gelu(graph, biased, tanh=True), layer.ffn_out.weight[:, neurons.exact]
        summands.append(graph.add("MatMul", few, _transposed(graph, weight)))
    return reduce(lambda left, right: graph.add("Add", left, right), summands)


class _Rounded:
    """A value rounded to unsigned 8 bits, to be multiplied by one or several matrices."""

    def __init__(self, graph: Graph, value: str, observed: Observed) -> None:
        self._graph = graph
        self._mean = observed.mean
        self._step: Step = step(observed)
        self._size = graph.constant(np.array(self._step.size))
        self._zero = graph.constant(np.array(self._step.zero))
        self._value = graph.add("QuantizeLinear", value, self._size, self._zero)

    def times(self, linear: Linear) -> str:
        rounded = int8_linear(linear, self._mean)
        codes, scale, bias = (
            self._graph.constant(part) for part in (rounded.codes, rounded.scale, rounded.bias)
        )
        return self._graph.add(
            "MatMulIntegerToFloat", self._value, codes, self._size, scale, self._zero, "", bias, domain=FUSED
        )


def _through(norm: LayerNorm, by: Smoothing) -> LayerNorm:
    return LayerNorm(norm.weight / by.factor, (norm.bias - by.shift) / by.factor)


def _thirds(linear: Linear) -> list[Linear]:
    weights, biases = np.split(linear.weight, 3), np.split(linear.bias, 3)
    return [Linear(weight, bias) for weight, bias in zip(weights, biases, strict=True)]


def _transposed(graph: Graph, weight: Array) -> str:
    return graph.constant(np.ascontiguousarray(weight.T))
