"""`python -m train LANG --data DIR`: train a language module. See `python -m train --help`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from xsearch.errors import XsearchError

STAGES = ("vocabulary", "language_adaptation", "sentence_encoding", "cross_lingual_alignment")


@click.command(name="python -m train", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("language", metavar="LANG")
@click.option("--data", type=click.Path(path_type=Path), help="Folder with parallel/, paraphrase/, mono/, dev/, or a two-column Parquet file of translations (English and the language).")
@click.option("--recipe", type=click.Path(path_type=Path), help="TOML file of settings; the default is train/recipes/LANG.toml, or built-in.")
@click.option("--base", help="Base encoder: an installed module, a checkpoint folder or a hub id. Default: the recipe's.")
@click.option("--out", type=click.Path(path_type=Path), help="Module folder to write. Default: xsearch/modules/LANG.")
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Folder for intermediate results, logs and the teacher cache.")
@click.option("--stage", type=click.Choice(STAGES), default=STAGES[-1], show_default=True, help="Stop after this step; earlier steps that are done are not repeated.")
@click.option("--test-sets", type=click.Path(path_type=Path), help="Folder of test sets: refuse to train if one of their sentences is in the training data.")
@click.option("--threads", type=click.IntRange(1), help="CPU threads.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
def main(
    language: str, data: Path | None, recipe: Path | None, base: str | None, out: Path | None, runs: Path,
    stage: str, test_sets: Path | None, threads: int | None, device: str,
) -> None:  # fmt: skip
    """Train a language module for LANG, or with LANG = en repack the base encoder as the English module."""
    try:
        _run(language, data, recipe, base, out, runs, stage, test_sets, threads, device)
    except XsearchError as error:
        raise click.ClickException(str(error)) from error


def _run(
    language: str, data: Path | None, recipe_file: Path | None, base_name: str | None, out: Path | None, runs: Path,
    stage: str, test_sets: Path | None, threads: int | None, device: str,
) -> None:  # fmt: skip
    import dataclasses

    import torch

    from train.base import load_base
    from train.data import read_pairs, read_training_data
    from train.english import export_base, packaged_minilm
    from train.export import export_module
    from train.pipeline import Pipeline
    from train.recipe import load_recipe
    from xsearch.languages import resolve

    code = resolve(language).code
    target = out or Path(__file__).parent.parent / "xsearch" / "modules" / code
    if threads:
        torch.set_num_threads(threads)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if code == "en":
        module = export_base("en", "English", base_name or str(packaged_minilm()), target)
        click.echo(f"wrote {module.path} ({module.content_hash[:12]})", err=True)
        return
    if data is None:
        raise click.UsageError("--data is needed: a folder of training data or a Parquet file of translations")
    recipe = load_recipe(code, recipe_file)
    if base_name:
        recipe = dataclasses.replace(recipe, base=base_name)
    training = read_training_data(data, code, recipe.data, test_sets)
    for why, count in training.left_out.most_common():
        click.echo(f"left out {count} rows {why}", err=True)
    english = data / "paraphrase" / "en.parquet"
    base = load_base(recipe.base)
    pipeline = Pipeline(
        training,
        list(read_pairs(english)) if english.is_file() else [],
        recipe,
        base,
        runs / code,
        runs / "cache",
        data / "dev" if (data / "dev").is_dir() else None,
        device,
    )
    student = pipeline.run(stage)
    if stage == STAGES[-1]:
        module = export_module(pipeline, student, target)
        click.echo(f"wrote {module.path} ({module.content_hash[:12]})", err=True)


if __name__ == "__main__":
    sys.exit(main())
