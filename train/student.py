"""The encoder being trained: the base's body, an embedding table of the language's own, LoRA and the adapter.

The body is frozen and shared by all languages; what a language owns is its table (steps 1 to 3), its LoRA updates
(steps 2 and 3) and its alignment adapter (step 4), which is what its module stores.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional
from transformers import PreTrainedModel

from train.base import Base, frozen
from train.compute import Compute
from train.lora import LowRankLinear
from train.recipe import Adapter, Lora
from train.sequences import Ids, hidden_states, length_batches, padded, pooled
from train.whitening import whitened
from xsearch.encoder.tensors import LINEARS, TABLE, TABLE_SCALE, quantise_rows
from xsearch.encoder.weights import Linear

TABLE_CODES = 31
"""Largest code of the stored table, six bits: packed weights are a sixth smaller than with 127, and on German dev pairs
bitext accuracy is the same (96.1 and 96.4 %, against 96.1 and 96.3)."""


class ParallelAdapter(nn.Module):
    """A feed-forward output block with a bottleneck beside it: LN(x + FFN(x) + scaling * up(gelu(down(x)))).

    The paper's parallel adapter (He et al. 2022, "Towards a Unified View"), with GELU in place of ReLU so that at
    run time it is a mere widening of the feed-forward block. `up` starts at zero: a new adapter changes nothing.
    """

    def __init__(self, block: nn.Module, width: int, bottleneck: int, scaling: float) -> None:
        super().__init__()
        self.block = block
        self.down = nn.Linear(width, bottleneck)
        self.up = nn.Linear(bottleneck, width)
        nn.init.normal_(self.down.weight, std=0.02)
        nn.init.zeros_(self.down.bias)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)
        self.scaling = scaling
        self.enabled = True

    def forward(self, hidden: torch.Tensor, attended: torch.Tensor) -> torch.Tensor:
        """(b, t, width) from `hidden` (b, t, intermediate), the widened activation, and the residual `attended`."""
        out: torch.Tensor
        if not self.enabled:
            out = self.block(hidden, attended)
            return out
        dense = self.block.get_submodule("dense")(hidden)
        beside = self.up(functional.gelu(self.down(attended)))
        out = self.block.get_submodule("LayerNorm")(dense + attended + self.scaling * beside)
        return out


class Student(nn.Module):
    """A language's encoder on torch, in its native space or (with the adapter on) in the shared one."""

    def __init__(
        self,
        base: Base,
        table: NDArray[np.float32],
        lora: Lora,
        adapter: Adapter,
        compute: Compute | None = None,
    ) -> None:
        """`table` is the initial embedding table (vocabulary, d)."""
        super().__init__()
        self.compute = compute or Compute()
        self.pooling = base.pooling
        self.lora = lora
        self.whitening: Linear | None = None
        model = copy.deepcopy(base.model)
        weight = torch.from_numpy(table.copy())
        model.set_input_embeddings(nn.Embedding.from_pretrained(weight))  # type: ignore[no-untyped-call]
        self.low_rank: dict[str, LowRankLinear] = {}
        for index, layer in enumerate(_layers(model)) if lora.rank else ():
            for path in LINEARS.values():
                low_rank = LowRankLinear(layer.get_submodule(path), lora.rank, lora.alpha)
                layer.set_submodule(path, low_rank)
                self.low_rank[f"encoder.layer.{index}.{path}"] = low_rank
        width = base.architecture.hidden_size
        self.bottleneck = max(1, width // adapter.reduction)
        self.adapters: list[ParallelAdapter] = []
        for layer in _layers(model):
            layer.output = ParallelAdapter(layer.output, width, self.bottleneck, adapter.scaling)
            self.adapters.append(layer.output)
        if self.compute.device == "cpu":
            model.set_attn_implementation("eager")  # the fused one's backward pass takes half of a step there
        self.model = frozen(model)
        self.to(self.compute.device)
        if self.compute.compiled:
            self.model.compile(dynamic=True)
        self.use_space("native")

    @property
    def table(self) -> nn.Parameter:
        """The embedding table (vocabulary, d)."""
        weight: nn.Parameter = self.model.get_input_embeddings().weight  # type: ignore[assignment]
        return weight

    def use_space(self, space: str) -> None:
        """Switch the adapter on (shared) or off (native)."""
        for adapter in self.adapters:
            adapter.enabled = space == "shared"

    def train_only(self, *parts: str) -> None:
        """Make exactly these parts trainable: table, lora (the whole body where the LoRA rank is 0), adapter."""
        owned = {"table": [self.table], "lora": self.body_updates(), "adapter": self.adapter_parameters()}
        for part, parameters in owned.items():
            for parameter in parameters:
                parameter.requires_grad_(part in parts)

    def body_updates(self) -> list[nn.Parameter]:
        """The LoRA matrices, or with rank 0 every parameter of the body."""
        if self.lora.rank:
            return [factor for linear in self.low_rank.values() for factor in (linear.down, linear.up)]
        own = {id(self.table), *map(id, self.adapter_parameters())}
        return [p for p in self.model.parameters() if id(p) not in own]

    def adapter_parameters(self) -> list[nn.Parameter]:
        """Down and up projections of every layer."""
        return [p for a in self.adapters for part in (a.down, a.up) for p in part.parameters()]

    def encode_ids(self, ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """L2-normalised sentence vectors (b, d) in float32 of padded ids (b, t), before any whitening."""
        with self.compute.precision():
            vectors = pooled(self.model, *self._placed(ids, mask), self.pooling)
        return functional.normalize(vectors, dim=1)

    def token_states(self, ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Last hidden states (b, t, d) in float32 of padded ids (b, t)."""
        with self.compute.precision():
            states = hidden_states(self.model, *self._placed(ids, mask), "mean")
        return states.float()

    def _placed(
        self, ids: torch.Tensor, mask: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        device = self.table.device
        return ids.to(device), None if mask is None else mask.to(device)

    def encode(self, sequences: list[Ids], space: str) -> NDArray[np.float32]:
        """(n, d) vectors of token sequences as its module will give them in one space, order kept; no gradient."""
        self.use_space(space)
        vectors = np.zeros((len(sequences), self.table.shape[1]), np.float32)
        lengths = np.array([len(s) for s in sequences])
        with torch.inference_mode():
            for batch in length_batches(lengths, self.compute.tokens, np.random.default_rng(0)):
                vectors[batch] = self.encode_ids(*padded([sequences[i] for i in batch])).cpu().numpy()
        return vectors if self.whitening is None else whitened(vectors, self.whitening)

    def restore(self, parameters: list[torch.Tensor]) -> None:
        """Take the table and `body_updates` as they were copied before (`parameters_now`), in place."""
        with torch.no_grad():
            for parameter, value in zip((self.table, *self.body_updates()), parameters, strict=True):
                parameter.copy_(value)

    def parameters_now(self) -> list[torch.Tensor]:
        """Copies of the parameters that steps 2 and 3 train: the table and `body_updates`."""
        return [parameter.detach().clone() for parameter in (self.table, *self.body_updates())]

    def body_state(self) -> list[torch.Tensor]:
        """The weights that these parameters make: the table, and each weight that LoRA updates or the whole body."""
        return [weight.detach().clone() for weight in (self.table, *self._body_weights())]

    def take_mean(self, states: list[list[torch.Tensor]], before: list[torch.Tensor], kept: float) -> None:
        """Be where the `states` lie on average, or this share of the way to there from the state `before`, in place.

        Each is a `body_state`. The LoRA updates of a mixture are those of its nearest weights of their rank, which lose
        nothing where LoRA began at zero and there is one state.
        """
        if len(states) == kept == 1:
            return
        with torch.no_grad():
            means = (torch.stack(of_states).mean(dim=0) for of_states in zip(*states, strict=True))
            mixed = [torch.lerp(a, b, kept) for a, b in zip(before, means, strict=True)]
            self.table.copy_(mixed[0])
            if self.lora.rank:
                for linear, update in zip(self.low_rank.values(), mixed[1:], strict=True):
                    linear.take(update)
            else:
                for parameter, weight in zip(self.body_updates(), mixed[1:], strict=True):
                    parameter.copy_(weight)

    def begin_at(self, updates: Mapping[str, torch.Tensor]) -> None:
        """Make `updates` (out, in), by the path of the linear layer, what LoRA adds (`train.beginning`)."""
        for path, update in updates.items():
            self.low_rank[path].take(update)

    def weaken_adapter(self, kept: float) -> None:
        """Keep this share of what the adapter adds, in place: of the way from a new one, which adds nothing."""
        with torch.no_grad():
            for adapter in self.adapters:
                for parameter in adapter.up.parameters():
                    parameter.mul_(kept)

    def _body_weights(self) -> list[torch.Tensor]:
        return (
            [linear.update() for linear in self.low_rank.values()]
            if self.lora.rank
            else list(self.body_updates())
        )

    def round_table(self) -> None:
        """Give the table the values it will be stored with, so that what is trained afterwards is trained on those."""
        codes, scale = quantise_rows(_numpy(self.table), TABLE_CODES)
        with torch.no_grad():
            self.table.copy_(torch.from_numpy(codes * scale[:, None]))

    def owned(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Every parameter that belongs to the language and not to the base, with its name."""
        own = {id(p) for p in (self.table, *self.body_updates(), *self.adapter_parameters())}
        return ((name, p) for name, p in self.model.named_parameters() if id(p) in own)

    def load_owned(self, path: Path) -> None:
        """Take every parameter of the language from a step's result (`train.pipeline`)."""
        tensors = load_file(path)
        with torch.no_grad():
            for name, parameter in self.owned():
                parameter.copy_(tensors[name])

    def module_tensors(self) -> dict[str, NDArray[Any]]:
        """The language's tensors under their names in a module's `model.safetensors`."""
        codes, scale = quantise_rows(_numpy(self.table), TABLE_CODES)
        tensors: dict[str, NDArray[Any]] = {TABLE: codes, TABLE_SCALE: scale}
        for index, layer in enumerate(_layers(self.model)):
            prefix = f"encoder.layer.{index}"
            for part in ("down", "up"):
                linear = getattr(layer.output, part)
                tensors[f"adapter.{prefix}.{part}.weight"] = _numpy(linear.weight)
                tensors[f"adapter.{prefix}.{part}.bias"] = _numpy(linear.bias)
        for path, low_rank in self.low_rank.items():
            tensors[f"lora.{path}.A"], tensors[f"lora.{path}.B"] = _numpy(low_rank.down), _numpy(low_rank.up)
        if not self.lora.rank:
            body = {id(parameter) for parameter in self.body_updates()}
            named = ((name, p) for name, p in self.model.named_parameters() if id(p) in body)
            tensors.update((name.replace(".block.", "."), _numpy(p)) for name, p in named)
        return tensors


def _layers(model: PreTrainedModel) -> list[Any]:
    encoder: Any = model.encoder
    return list(encoder.layer)


def _numpy(parameter: torch.Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = parameter.detach().float().cpu().numpy()
    return array
