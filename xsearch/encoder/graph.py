"""The encoder as an ONNX graph, written from its weights.

Input: `embeddings` (batch, tokens, d) float32, the word embeddings, looked up outside so that one query does not
load a whole table. All texts of a batch have the same number of tokens: nothing is padded, so there is no mask and
a text's vector does not depend on its neighbours.
Outputs: `sentence` (batch, dimension), L2-normalised; `tokens` (batch, tokens, d), the last hidden states.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from xsearch.encoder import onnx_format
from xsearch.encoder.onnx_format import Attribute
from xsearch.encoder.weights import Body, LayerNorm, Linear

FUSED = "com.microsoft"  # the domain of ONNX Runtime's own fused operators
_OPSETS = {"": 20, FUSED: 1}

# The four places of a layer where a linear layer takes its input: what quantisation observes and rounds.
SITES = ("qkv", "attention_output", "ffn_in", "ffn_out")


class Graph:
    """A graph under construction; values are named by the texts that its methods return."""

    def __init__(self) -> None:
        self._nodes: list[bytes] = []
        self._initializers: list[bytes] = []
        self._outputs: list[bytes] = []
        self._count = 0

    def constant(self, value: NDArray[np.generic]) -> str:
        """A weight."""
        name = self._name("constant")
        self._initializers.append(onnx_format.tensor(name, value))
        return name

    def add(
        self, operator: str, *inputs: str, domain: str = "", output: str = "", **attributes: Attribute
    ) -> str:
        """An operator with one output."""
        name = output or self._name(operator)
        self._nodes.append(onnx_format.node(operator, inputs, [name], domain, **attributes))
        return name

    def split(self, value: str, parts: int) -> list[str]:
        """`value` cut into equal parts along its last axis."""
        names = [self._name("part") for _ in range(parts)]
        self._nodes.append(onnx_format.node("Split", [value], names, axis=-1, num_outputs=parts))
        return names

    def output(self, value: str, name: str, shape: Iterable[int | str]) -> None:
        """Make `value` an output of the graph."""
        self.add("Identity", value, output=name)
        self._outputs.append(onnx_format.value_info(name, np.float32, list(shape)))

    def serialised(self, width: int) -> bytes:
        """The ONNX model, with the one input `embeddings` (batch, tokens, width)."""
        embeddings = onnx_format.value_info("embeddings", np.float32, ["batch", "tokens", width])
        return onnx_format.model(self._nodes, self._initializers, [embeddings], self._outputs, _OPSETS)

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._count}"


def float_graph(body: Body, *, observed: bool = False) -> bytes:
    """The serialised model in float32.

    With `observed`, the inputs of the linear layers are outputs too, named `layer.site` for the four `SITES`
    of every layer: (batch, tokens, channels).
    """
    graph = Graph()
    hidden = layer_norm(graph, embedded(graph, body), body.embedding_norm, body)
    for index, layer in enumerate(body.layers):
        inputs = {"qkv": hidden}
        query, key, value = graph.split(_linear(graph, hidden, layer.qkv), 3)
        inputs["attention_output"] = attention(graph, query, key, value, body)
        projected = _linear(graph, inputs["attention_output"], layer.attention_output)
        hidden = layer_norm(graph, graph.add("Add", projected, hidden), layer.attention_norm, body)
        inputs["ffn_in"] = hidden
        inputs["ffn_out"] = gelu(graph, _linear(graph, hidden, layer.ffn_in))
        out = _linear(graph, inputs["ffn_out"], layer.ffn_out)
        hidden = layer_norm(graph, graph.add("Add", out, hidden), layer.output_norm, body)
        if observed:
            for site, source in inputs.items():
                graph.output(source, f"{index}.{site}", ["batch", "tokens", "channels"])
    return finished(graph, hidden, body)


def embedded(graph: Graph, body: Body) -> str:
    """Word embeddings plus those of position and token type."""
    start, end = (graph.constant(np.array([place], np.int64)) for place in (1, 2))
    length = graph.add("Slice", graph.add("Shape", "embeddings"), start, end)
    zero = graph.constant(np.array([0], np.int64))
    positions = graph.add("Slice", graph.constant(body.positions), zero, length, zero)
    return graph.add("Add", "embeddings", positions)


def layer_norm(graph: Graph, value: str, norm: LayerNorm, body: Body) -> str:
    """Layer normalisation over the last axis.

    Plain Add and LayerNormalization, not the fused SkipLayerNormalization: that one is not vectorised on CPUs and
    took 26 of 285 microseconds a token, these two 5.
    """
    weight, bias = graph.constant(norm.weight), graph.constant(norm.bias)
    return graph.add("LayerNormalization", value, weight, bias, epsilon=body.layer_norm_eps, axis=-1)


def attention(graph: Graph, query: str, key: str, value: str, body: Body) -> str:
    """Self-attention over all tokens; inputs and output (batch, tokens, d)."""
    return graph.add("MultiHeadAttention", query, key, value, domain=FUSED, num_heads=body.heads)


def gelu(graph: Graph, value: str, *, tanh: bool = False) -> str:
    """GELU; by its tanh formula where `tanh` (within 0.0005 of the exact one and a third faster)."""
    return graph.add("Gelu", value, approximate="tanh" if tanh else "none")


def finished(graph: Graph, hidden: str, body: Body) -> bytes:
    """Add pooling and the outputs, and serialise."""
    width = body.positions.shape[1]
    graph.output(hidden, "tokens", ["batch", "tokens", width])
    if body.pooling == "mean":
        pooled = graph.add("ReduceMean", hidden, graph.constant(np.array([1], np.int64)), keepdims=0)
    else:
        pooled = graph.add("Gather", hidden, graph.constant(np.array(0, np.int64)), axis=1)
    dimension = width
    if body.pooler is not None:
        pooled = graph.add("Tanh", _linear(graph, pooled, body.pooler))
        dimension = body.pooler.weight.shape[0]
    vector = graph.add("LpNormalization", pooled, axis=-1, p=2)
    if body.whitening is not None:
        vector = graph.add("LpNormalization", _linear(graph, vector, body.whitening), axis=-1, p=2)
    graph.output(vector, "sentence", ["batch", dimension])
    return graph.serialised(width)


def _linear(graph: Graph, value: str, linear: Linear) -> str:
    product = graph.add("MatMul", value, graph.constant(np.ascontiguousarray(linear.weight.T)))
    return graph.add("Add", product, graph.constant(linear.bias))
