"""Running an encoder on a GPU with torch, in half precision. Imported only when a GPU is to be used."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from xsearch.encoder.installed import find_base
from xsearch.encoder.module import Module
from xsearch.encoder.weights import Body, Layer, LayerNorm, Linear, compose

# Tokens in a batch, padding included: large enough that a GPU computes rather than waits for the next kernel.
_TOKENS_A_BATCH = 131_072


class TorchRuntime:
    """A space of a module on a device, with all its weights there, the embedding table too.

    bfloat16 where the device computes with it, float16 otherwise; float32 on a CPU, where only tests run it.
    """

    window = 65_536
    workers = 2  # while one batch is computed, the other is padded, sent and fetched

    def __init__(self, module: Module, space: str, device: str = "cuda") -> None:
        base = find_base(module)
        for part in (module, base):
            if part is not None:
                part.verify()
        self._device = torch.device(device)
        self._type = _number_type(self._device)
        self._weights = _Weights(self._device, self._type)
        self._body: Body = compose(module, base, space)
        self._local = threading.local()
        codes = torch.from_numpy(np.array(module.table.codes)).to(self._device)
        scale = torch.from_numpy(np.array(module.table.scale)).to(self._device)
        self._table = (codes * scale[:, None]).to(self._type)
        self._positions = self._weights.get(self._body.positions)

    def batches(self, lengths: Sequence[int]) -> Iterator[NDArray[np.intp]]:
        """Texts of like length, longest first, up to a number of padded tokens."""
        order = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable")
        start = 0
        while start < len(order):
            size = max(1, _TOKENS_A_BATCH // lengths[order[start]])
            yield order[start : start + size]
            start += size

    @torch.inference_mode()
    def sentences(self, ids: Sequence[NDArray[np.int32]]) -> NDArray[np.float32]:
        """Vectors (batch, dimension), L2-normalised; the texts may differ in length."""
        with self._stream():
            hidden, mask = self._run(ids)
            if self._body.pooling == "mean":
                pooled = (hidden.float() * mask[:, :, None]).sum(dim=1)
            else:
                pooled = hidden[:, 0].float()
            if self._body.pooler is not None:
                pooled = torch.tanh(self._linear(pooled.to(self._type), self._body.pooler)).float()
            vectors: NDArray[np.float32] = functional.normalize(pooled, dim=1).cpu().numpy()
        return vectors

    @torch.inference_mode()
    def tokens(self, ids: NDArray[np.int32]) -> NDArray[np.float32]:
        """The last hidden states (tokens, d) of one text."""
        with self._stream():
            states: NDArray[np.float32] = self._run([ids])[0][0].float().cpu().numpy()
        return states

    def _run(self, ids: Sequence[NDArray[np.int32]]) -> tuple[Tensor, Tensor]:
        padded, lengths = self._sent(ids)
        places = torch.arange(padded.shape[1], device=self._device)
        mask = places[None, :] < lengths[:, None]
        visible = None if bool((lengths == padded.shape[1]).all()) else mask[:, None, None, :]
        hidden = functional.embedding(padded, self._table) + self._positions[: padded.shape[1]]
        hidden = self._norm(hidden, self._body.embedding_norm)
        for layer in self._body.layers:
            hidden = self._layer(hidden, visible, layer)
        return hidden, mask

    def _sent(self, ids: Sequence[NDArray[np.int32]]) -> tuple[Tensor, Tensor]:
        """Padded ids (batch, tokens) and lengths (batch,) on the device, sent without waiting."""
        lengths = np.array([len(one) for one in ids], dtype=np.int64)
        table = np.zeros((len(ids), int(lengths.max())), dtype=np.int32)
        table[np.arange(table.shape[1])[None, :] < lengths[:, None]] = np.concatenate(ids)
        tensors = [torch.from_numpy(table), torch.from_numpy(lengths)]
        if self._device.type == "cuda":
            tensors = [tensor.pin_memory() for tensor in tensors]
        padded, counts = (tensor.to(self._device, non_blocking=True) for tensor in tensors)
        return padded, counts

    def _layer(self, hidden: Tensor, visible: Tensor | None, layer: Layer) -> Tensor:
        batch, tokens, width = hidden.shape
        heads = self._body.heads
        joint = self._linear(hidden, layer.qkv).view(batch, tokens, 3, heads, width // heads)
        query, key, value = joint.permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=visible)
        attended = attended.transpose(1, 2).reshape(batch, tokens, width)
        hidden = self._norm(self._linear(attended, layer.attention_output) + hidden, layer.attention_norm)
        wide = functional.gelu(self._linear(hidden, layer.ffn_in))
        return self._norm(self._linear(wide, layer.ffn_out) + hidden, layer.output_norm)

    def _linear(self, value: Tensor, linear: Linear) -> Tensor:
        return functional.linear(value, self._weights.get(linear.weight), self._weights.get(linear.bias))

    def _norm(self, value: Tensor, norm: LayerNorm) -> Tensor:
        weight, bias = self._weights.get(norm.weight), self._weights.get(norm.bias)
        return functional.layer_norm(value, weight.shape, weight, bias, self._body.layer_norm_eps)

    def _stream(self) -> torch.cuda.StreamContext:
        """Each calling thread's own stream, so that one's transfers run beside the other's computation."""
        if self._device.type == "cuda" and not hasattr(self._local, "stream"):
            self._local.stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        return torch.cuda.stream(getattr(self._local, "stream", None))


class _Weights:
    """Tensors on the device, by the array that they were made from."""

    def __init__(self, device: torch.device, number_type: torch.dtype) -> None:
        self._device = device
        self._type = number_type
        self._sent: dict[int, Tensor] = {}

    def get(self, array: NDArray[np.float32]) -> Tensor:
        key = id(array)
        if key not in self._sent:
            self._sent[key] = torch.from_numpy(np.array(array)).to(self._device, self._type)
        return self._sent[key]


def _number_type(device: torch.device) -> torch.dtype:
    if device.type == "cpu":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
