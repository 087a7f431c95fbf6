"""Where training runs, and how: bf16 autocast and `torch.compile` on a GPU, plain float32 on a CPU."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from xsearch.errors import DeviceError


@dataclass(frozen=True)
class Compute:
    """`mixed`: the student's forward pass runs in bfloat16 where that is safe; weights and losses stay float32.

    `compiled`: the student's body goes through `torch.compile`. Neither changes what is stored in a module.
    """

    device: str = "cpu"
    mixed: bool = False
    compiled: bool = False


def choose(device: str = "auto") -> Compute:
    """The compute for `auto`, `cpu` or `cuda`.

    Raises:
        DeviceError: cuda is asked for and torch sees none.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise DeviceError(
            "cuda was asked for, torch sees no GPU; use --device cpu or install torch with CUDA"
        )
    on_gpu = device == "cuda"
    return Compute(device, mixed=on_gpu, compiled=on_gpu)
