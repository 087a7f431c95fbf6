"""`python -m train.report LANG --data DIR`: public test scores of a finished run after each of its four steps.

For reporting only: nothing is trained or chosen here. Tatoeba (LASER v1) is accuracy in per cent by plain cosine.
"""

from __future__ import annotations

from pathlib import Path

import click
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from train.base import load_base
from train.measure import bitext_accuracy
from train.reading import read_translations
from train.recipe import STAGES, load_recipe
from train.sequences import tokenise
from train.student import Student
from train.teacher import Teacher


@click.command(name="python -m train.report")
@click.argument("language", metavar="LANG")
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True),
    required=True,
    help="Folder with public_test/tatoeba_en-LANG.parquet.",
)
@click.option(
    "--recipe", type=click.Path(path_type=Path), help="The recipe of the run, if not the language's own."
)
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"), show_default=True)
def main(language: str, data: Path, recipe: Path | None, runs: Path) -> None:
    """Print a Markdown table of Tatoeba accuracies, a row for each step and space."""
    settings = load_recipe(language, recipe)
    base = load_base(settings.base, runs / "bases", settings.checkpoint)
    folder = runs / language
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    student = Student(
        base, load_file(folder / "vocabulary.safetensors")["table"], settings.lora, settings.adapter
    )
    pairs = read_translations(data / "public_test" / f"tatoeba_en-{language}.parquet", language)
    english = Teacher(base, runs / "cache").encode([p.left for p in pairs])
    foreign = tokenise(tokenizer, [p.right for p in pairs], settings.max_length)
    click.echo("| step | space | xx→en | en→xx |\n|---|---|---|---|")
    for stage in STAGES:
        if stage != STAGES[0]:
            student.load_owned(folder / f"{stage}.safetensors")
        for space in ("native", "shared") if stage == STAGES[-1] else ("native",):
            there, back = bitext_accuracy(student.encode(foreign, space), english)
            click.echo(f"| {stage} | {space} | {there:.1f} | {back:.1f} |")


if __name__ == "__main__":
    main()
