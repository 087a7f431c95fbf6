"""`python -m train.whitening_on_dev --data DIR`: what whitening does on the dev sets, half-way and wholly.

In float32: translations found in the shared space, scored pairs within the language in the native one.
"""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from train.command import Command
from train.data import TrainingData, read_training_data
from train.measure import bitext_accuracy, correlation
from train.recipe import Data
from train.whitening import english_texts, whitened, whitening_by
from xsearch.encoder import Encoder, Module, available_modules, find_module
from xsearch.encoder.weights import Linear
from xsearch.encoder.writing import write_description
from xsearch.evaluation.report import markdown_table

Vectors = NDArray[np.float32]


@click.command(name="python -m train.whitening_on_dev", cls=Command)
@click.option(
    "--data", type=click.Path(path_type=Path), required=True, help="Folder with parallel/ and dev/."
)
@click.option("--lang", "languages", multiple=True, help="Language to measure. Default: every installed one.")
def main(data: Path, languages: tuple[str, ...]) -> None:
    """Print the mean dev scores of modules without whitening, and with it by the English texts of the data."""
    english = Encoder("en", precision="float32")
    vectors = english.encode(english_texts(data))
    ends = {"none": None, "half-way": whitening_by(vectors), "whole": whitening_by(vectors, -0.5)}
    measured: dict[str, dict[str, list[float]]] = {}
    for language in languages or sorted(set(available_modules()) - {"en"}):
        held_out = _HeldOut(find_module(language), english, read_training_data(data, language, Data()))
        for name, end in ends.items():
            for score, value in held_out.scores(end).items():
                measured.setdefault(score, {}).setdefault(name, []).append(value)
    rows = [
        [score, str(len(values["none"])), *(f"{np.mean(values[name]):.2f}" for name in ends)]
        for score, values in measured.items()
    ]
    click.echo(markdown_table(["dev score", "languages", *ends], rows))


class _HeldOut:
    """A language's dev sets, encoded without whitening."""

    def __init__(self, module: Module, english: Encoder, data: TrainingData) -> None:
        with tempfile.TemporaryDirectory() as folder:
            own = Encoder(_without_whitening(module, Path(folder) / "plain"), precision="float32")
            self._pairs = {
                name: (own.encode([p.right for p in pairs]), english.encode([p.left for p in pairs]))
                for name, pairs in data.dev.items()
            }
            self._scored = {
                name: (
                    own.encode([p.left for p in pairs], "native"),
                    own.encode([p.right for p in pairs], "native"),
                    [p.gold for p in pairs],
                )
                for name, pairs in data.scored.items()
            }

    def scores(self, end: Linear | None) -> dict[str, float]:
        """Bitext accuracy in per cent and Spearman x 100, with the vectors ending so."""

        def ended(vectors: Vectors) -> Vectors:
            return vectors if end is None else whitened(vectors, end)

        found = {}
        for name, (foreign, english) in self._pairs.items():
            there, back = bitext_accuracy(ended(foreign), english)
            found[f"{name} xx-en"], found[f"{name} en-xx"] = there, back
        for name, (one, two, gold) in self._scored.items():
            found[name] = correlation(ended(one), ended(two), gold)
        return found


def _without_whitening(module: Module, folder: Path) -> Path:
    shutil.copytree(module.path, folder)
    write_description(folder, dataclasses.replace(module.config, whitening=False))
    return folder


if __name__ == "__main__":
    main()
