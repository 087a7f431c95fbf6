"""`python -m train.report RESULTS.json`: put public test scores that `xsearch eval -o` measured on the modules' cards.

For reporting only: this comes after training, and nothing is trained or chosen by it. A score is taken only if the
results were measured with the very module (its content hash) that stands in the folder.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from train.card import base_card, language_card
from train.command import Command
from xsearch.encoder import Module, load_module
from xsearch.errors import XsearchError
from xsearch.evaluation.results import Results, Score, read_results
from xsearch.output_file import replacing

MODULES = Path(__file__).parent.parent / "xsearch" / "modules"
PIVOT = "en"


@click.command(name="python -m train.report", cls=Command)
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--modules",
    type=click.Path(path_type=Path),
    default=MODULES,
    help="Folder of the modules. Default: xsearch/modules.",
)
def main(results: tuple[Path, ...], modules: Path) -> None:
    """Write the scores on public test sets in RESULTS into the modules that they were measured with."""
    folders = sorted(path.parent for path in modules.glob("*/config.json"))
    if not folders:
        raise XsearchError(f"{modules}: no modules there; name the folder that holds their folders")
    for folder in folders:
        module = load_module(folder)
        measured = public_scores(module, [read_results(file) for file in results])
        if measured:
            write_scores(module, measured)
            click.echo(f"{module.config.language}: {', '.join(f'{k} {v}' for k, v in measured.items())}")


def public_scores(module: Module, runs: Sequence[Results]) -> dict[str, float]:
    """Scores x 100 on test sets within the module's language and between it and English, by set, subset and space."""
    lang = module.config.language
    wanted = {lang, PIVOT}
    return {
        _name(score): round(100 * score.value, 1)
        for run in runs
        if run.content_hashes.get(lang) == module.content_hash and run.limit is None
        for score in run.scores
        if score.label.split == "test" and not score.label.variant and lang in score.label.langs
        if wanted.issuperset(score.label.langs)
    }


def write_scores(module: Module, measured: dict[str, float]) -> None:
    """Put scores into the configuration and the card, which do not count for the content hash."""
    path = module.path / "config.json"
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    content["scores"] = {**content["scores"], "public_test": measured}
    with replacing(path) as file:
        file.write(json.dumps(content, ensure_ascii=False, indent=2).encode() + b"\n")
    config = load_module(module.path).config
    with replacing(module.path / "README.md") as file:
        file.write((base_card(config) if config.base is None else language_card(config)).encode())


def _name(score: Score) -> str:
    label = score.label
    within = len(set(label.langs)) == 1
    return f"{label.dataset} {label.subset}" + (f" ({label.space})" if within and label.space else "")


if __name__ == "__main__":
    main()
