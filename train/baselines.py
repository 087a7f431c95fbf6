"""`python -m train.baselines LANG... --data DIR`: monolithic encoders to compare the modules with.

One encoder for all the languages and English, its whole body trained on all of them together, on the same data, with
the same number of sentence-steps for each language as its module has. What the paper (DESIGN.md, section 1) calls
mono data are paraphrases within each language, machine-translated from English; no sentence is ever compared with
one in another language. Few of our languages have such paraphrases, and step 3 of the modules is therefore guided
by the English vectors of translations, which is a cross-lingual objective in all but name. Hence three variants:

- mono: the paraphrases, and translations only for how similar they are to one another (`objectives.within`). As in
  the paper, nothing is said about where the languages lie to each other.
- guided: exactly the objectives of step 3.
- mono-cross: those of step 3 and of step 4, the batches of both shuffled, with the sentence-steps of each.

The vocabulary holds every piece of the base's and of each module's, initialised as in a module (`train.joint`). The
batches of a language are laid out as for its module. English, which costs a modular system nothing, is one more
language of the same budget, guided by itself: without it the encoder would forget it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click
import torch
from tokenizers import Tokenizer

from train.base import Base, load_base
from train.card import baseline_card
from train.command import Command
from train.compute import Compute, choose
from train.data import TrainingData, read_training_data
from train.export import calibration_texts, provenance, runtime_check
from train.initialisation import Table
from train.joint import balanced_texts, english_data, joint_data, joint_vocabulary
from train.keys import settings_key
from train.language_adaptation import adapt_to_language
from train.objectives import within
from train.pipeline import Pipeline
from train.recipe import LanguageAdaptation, Recipe, SentenceEncoding, load_recipe, whole_body
from train.run import Run
from train.sentence_encoding import (
    Guidance,
    Lesson,
    alignment_lesson,
    body_groups,
    learn,
    sentence_lesson,
)
from xsearch.encoder import Module, ModuleConfig, write_module
from xsearch.encoder.tensors import TABLE, TABLE_SCALE, body_tensors
from xsearch.errors import XsearchError
from xsearch.evaluation.multilingual_module import MULTILINGUAL
from xsearch.languages import resolve

VARIANTS = ("mono", "guided", "mono-cross")
_PATH = click.Path(path_type=Path)


class Baseline(Pipeline):
    """The training of monolithic encoders; `run(variant)` trains one. Variants share the first two steps."""

    def __init__(
        self,
        languages: Sequence[TrainingData],
        recipe: Recipe,
        base: Base,
        folder: Path,
        cache: Path,
        compute: Compute | None = None,
    ) -> None:
        """`recipe` is that of the modules.

        Raises:
            XsearchError: a multilingual base, which is a monolithic encoder itself.
        """
        if base.multilingual:
            raise XsearchError(
                f"{base.name} is multilingual, and so is itself the monolithic encoder to compare with; give --base an "
                "English one"
            )
        self.parts = [*languages, english_data(languages)]
        self.module_recipe = recipe
        own = dataclasses.replace(whole_body(recipe), whitening=False)
        super().__init__(joint_data(self.parts), own, base, folder, cache, compute)

    def _new_vocabulary(self) -> tuple[Tokenizer, Table]:
        return joint_vocabulary(self.parts, self.module_recipe, self.base)

    def _run(self, until: str) -> Run:
        run, key = self._begin()
        recipe, adaptation = self.recipe, self.recipe.language_adaptation
        common = (asdict(recipe.data), asdict(recipe.lora), recipe.max_length)
        key = settings_key("language_adaptation", key, asdict(adaptation), *common)

        def adapt() -> None:
            total = dataclasses.replace(adaptation, sentences=adaptation.sentences * len(self.parts))
            texts = balanced_texts(self.parts, adaptation.sentences)
            adapt_to_language(_with(run, language_adaptation=total), texts)

        self._step("language_adaptation", key, run, adapt, ("native",))
        steps = (asdict(recipe.sentence_encoding), asdict(recipe.cross_lingual_alignment))
        key = settings_key(until, key, *steps, *common)
        self._step(
            until,
            key,
            run,
            lambda: learn(run, until, body_groups(run), self._lessons(run, until)),
            ("native",),
        )
        return run

    def _lessons(self, run: Run, variant: str) -> list[Lesson]:
        """One of each language, and with cross data two of each but English."""
        lessons = []
        encoding, alignment = self.recipe.sentence_encoding, self.recipe.cross_lingual_alignment
        encoding = dataclasses.replace(encoding, sentences=encoding.sentences * encoding.members)
        every = dataclasses.replace(encoding, sentences=encoding.sentences + alignment.sentences)
        for part in self.parts:
            own = dataclasses.replace(run, data=part)
            if variant == "mono-cross" and part.language != "en":
                lessons += [sentence_lesson(_with(own, sentence_encoding=encoding)), alignment_lesson(own)]
            elif variant == "mono":
                lessons.append(sentence_lesson(_with(own, sentence_encoding=every), within_guidance(every)))
            else:
                lessons.append(sentence_lesson(_with(own, sentence_encoding=every)))
        return lessons


def within_guidance(settings: SentenceEncoding) -> Guidance:
    """Towards the similarities of the translations to one another, and to nothing else."""

    def loss(vectors: torch.Tensor, wanted: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
        return within(vectors, wanted, settings.scale, settings.cosine_weight)

    return loss


def _with(run: Run, **sections: LanguageAdaptation | SentenceEncoding) -> Run:
    """The run with other settings of some steps."""
    return dataclasses.replace(run, recipe=dataclasses.replace(run.recipe, **sections))  # type: ignore[arg-type]


def export_baseline(pipeline: Baseline, run: Run, variant: str, target: Path) -> Module:
    """Write the trained encoder as a module of all its languages, which carries its body and has one space.

    Raises:
        ModuleError: the exported module's vectors differ from the student's.
    """
    base = run.base
    config = ModuleConfig(
        language=MULTILINGUAL,
        name=f"Monolithic ({variant})",
        base=None,
        architecture=dataclasses.replace(base.architecture, vocab_size=run.tokenizer.get_vocab_size()),
        dimension=base.architecture.hidden_size,
        pooling=base.pooling,
        max_length=run.max_length,
        provenance={
            **provenance(pipeline),
            "variant": variant,
            "languages": [part.language for part in pipeline.parts],
            "module_recipe": pipeline.module_recipe.to_json(),
        },
        scores={"dev": pipeline.scores},
    )
    own = run.student.module_tensors()
    tensors = {name: own[name] for name in (TABLE, TABLE_SCALE, *(name for name, _ in body_tensors(config)))}
    texts = calibration_texts([p.right for p in run.data.pairs], run.recipe.seed)
    card = baseline_card(config)
    module = write_module(target, config, tensors, run.tokenizer.to_str(), card, calibration=texts)
    runtime_check(module, run)
    return module


@click.command(
    name="python -m train.baselines", cls=Command, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.argument("languages", nargs=-1, required=True, metavar="LANG...")
@click.option(
    "--data",
    type=_PATH,
    required=True,
    help="Folder with parallel/, paraphrase/, mono/, dev/, as for modules.",
)
@click.option(
    "--recipe", help="The recipe of the modules to compare with: a TOML file or a shipped one's name."
)
@click.option("--base", help="English base encoder, as for the modules. Default: the recipe's.")
@click.option(
    "--variant",
    "variants",
    multiple=True,
    type=click.Choice(VARIANTS),
    help="What to train; can be given several times. Default: all.",
)
@click.option("--runs", type=_PATH, default=Path("runs"), show_default=True, help="Folder for what is made.")
@click.option("--test-sets", type=_PATH, help="Folder of test sets that must not be in the training data.")
@click.option("--threads", type=click.IntRange(1), help="CPU threads.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
def main(
    languages: tuple[str, ...],
    data: Path,
    recipe: str | None,
    base: str | None,
    variants: tuple[str, ...],
    runs: Path,
    test_sets: Path | None,
    threads: int | None,
    device: str,
) -> None:
    """Train monolithic encoders of the languages LANG... and English, as modules in RUNS/baselines.

    Measure them as any module: `xsearch eval ... --encoder RUNS/baselines/LANGUAGES/VARIANT`. A killed training goes
    on where it was when the same command is given again.
    """
    if threads:
        torch.set_num_threads(threads)
    codes = sorted({resolve(language).code for language in languages} - {"en"})
    if not codes:
        raise click.UsageError("name at least one language besides English")
    settings = load_recipe(MULTILINGUAL, recipe)
    settings = dataclasses.replace(settings, base=base or settings.base)
    parts = [read_training_data(data, code, settings.data, test_sets) for code in codes]
    folder = runs / "baselines" / "-".join(codes)
    encoder = load_base(settings.base, runs / "bases", settings.checkpoint)
    for variant in variants or VARIANTS:
        pipeline = Baseline(parts, settings, encoder, folder, runs / "cache", choose(device))
        module = export_baseline(pipeline, pipeline.run(variant), variant, folder / variant)
        click.echo(f"wrote {module.path} ({module.content_hash[:12]})", err=True)


if __name__ == "__main__":
    main()
