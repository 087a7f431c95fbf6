"""The training loop shared by the steps: schedule, checkpoints, and the guards against a run that goes wrong.

A step is a callable from a batch number to a loss; everything random in it derives from (seed, batch number), so a
resumed run repeats exactly what an uninterrupted one would have done.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from train.log import Log
from train.student import Student
from train.tensors import write_tensors
from xsearch.errors import XsearchError

CHECKPOINT = ".checkpoint.safetensors"
CHECKPOINT_SECONDS = 120.0
COLLAPSED = 0.95
"""Mean cosine between the sentences of a batch at which they cannot be told apart any more."""
_FEWEST = 8
"""Vectors from which that mean says anything."""

Loss = Callable[[int], tuple[torch.Tensor, torch.Tensor | None]]
"""Batch number -> (loss, student vectors of the batch or None); the vectors feed the guard against collapse."""


@dataclass(frozen=True)
class Group:
    """Parameters trained at one peak rate."""

    parameters: list[torch.nn.Parameter]
    rate: float


@dataclass(frozen=True)
class Step:
    """A step of the training. `sizes` are the sentences in each batch, `batches` identifies what is in them.

    `warm_up` is the share of the batches with a rising rate, which then falls linearly to zero. `collapsed` is the mean
    cosine at which the student counts as collapsed.
    """

    name: str
    groups: Sequence[Group]
    sizes: Sequence[int]
    loss_of: Loss
    batches: str
    warm_up: float = 0.05
    collapsed: float = COLLAPSED


def train(step: Step, student: Student, folder: Path, log: Log) -> None:
    """Train over all batches, resuming from the step's checkpoint where there is one.

    The last checkpoint, after all batches, stays until the step's result is kept (`remove_checkpoints`).

    Raises:
        XsearchError: the loss is not finite, or all sentences of a batch get the same vector.
    """
    optimiser = torch.optim.AdamW(
        [{"params": g.parameters, "lr": g.rate, "peak": g.rate} for g in step.groups],
        betas=(0.9, 0.98),
        weight_decay=0.0,
        fused=True,
    )
    checkpoint = _Checkpoint(folder / f"{step.name}{CHECKPOINT}", step, student, optimiser)
    first = checkpoint.resume()
    if first:
        log.write("resume", step=step.name, batch=first)
    total, started, seen, recent = len(step.sizes), time.time(), 0, math.nan
    latest: torch.Tensor | None = None
    for number in range(first, total):
        _set_rates(optimiser, number, total, step.warm_up)
        loss, vectors = step.loss_of(number)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise XsearchError(
                f"{step.name}: the loss of batch {number + 1} is {value}; lower the learning rates in the recipe and "
                "run again"
            )
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_([p for g in step.groups for p in g.parameters], 1.0)
        optimiser.step()
        seen += step.sizes[number]
        recent = value if math.isnan(recent) else 0.98 * recent + 0.02 * value
        if vectors is not None and len(vectors) >= _FEWEST:
            latest = vectors.detach()
        if number % 100 == 99 or number == total - 1:
            _refuse_collapse(step, latest)
            took = time.time() - started
            log.write(
                "progress",
                step=step.name,
                batch=number + 1,
                of=total,
                loss=recent,
                sentences_per_second=seen / took,
                minutes_left=(total - number - 1) * took / (number - first + 1) / 60,
            )
        if number + 1 == total or checkpoint.is_due():
            checkpoint.write(number + 1)


def mean_cosine(vectors: torch.Tensor) -> float:
    """Mean cosine of L2-normalised vectors (n, d) with each other (n up to 64 of them)."""
    sample = vectors[:64].float()
    return float((sample @ sample.T).mean())


def batches_key(batches: Sequence[Any]) -> str:
    """Identifies a plan of batches, given as plain data."""
    return hashlib.sha256(json.dumps(batches).encode()).hexdigest()


def _set_rates(optimiser: torch.optim.Optimizer, number: int, total: int, warm_up: float) -> None:
    factor = min((number + 1) / total / warm_up, (1 - number / total) / (1 - warm_up))
    for group in optimiser.param_groups:
        group["lr"] = group["peak"] * factor


def _refuse_collapse(step: Step, vectors: torch.Tensor | None) -> None:
    if vectors is not None and (cosine := mean_cosine(vectors)) > step.collapsed:
        raise XsearchError(
            f"{step.name}: all sentences get nearly the same vector (mean cosine {cosine:.3f}); the encoder has "
            "collapsed. The usual cause is a learning rate that is too high, then data whose sides do not belong "
            "together"
        )


def remove_checkpoints(folder: Path, step: str) -> None:
    """Remove the checkpoints of a step and of the trainings that it consists of, which have its name and a number."""
    for path in (folder / f"{step}{CHECKPOINT}", *folder.glob(f"{step}.[0-9]*{CHECKPOINT}")):
        path.unlink(missing_ok=True)


class _Checkpoint:
    """The state of a step between two batches, on disk: parameters, optimiser and the number of batches done."""

    def __init__(self, path: Path, step: Step, student: Student, optimiser: torch.optim.Optimizer) -> None:
        self._path, self._batches = path, step.batches
        self._optimiser = optimiser
        self._parameters = {f"model.{name}": p for name, p in student.owned()}
        # What a step trains besides the student, such as the output layer of masked language modelling.
        own = set(map(id, self._parameters.values()))
        beside = (p for group in step.groups for p in group.parameters if id(p) not in own)
        self._parameters.update((f"beside.{number}", p) for number, p in enumerate(beside))
        self._saved = time.time()

    def is_due(self) -> bool:
        """Whether the last time was long enough ago."""
        return time.time() - self._saved > CHECKPOINT_SECONDS

    def write(self, batch: int) -> None:
        """Write the state after `batch` batches."""
        tensors = {name: p.detach().contiguous() for name, p in self._parameters.items()}
        # Parameters without a gradient so far have no state, so the states carry the numbers of their parameters.
        for index, state in self._optimiser.state_dict()["state"].items():
            for key, value in state.items():
                tensors[f"optimiser.{index}.{key}"] = torch.as_tensor(value).contiguous()
        write_tensors(self._path, tensors, {"batch": str(batch), "batches": self._batches})
        self._saved = time.time()

    def resume(self) -> int:
        """Take the state from disk; the number of batches done, 0 without a checkpoint of these batches."""
        if not self._path.is_file():
            return 0
        try:
            with safe_open(self._path, "pt") as file:
                notes = file.metadata() or {}
            tensors = load_file(self._path)
        except SafetensorError as error:
            raise XsearchError(
                f"{self._path} is damaged ({error}); remove it to start this step again"
            ) from error
        if notes.get("batches") != self._batches or not tensors.keys() >= self._parameters.keys():
            return 0
        with torch.no_grad():
            for name, parameter in self._parameters.items():
                parameter.copy_(tensors[name])
        state: dict[int, dict[str, torch.Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith("optimiser."):
                _, index, name = key.split(".", 2)
                state.setdefault(int(index), {})[name] = value
        groups = self._optimiser.state_dict()["param_groups"]
        self._optimiser.load_state_dict({"state": state, "param_groups": groups})
        return int(notes["batch"])
