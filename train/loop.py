"""The training loop shared by the steps: schedule, checkpoints, log, and the guard against collapse.

A step is a callable from a batch number to a loss; everything random in it derives from (seed, batch number), so a
resumed run repeats exactly what an uninterrupted one would have done.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from train.student import Student
from xsearch.errors import XsearchError

CHECKPOINT_SECONDS = 120.0


@dataclass(frozen=True)
class Group:
    """Parameters trained at one peak rate."""

    parameters: list[torch.nn.Parameter]
    rate: float


class Log:
    """Progress for a person on stderr, and for a program as JSON lines in `log.jsonl`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "log.jsonl"

    def write(self, event: str, **values: Any) -> None:
        """Append one event."""
        line = {"time": round(time.time(), 1), "event": event, **values}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
        shown = " ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in values.items())
        print(f"[{event}] {shown}", file=sys.stderr, flush=True)  # noqa: T201 - the pipeline's progress


def train(
    name: str,
    student: Student,
    groups: list[Group],
    sizes: list[int],
    loss_of: Callable[[int], tuple[torch.Tensor, torch.Tensor | None]],
    folder: Path,
    log: Log,
    *,
    warm_up: float = 0.05,
) -> None:
    """Train over the batches 0 .. len(sizes) - 1, resuming from the step's checkpoint where there is one.

    Args:
        sizes: sentences in each batch.
        loss_of: batch number -> (loss, student vectors of the batch or None); the vectors feed the guard.
        warm_up: share of the batches with a rising rate; it then falls linearly to zero.

    Raises:
        XsearchError: the loss is not finite, or all sentences of a batch get the same vector.
    """
    optimiser = torch.optim.AdamW(
        [{"params": g.parameters, "lr": g.rate, "peak": g.rate} for g in groups], betas=(0.9, 0.98), weight_decay=0.0
    )
    checkpoint = folder / f"{name}.checkpoint.safetensors"
    first = _resume(checkpoint, student, optimiser)
    if first:
        log.write("resume", step=name, batch=first)
    total, started, saved, seen, recent = len(sizes), time.time(), time.time(), 0, 0.0
    for number in range(first, total):
        share = (number + 1) / total
        factor = min(share / warm_up, (1 - number / total) / (1 - warm_up))
        for group in optimiser.param_groups:
            group["lr"] = group["peak"] * factor
        loss, vectors = loss_of(number)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for g in groups for p in g.parameters], 1.0)
        optimiser.step()
        seen += sizes[number]
        recent = float(loss.detach()) if not recent else 0.98 * recent + 0.02 * float(loss.detach())
        if number % 100 == 99 or number == total - 1:
            _guard(name, recent, vectors)
            rate = seen / (time.time() - started)
            left = (total - number - 1) * (time.time() - started) / (number - first + 1)
            log.write("progress", step=name, batch=number + 1, of=total, loss=recent, sentences_per_second=rate, minutes_left=left / 60)
        if time.time() - saved > CHECKPOINT_SECONDS:
            _save(checkpoint, student, optimiser, number + 1)
            saved = time.time()
    checkpoint.unlink(missing_ok=True)


def _guard(name: str, loss: float, vectors: torch.Tensor | None) -> None:
    if loss != loss or loss in (float("inf"), float("-inf")):
        raise XsearchError(f"{name}: the loss is {loss}; lower the learning rates in the recipe and run again")
    if vectors is None or len(vectors) < 8:
        return
    sample = vectors[:64].detach()
    mean_cosine = float((sample @ sample.T).mean())
    if mean_cosine > 0.95:
        raise XsearchError(
            f"{name}: all sentences get nearly the same vector (mean cosine {mean_cosine:.3f}); the encoder has "
            "collapsed. The usual cause is a teacher vector that belongs to another sentence (remove the cache "
            "folder), then a learning rate that is too high"
        )


def _save(path: Path, student: Student, optimiser: torch.optim.Optimizer, batch: int) -> None:
    tensors = {f"model.{name}": p.detach().contiguous() for name, p in student.owned()}
    for index, state in enumerate(optimiser.state_dict()["state"].values()):
        for key, value in state.items():
            tensors[f"optimiser.{index}.{key}"] = torch.as_tensor(value).contiguous()
    draft = path.with_suffix(".draft")
    save_file(tensors, draft, metadata={"batch": str(batch)})
    draft.replace(path)


def _resume(path: Path, student: Student, optimiser: torch.optim.Optimizer) -> int:
    if not path.is_file():
        return 0
    from safetensors import safe_open

    tensors = load_file(path)
    with safe_open(path, "pt") as file:
        batch = int(file.metadata()["batch"])
    with torch.no_grad():
        for name, parameter in student.owned():
            parameter.copy_(tensors[f"model.{name}"])
    state: dict[int, dict[str, Any]] = {}
    for key, value in tensors.items():
        if key.startswith("optimiser."):
            _, index, name = key.split(".", 2)
            state.setdefault(int(index), {})[name] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
    return batch
