"""`python -m train LANG --data DIR`: train a language module. See `python -m train --help`."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

from train.command import Command
from train.recipe import STAGES

MODULES = Path(__file__).parent.parent / "xsearch" / "modules"
_PATH = click.Path(path_type=Path)


@dataclasses.dataclass(frozen=True)
class Options:
    """What was asked for on the command line."""

    language: str
    data: Path | None
    recipe: str | None
    base: str | None
    out: Path | None
    runs: Path
    stage: str
    test_sets: Path | None
    threads: int | None
    device: str


@click.command(name="python -m train", cls=Command, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("language", metavar="LANG")
@click.option(
    "--data",
    type=_PATH,
    help="Folder with parallel/, paraphrase/, mono/, dev/; or a Parquet, CSV or TSV file with two columns of text, "
    "English and the language.",
)
@click.option(
    "--recipe",
    help="TOML file of settings, or the name of a shipped one (labse, xlm-r, mbert, me5). Default: the language's own "
    "in train/recipes, or built-in settings.",
)
@click.option(
    "--base",
    help="Base encoder: an installed module, a checkpoint folder or a hub id. Default: the recipe's.",
)
@click.option("--out", type=_PATH, help="Module folder to write. Default: xsearch/modules/LANG.")
@click.option(
    "--runs",
    type=_PATH,
    default=Path("runs"),
    show_default=True,
    help="Folder for intermediate results, logs and the teacher's vectors.",
)
@click.option(
    "--stage",
    type=click.Choice(STAGES),
    default=STAGES[-1],
    show_default=True,
    help="Stop after this step; earlier steps that are done are not repeated.",
)
@click.option(
    "--test-sets",
    type=_PATH,
    help="Folder of test sets, as `xsearch eval` reads them: refuse to train if one of their sentences is in the "
    "training data.",
)
@click.option("--threads", type=click.IntRange(1), help="CPU threads.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
def main(**options: object) -> None:
    """Train a language module for LANG, or with LANG = en repack the base encoder as the English module.

    English needs no data; with a folder of it (--data), other modules are whitened by how its vectors are distributed.

    A killed training goes on where it was when the same command is given again.
    """
    asked = Options(**options)  # type: ignore[arg-type]  # click names and types them
    _export_english(asked) if _code(asked) == "en" else _train(asked)


def _code(asked: Options) -> str:
    from xsearch.languages import resolve

    return resolve(asked.language).code


def _export_english(asked: Options) -> None:
    from train.english import export_english
    from train.recipe import load_recipe

    recipe = load_recipe("en", asked.recipe)
    module = export_english(asked.out or MODULES / "en", asked.base, recipe.checkpoint, asked.data)
    click.echo(f"wrote {module.path} ({module.content_hash[:12]})", err=True)


def _train(asked: Options) -> None:
    if asked.data is None:
        raise click.UsageError("--data is needed: a folder of training data or a file of translations")
    import torch

    from train.base import load_base
    from train.compute import choose
    from train.data import read_training_data
    from train.export import export_module
    from train.pipeline import Pipeline
    from train.recipe import load_recipe
    from xsearch.encoder.writing import check_target

    code = _code(asked)
    target = asked.out or MODULES / code
    check_target(target)  # before hours of training, not after
    if asked.threads:
        torch.set_num_threads(asked.threads)
    recipe = load_recipe(code, asked.recipe)
    compute = choose(asked.device, recipe.sentences)
    recipe = dataclasses.replace(recipe, base=asked.base or recipe.base)
    data = read_training_data(asked.data, code, recipe.data, asked.test_sets)
    if recipe.data.relatives and asked.data.is_file():
        wanted = " ".join(recipe.data.relatives)
        click.echo(
            f"without the relatives of the recipe ({wanted}), which only a folder of data can hold", err=True
        )
    for why, count in data.left_out.most_common():
        click.echo(f"left out {count} rows {why}", err=True)
    base = load_base(recipe.base, asked.runs / "bases", recipe.checkpoint)
    pipeline = Pipeline(data, recipe, base, asked.runs / code, asked.runs / "cache", compute)
    run = pipeline.run(asked.stage)
    if asked.stage == STAGES[-1]:
        module = export_module(pipeline, run, target)
        size = sum(file.stat().st_size for file in module.path.iterdir()) / 2**20
        click.echo(f"wrote {module.path} ({module.content_hash[:12]}, {size:.1f} MB)", err=True)


if __name__ == "__main__":
    main()
