"""`python -m train.beginning LANG...`: where the LoRA updates of a new language begin.

What the updates of one language have learnt is for the most part not about that language: how to read embeddings that
are averages of English ones, and another order of words. So a language begins at the mean of the updates of others
(one round of federated averaging, McMahan et al. 2017) and not at zero. The mean stands in a file, made once of
modules that began at zero, so that a language trained again begins where it did before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from train.command import Command
from train.lora import factors
from train.recipe import Lora
from train.tensors import write_tensors
from xsearch.encoder import Module, find_module
from xsearch.encoder.weights import lora_updates
from xsearch.errors import ModuleError, XsearchError

FILE = Path(__file__).parent / "beginning.safetensors"
"""Factors `PATH.up` (out, rank) and `PATH.down` (rank, in) in float16; the metadata has the `base`'s content hash."""
RANK = 16


@dataclass(frozen=True)
class Beginning:
    """What a new student adds to the body's linear layers, (out, in) by their path; `key` identifies it."""

    updates: dict[str, torch.Tensor]
    key: str


def find_beginning(lora: Lora, base_hash: str, file: Path | None = None) -> Beginning | None:
    """The beginning that the recipe asks for; None is zero, as for any base but the one that the file (`FILE` unless
    given) was made for.

    Raises:
        XsearchError: the file cannot be read.
    """
    file = file or FILE
    if lora.start == "zero" or not lora.rank or not file.is_file():
        return None
    try:
        with safe_open(file, "pt") as opened:
            if (opened.metadata() or {}).get("base") != base_hash:
                return None
            paths = [name.removesuffix(".up") for name in opened.keys() if name.endswith(".up")]  # noqa: SIM118
            updates = {
                path: opened.get_tensor(f"{path}.up").float() @ opened.get_tensor(f"{path}.down").float()
                for path in paths
            }
    except (OSError, SafetensorError) as error:
        raise XsearchError(
            f"{file} cannot be read ({error}); restore it, or set start to zero in the recipe's lora section"
        ) from error
    return Beginning(updates, hashlib.sha256(file.read_bytes()).hexdigest())


def write_beginning(modules: Sequence[Module], file: Path = FILE) -> None:
    """Write the mean of the modules' updates, the nearest of rank `RANK`.

    Raises:
        ModuleError: a module has no LoRA updates, or another base than the first.
    """
    bases = {module.config.base.content_hash if module.config.base else "" for module in modules}
    if len(bases) > 1:
        raise ModuleError("the modules have different bases, of which there is no mean; name modules of one")
    updates = [dict(lora_updates(module)) for module in modules]
    for module, found in zip(modules, updates, strict=True):
        if not found:
            raise ModuleError(f"{module.path}: this module has no LoRA updates; leave it out")
    tensors: dict[str, torch.Tensor] = {}
    for path in updates[0]:
        mean = torch.from_numpy(np.mean([update[path] for update in updates], axis=0))
        up, down = factors(mean, min(RANK, *mean.shape))
        tensors |= {f"{path}.up": up.half().contiguous(), f"{path}.down": down.half().contiguous()}
    made_of = " ".join(f"{module.config.language}:{module.content_hash[:12]}" for module in modules)
    write_tensors(file, tensors, {"base": bases.pop(), "modules": made_of})


@click.command(
    name="python -m train.beginning", cls=Command, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.argument("languages", metavar="LANG...", nargs=-1, required=True)
@click.option("--output", "-o", type=click.Path(path_type=Path), default=FILE, show_default=True)
def main(languages: tuple[str, ...], output: Path) -> None:
    """Write the mean of the installed modules' LoRA updates, at which new languages begin."""
    write_beginning([find_module(language) for language in languages], output)


if __name__ == "__main__":
    main()
