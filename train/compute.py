"""Where training runs, and how: bf16 on a GPU and on a CPU that multiplies it, `torch.compile` for long trainings on a
GPU.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass

import torch

from xsearch.encoder.devices import avoid_cudnn_attention
from xsearch.errors import DeviceError

WORTH_COMPILING = 3_000_000
"""Sentence-steps. Compiling takes minutes, a million sentence-steps of our encoders take five on an H200 without it."""


@dataclass(frozen=True)
class Compute:
    """`mixed`: the student's forward pass runs in bfloat16 where that is safe; weights and losses stay float32.

    `compiled`: the student's body goes through `torch.compile`. Neither changes what is stored in a module.
    """

    device: str = "cpu"
    mixed: bool = False
    compiled: bool = False

    @property
    def tokens(self) -> int:
        """Padded tokens in a batch where nothing is learnt: a GPU's kernels want many, a CPU's caches few."""
        return 65_536 if self.device == "cuda" else 2_048

    @property
    def machine(self) -> str:
        """What computes, and how, for model cards."""
        precision = "bf16 autocast" if self.mixed else "float32"
        where = (
            torch.cuda.get_device_name()
            if self.device == "cuda"
            else f"{torch.get_num_threads()} thread(s), cpu"
        )
        return f"{platform.machine()}, {where}, torch {torch.__version__}, {precision}"

    def precision(self) -> torch.autocast:
        """The context in which forward passes run."""
        return torch.autocast(torch.device(self.device).type, dtype=torch.bfloat16, enabled=self.mixed)


def choose(device: str = "auto", sentences: int = 0) -> Compute:
    """The compute for so many sentence-steps on `auto`, `cpu` or `cuda`.

    Raises:
        DeviceError: cuda is asked for and torch sees none.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise DeviceError(
            "cuda was asked for, torch sees no GPU; use --device cpu or install torch with CUDA"
        )
    if device == "cuda":
        avoid_cudnn_attention()
    return Compute(
        device,
        mixed=device == "cuda" or multiplies_bfloat16(),
        compiled=device == "cuda" and sentences >= WORTH_COMPILING,
    )


def multiplies_bfloat16() -> bool:
    """Whether this CPU has instructions for it (AVX-512 BF16, AMX); without them bf16 is slower than float32."""
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
