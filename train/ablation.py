"""`python -m train.ablation LANG --data DIR`: what each part of the pipeline does for one language.

The module's own run is measured after each of its steps. Each variant then changes one thing and is trained in a
folder of its own, into which the results of the steps before the change are copied: a step's key says whether they
are the variant's too, so only what differs is trained. Native against shared space needs no variant: the last step is
measured in both.
"""

from __future__ import annotations

import dataclasses
import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from train.base import Base, load_base
from train.batches import MOST_TIMES
from train.command import Command
from train.compute import Compute, choose
from train.data import TrainingData, cross_lingual_paraphrases, read_training_data
from train.pipeline import Pipeline
from train.recipe import STAGES, Recipe, load_recipe, whole_body
from train.run import Run
from train.scoring import score
from xsearch.errors import XsearchError
from xsearch.evaluation import write_results
from xsearch.evaluation.measure import SpaceChoice
from xsearch.languages import resolve

ROWS = {
    "vocabulary": "initialisation alone",
    "language_adaptation": "+ language adaptation",
    "sentence_encoding": "+ sentence encoding",
    "cross_lingual_alignment": "+ alignment: the whole pipeline",
}
"""The steps by their names, and what a table calls them."""

_PATH = click.Path(path_type=Path)


@dataclass(frozen=True)
class Variant:
    """A pipeline that differs from the recipe's in one thing; `shown` is what a table calls it."""

    shown: str
    change: Callable[[Recipe], Recipe]


def _alignment(share: float) -> Callable[[Recipe], Recipe]:
    return lambda recipe: dataclasses.replace(
        recipe,
        cross_lingual_alignment=dataclasses.replace(recipe.cross_lingual_alignment, paraphrase_share=share),
    )


def _without_adaptation(recipe: Recipe) -> Recipe:
    return dataclasses.replace(
        recipe, language_adaptation=dataclasses.replace(recipe.language_adaptation, sentences=0)
    )


def _without_orthography(recipe: Recipe) -> Recipe:
    return dataclasses.replace(recipe, vocabulary=dataclasses.replace(recipe.vocabulary, orthography=False))


VARIANTS = {
    "paraphrases-only": Variant("alignment on cross-lingual paraphrases only", _alignment(1.0)),
    "parallel-only": Variant("alignment on translations only", _alignment(0.0)),
    "no-adaptation": Variant("without language adaptation", _without_adaptation),
    "no-orthography": Variant("words as they are spelt", _without_orthography),
    "full-fine-tuning": Variant("full fine-tuning in place of LoRA", whole_body),
}


@dataclass(frozen=True)
class Ablation:
    """One language's; `folder` gets a results file for each row and a run folder for each variant."""

    data: TrainingData
    recipe: Recipe
    base: Base
    runs: Path
    sets: Sequence[Path]
    compute: Compute
    command: str

    @property
    def folder(self) -> Path:
        """Where the results stand."""
        return self.runs / "ablation" / self.data.language

    def measure_steps(self) -> None:
        """Measure the module's own run after each step; what is not trained yet, is trained."""
        pipeline = self._pipeline(self.recipe, self.runs / self.data.language)
        self._write(pipeline.run(STAGES[0]), STAGES[0], "native")
        run = pipeline.run()
        self._write(run, STAGES[-1], "both")
        for stage in STAGES[1:-1]:
            run.student.load_owned(pipeline.folder / f"{stage}.safetensors")
            self._write(run, stage, "native")

    def measure_variant(self, name: str) -> None:
        """Train and measure one of `VARIANTS`.

        Raises:
            XsearchError: the variant needs data that the language does not have.
        """
        wanted = self.recipe.cross_lingual_alignment.sentences
        if name == "paraphrases-only" and wanted > MOST_TIMES * (
            there := len(cross_lingual_paraphrases(self.data))
        ):
            raise XsearchError(
                f"{self.data.language} has {there} cross-lingual paraphrases, too few to align on alone for {wanted} "
                f"sentence-steps; leave out --variant {name}"
            )
        folder = self.folder / name
        _copy_results(self.runs / self.data.language, folder)
        run = self._pipeline(VARIANTS[name].change(self.recipe), folder).run()
        self._write(run, name, "both")

    def _pipeline(self, recipe: Recipe, folder: Path) -> Pipeline:
        return Pipeline(self.data, recipe, self.base, folder, self.runs / "cache", self.compute)

    def _write(self, run: Run, name: str, space: SpaceChoice) -> None:
        results = score(run, name, self.sets, space, self.command)
        write_results(results, self.folder / f"{name}.json")
        for measured in results.scores:
            label = measured.label
            click.echo(
                f"{name}: {label.dataset} {label.split} {label.subset} {label.space} {measured.value:.3f}",
                err=True,
            )


def _copy_results(source: Path, target: Path) -> None:
    """Start a variant's folder with what the module's run has; copies, since a step rewrites its own files."""
    target.mkdir(parents=True, exist_ok=True)
    for name in ("tokenizer.json", *(f"{stage}.safetensors" for stage in STAGES[:-1])):
        if (source / name).is_file() and not (target / name).is_file():
            shutil.copyfile(source / name, target / name)


@click.command(
    name="python -m train.ablation", cls=Command, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.argument("language", metavar="LANG")
@click.option("--data", type=_PATH, required=True, help="Folder of training data, as for the module.")
@click.option("--recipe", help="The module's recipe: a TOML file or a shipped one's name.")
@click.option("--base", help="Base encoder. Default: the recipe's.")
@click.option(
    "--runs", type=_PATH, default=Path("runs"), show_default=True, help="Folder of the module's run."
)
@click.option(
    "--variant",
    "variants",
    multiple=True,
    type=click.Choice([*VARIANTS]),
    help="Besides the steps; can be given several times. Default: all.",
)
@click.option(
    "--sets",
    multiple=True,
    type=_PATH,
    help="Folder of sets to measure on; can be given several times. Default: DATA/dev.",
)
@click.option("--threads", type=click.IntRange(1), help="CPU threads.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
def main(
    language: str,
    data: Path,
    recipe: str | None,
    base: str | None,
    runs: Path,
    variants: tuple[str, ...],
    sets: tuple[Path, ...],
    threads: int | None,
    device: str,
) -> None:
    """Measure a language's training after each step, and with one thing changed at a time.

    Results go to RUNS/ablation/LANG; `python -m train.results` makes a table of them.
    """
    import torch

    if threads:
        torch.set_num_threads(threads)
    code = resolve(language).code
    settings = load_recipe(code, recipe)
    settings = dataclasses.replace(settings, base=base or settings.base)
    ablation = Ablation(
        read_training_data(data, code, settings.data),
        settings,
        load_base(settings.base, runs / "bases", settings.checkpoint),
        runs,
        sets or (data / "dev",),
        choose(device),
        shlex.join(["python", "-m", "train.ablation", *sys.argv[1:]]),
    )
    ablation.measure_steps()
    for variant in variants or VARIANTS:
        ablation.measure_variant(variant)


if __name__ == "__main__":
    main()
