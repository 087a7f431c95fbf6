"""Which devices there are, found out without importing torch."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

from xsearch.errors import DeviceError, MissingExtraError

DEVICES = ("auto", "cpu", "cuda")


def check_device(device: str) -> None:
    """Raise where `device` cannot be used.

    Raises:
        DeviceError: an unknown device, or "cuda" without a usable GPU.
        MissingExtraError: "cuda" without torch.
    """
    if device not in DEVICES:
        raise DeviceError(f"there is no device {device!r}; choose one of {', '.join(DEVICES)}")
    if device != "cuda":
        return
    if importlib.util.find_spec("torch") is None:
        raise MissingExtraError("device cuda needs torch; install it with: pip install 'xsearch[gpu]'")
    if not _torch_finds_cuda():
        raise DeviceError(
            "device cuda was asked for, but torch finds no usable GPU (no driver, no GPU, or a torch without CUDA); "
            "use --device cpu, or install a CUDA build of torch"
        )


@cache
def has_cuda() -> bool:
    """Whether there is a GPU that torch can use. Imports torch only on machines with a GPU's driver."""
    if not Path("/dev/nvidiactl").exists() or importlib.util.find_spec("torch") is None:
        return False
    return _torch_finds_cuda()


def avoid_cudnn_attention() -> None:
    """Have torch use another attention than cuDNN's, its first choice, in this process.

    That one makes a plan for every new shape of a batch, in every thread anew, which takes longer than the batch: on an
    H200 training ran at 1,150 sentences a second with it and at 4,100 without. torch knows no narrower setting: a
    `with` around a call would not do, since the first of two threads to leave it would let the other have cuDNN.
    """
    import torch

    torch.backends.cuda.enable_cudnn_sdp(False)


def _torch_finds_cuda() -> bool:
    import torch

    return bool(torch.cuda.is_available())
