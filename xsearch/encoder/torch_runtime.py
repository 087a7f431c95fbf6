"""Running an encoder on a GPU with torch, in half precision. Imported only when a GPU is to be used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from queue import SimpleQueue
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from xsearch.encoder.devices import avoid_cudnn_attention
from xsearch.encoder.making import verified_body
from xsearch.encoder.module import Module
from xsearch.encoder.weights import Body, Linear

# Tokens in a batch, padding included: large enough that a GPU computes rather than waits for the next kernel.
_TOKENS_A_BATCH = 65_536
# A batch with this many, which is work enough, ends where texts are shorter than a share of its longest.
_ENOUGH_TOKENS = 32_768
_LIKE = 0.8
# What kernels for attention want the rows of a mask to be a multiple of.
_ALIGNMENT = 8


class TorchRuntime:
    """A space of a module on a device, with all its weights there, the embedding table too.

    bfloat16 where the device computes with it, float16 otherwise; float32 on a CPU, where only tests run it.
    """

    window = 32_768
    window_characters = 4_000_000  # some 15 batches: while they are computed, the next window's are tokenised
    workers = 2  # while one batch is computed, the other is padded, sent and fetched
    outruns_a_tokeniser = True

    def __init__(self, module: Module, space: str, device: str = "cuda") -> None:
        body = verified_body(module, space)
        self._device = torch.device(device)
        self._type = _number_type(self._device)
        self._streams: SimpleQueue[torch.cuda.Stream] = SimpleQueue()
        self._stored = module.table
        codes = torch.from_numpy(np.array(module.table.codes)).to(self._device)
        scale = torch.from_numpy(np.array(module.table.scale)).to(self._device)
        self._table = (codes * scale[:, None]).to(self._type)
        self._positions = self._on_device(body.positions)
        self._pooler = None if body.pooler is None else self._affine(body.pooler.weight, body.pooler.bias)
        self._whitening = None if body.whitening is None else self._exact(body.whitening)
        self._heads, self._epsilon, self._pooling = body.heads, body.layer_norm_eps, body.pooling
        self._embedding_norm, self._layers = self._folded(body)
        if self._device.type == "cuda":
            avoid_cudnn_attention()
            for _ in range(self.workers):
                self._streams.put(torch.cuda.Stream(self._device))  # type: ignore[no-untyped-call]
            torch.cuda.synchronize(self._device)  # other streams are to read what this one has written

    def batches(self, lengths: Sequence[int]) -> Iterator[NDArray[np.intp]]:
        """Texts of like length, longest first, up to a number of padded tokens."""
        counts = np.asarray(lengths, dtype=np.int64)
        order = np.argsort(-counts, kind="stable")
        falling = -counts[order]
        start = 0
        while start < len(order):
            longest = -int(falling[start])
            like = int(np.searchsorted(falling, -_LIKE * longest, side="right"))
            end = min(max(like, start + _ENOUGH_TOKENS // longest), start + _TOKENS_A_BATCH // longest)
            yield order[start : max(end, start + 1)]
            start = max(end, start + 1)

    @torch.inference_mode()
    def sentences(self, ids: Sequence[NDArray[np.int32]]) -> NDArray[np.float32]:
        """Vectors (batch, dimension), L2-normalised; the texts may differ in length."""
        with self._stream():
            hidden, mask = self._run(ids)
            if self._pooling == "mean":
                counted = hidden if mask is None else hidden * mask[:, :, None]
                pooled = counted.sum(dim=1, dtype=torch.float32)
            else:
                pooled = hidden[:, 0].float()
            if self._pooler is not None:
                pooled = torch.tanh(functional.linear(pooled.to(self._type), *self._pooler)).float()
            vectors = functional.normalize(pooled, dim=1)
            if self._whitening is not None:
                vectors = functional.normalize(functional.linear(vectors, *self._whitening), dim=1)
            found: NDArray[np.float32] = vectors.cpu().numpy()
        return found

    @torch.inference_mode()
    def tokens(self, ids: NDArray[np.int32]) -> NDArray[np.float32]:
        """The last hidden states (tokens, d) of one text."""
        with self._stream():
            states: NDArray[np.float32] = self._run([ids])[0][0].float().cpu().numpy()
        return states

    def _run(self, ids: Sequence[NDArray[np.int32]]) -> tuple[Tensor, Tensor | None]:
        """Last hidden states (batch, tokens, d), and which are of a text (batch, tokens): None: all are."""
        lengths = np.array([len(one) for one in ids])
        batch, tokens = len(ids), int(lengths.max())
        real = np.arange(tokens)[None, :] < lengths[:, None]
        table = np.zeros((batch, tokens), dtype=np.int32)
        table[real] = np.concatenate(ids)
        self._stored.check(table)  # on the device an id too large would end the process' use of it
        mask = None if real.all() else self._sent(real)
        visible = None if mask is None else self._visible(mask)
        hidden = functional.embedding(self._sent(table), self._table) + self._positions[:tokens]
        hidden = self._norm(hidden.view(batch * tokens, -1), self._embedding_norm)
        for layer in self._layers:
            hidden = self._layer(hidden, (batch, tokens), visible, layer)
        return hidden.view(batch, tokens, -1), mask

    def _sent(self, array: NDArray[np.generic]) -> Tensor:
        """The array on the device, sent without waiting."""
        tensor = torch.from_numpy(array)
        if self._device.type == "cuda":
            tensor = tensor.pin_memory()
        return tensor.to(self._device, non_blocking=True)

    def _visible(self, mask: Tensor) -> Tensor:
        """What to add to scores: 0 for tokens and -inf for padding, (batch, 1, 1, tokens)."""
        batch, tokens = mask.shape
        aligned = -(-tokens // _ALIGNMENT) * _ALIGNMENT
        scores = torch.full((batch, aligned), -torch.inf, dtype=self._type, device=self._device)
        scores[:, :tokens].masked_fill_(mask, 0)
        return scores[:, None, None, :tokens]

    def _layer(self, hidden: Tensor, shape: tuple[int, int], visible: Tensor | None, layer: _Layer) -> Tensor:
        """The next states of `hidden` (batch * tokens, d), which is overwritten."""
        width = hidden.shape[1]
        joint = functional.linear(hidden, *layer.qkv).view(*shape, 3, self._heads, width // self._heads)
        query, key, value = joint.permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=visible)
        attended = attended.transpose(1, 2).reshape(hidden.shape)
        hidden = self._norm(hidden.addmm_(attended, layer.attention_output), layer.attention_norm)
        wide = functional.gelu(functional.linear(hidden, *layer.ffn_in))
        return self._norm(hidden.addmm_(wide, layer.ffn_out), layer.output_norm)

    def _norm(self, value: Tensor, norm: _Affine) -> Tensor:
        return functional.layer_norm(value, norm.weight.shape, norm.weight, norm.bias, self._epsilon)

    def _folded(self, body: Body) -> tuple[_Affine, tuple[_Layer, ...]]:
        """The first norm and the layers, on the device, with the biases of what is added to states moved before it.

        x + W f(V x + a) + b is y + W f(V y + (a - V b)) of y = x + b, which the norm that gives x can give as well:
        so one matrix product adds to the states, which would else be a pass of its own over them.
        """
        norms = [body.embedding_norm]
        for layer in body.layers:
            norms += [layer.attention_norm, layer.output_norm]
        after = [bias for layer in body.layers for bias in (layer.attention_output.bias, layer.ffn_out.bias)]
        after.append(np.zeros_like(norms[-1].bias))
        shifted = [
            self._affine(norm.weight, norm.bias + bias) for norm, bias in zip(norms, after, strict=True)
        ]
        return shifted[0], tuple(
            _Layer(
                qkv=self._affine(*_before(layer.qkv, layer.attention_output.bias)),
                attention_output=self._on_device(layer.attention_output.weight).t(),
                attention_norm=shifted[2 * index + 1],
                ffn_in=self._affine(*_before(layer.ffn_in, layer.ffn_out.bias)),
                ffn_out=self._on_device(layer.ffn_out.weight).t(),
                output_norm=shifted[2 * index + 2],
            )
            for index, layer in enumerate(body.layers)
        )

    def _affine(self, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> _Affine:
        return _Affine(self._on_device(weight), self._on_device(bias))

    def _exact(self, linear: Linear) -> _Affine:
        """In float32: a product a sentence, where the others are a product a token."""
        weight, bias = (
            torch.from_numpy(np.array(part)).to(self._device) for part in (linear.weight, linear.bias)
        )
        return _Affine(weight, bias)

    def _on_device(self, array: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(np.array(array)).to(self._device, self._type)

    @contextmanager
    def _stream(self) -> Iterator[None]:
        """One of the runtime's streams, so that one batch's transfers run beside another's computation.

        They are the runtime's, not the threads': torch keeps free memory by stream, and threads come and go.
        """
        if self._device.type != "cuda":
            yield
            return
        stream = self._streams.get()
        try:
            with torch.cuda.stream(stream):
                yield
        finally:
            self._streams.put(stream)


class _Affine(NamedTuple):
    """Weight and bias of a linear layer, (out, in) and (out,), or of a norm, both (d,)."""

    weight: Tensor
    bias: Tensor


class _Layer(NamedTuple):
    """A layer on the device; what is added to the states is a matrix (in, d) without a bias."""

    qkv: _Affine
    attention_output: Tensor
    attention_norm: _Affine
    ffn_in: _Affine
    ffn_out: Tensor
    output_norm: _Affine


def _before(linear: Linear, bias: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weight and bias of `linear` for an input to which `bias` (in,) has been added."""
    return linear.weight, linear.bias - linear.weight @ bias


def _number_type(device: torch.device) -> torch.dtype:
    if device.type == "cpu":
        return torch.float32
    # an older GPU emulates bfloat16, far slower than it computes in float16
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
