"""Low-rank updates (LoRA, Hu et al. 2022) of frozen linear layers, with a backward pass made for small encoders.

PEFT runs the two thin projections beside every layer, which on a CPU costs as much again as the layer. Here the
update is added to the frozen weight once a batch, so that the layer is a single matrix product, and the gradients of
the two factors are taken through thin products (n x rank) without ever forming that of the whole weight.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional


class LowRankLinear(nn.Module):
    """A frozen linear layer plus `alpha / rank` x `up` @ `down`; `up` starts at zero, so a new one changes nothing."""

    def __init__(self, frozen: nn.Linear, rank: int, alpha: float) -> None:
        super().__init__()
        self.weight, self.bias, self.scale = frozen.weight, frozen.bias, alpha / rank
        self.down = nn.Parameter(torch.empty(rank, frozen.in_features))
        self.up = nn.Parameter(torch.zeros(frozen.out_features, rank))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def update(self) -> torch.Tensor:
        """What is added to the frozen weight, (out, in)."""
        return self.scale * (self.up @ self.down)

    def take(self, update: torch.Tensor) -> None:
        """Make `update` (out, in), or the nearest one of this rank, what is added to the frozen weight."""
        up, down = factors(update / self.scale, len(self.down))
        possible = len(down)  # a recipe may ask for a higher rank than the matrix can have
        with torch.no_grad():
            self.up.zero_()[:, :possible] = up
            self.down.zero_()[:possible] = down

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """(..., out) of `states` (..., in), in the type of autocast where it is on."""
        device = states.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else self.weight.dtype
        out: torch.Tensor = _LowRank.apply(  # type: ignore[no-untyped-call]
            states.to(dtype), self.weight, self.bias, self.down, self.up, self.scale
        )
        return out


def factors(matrix: torch.Tensor, rank: int) -> tuple[torch.Tensor, torch.Tensor]:
    """`up` (out, rank) and `down` (rank, in), balanced, whose product is the nearest of that rank to `matrix`."""
    left, strength, right = torch.linalg.svd(matrix, full_matrices=False)
    root = strength[:rank].sqrt()
    return left[:, :rank] * root, root[:, None] * right[:rank]


class _LowRank(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        states: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor,
        down: torch.Tensor,
        up: torch.Tensor,
        scale: float,
    ) -> torch.Tensor:
        effective = torch.addmm(weight, up, down, alpha=scale).to(states.dtype)
        ctx.save_for_backward(states, effective, down.to(states.dtype), up.to(states.dtype))
        ctx.scale = scale
        return functional.linear(states, effective, bias.to(states.dtype))

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        states, effective, down, up = ctx.saved_tensors
        flat, behind = states.flatten(0, -2), gradient.flatten(0, -2)
        of_down = of_up = None
        if ctx.needs_input_grad[3]:
            of_down = (ctx.scale * ((behind @ up).T @ flat)).float()
        if ctx.needs_input_grad[4]:
            of_up = (ctx.scale * (behind.T @ (flat @ down.T))).float()
        of_states = (behind @ effective).view_as(states) if ctx.needs_input_grad[0] else None
        return of_states, None, None, of_down, of_up, None
