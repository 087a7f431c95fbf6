"""`python -m train.results -o train/RESULTS.md`: tables of what was trained and measured, from the files that say so.

It renders what there is and names what is missing; nothing is measured here but differences, by resampling the kept
items of both sides.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import click

from train.ablation import ROWS, VARIANTS
from train.baselines import VARIANTS as MONOLITHIC
from train.command import Command
from train.comparison import MODULAR, comparison_tables, score_cell
from train.data import SCORED_SETS
from train.recipe import RECIPES, STAGES, Recipe, load_recipe, stated_recipe
from train.sources import sources_of
from xsearch.encoder import Module, load_module
from xsearch.evaluation import Results, Score, read_results
from xsearch.evaluation.report import NOTHING, markdown_table
from xsearch.output_file import replacing

PACKAGED = Path(__file__).parent.parent / "xsearch" / "modules"
WANTED = "fi de fr es ru sv cs it nl pl pt tr te mr am ha rw kk uz az ky ar hi zh ko sw id af".split()
"""The languages that there is training data for."""

TITLE = """# Results of training

Rendered by `python -m train.results`; scores are in hundredths, in brackets the 95 % bootstrap interval."""

HOW = """How the tables come about, DATA being the folder of training data and of the sets to measure on, LANGUAGES the
codes in alphabetical order with hyphens:

```
python -m train LANG --data DATA --recipe comparison --runs runs/comparison --out runs/comparison/modules/LANG
python -m train.baselines LANG... --data DATA --recipe comparison --runs runs/comparison
XSEARCH_MODULES=runs/comparison/modules xsearch eval sts str bitext --data DATA/public_test --lang LANG --lang ... \\
    --space both --name modular -o runs/comparison/modular.json
xsearch eval sts str bitext --data DATA/public_test --lang LANG --lang ... \\
    --encoder runs/comparison/baselines/LANGUAGES/VARIANT --name VARIANT -o runs/comparison/VARIANT.json
python -m train.ablation LANG --data DATA --recipe comparison --runs runs/comparison
python -m train.results -o train/RESULTS.md
```"""

_PATH = click.Path(path_type=Path)


@click.command(
    name="python -m train.results", cls=Command, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.option(
    "--runs", type=_PATH, default=Path("runs"), show_default=True, help="Folder of the module trainings."
)
@click.option(
    "--comparison",
    type=_PATH,
    help="Folder with modular.json, mono.json ... and ablation/LANG. Default: RUNS/comparison.",
)
@click.option(
    "--modules",
    multiple=True,
    type=_PATH,
    help="Folder of modules; the first that has a language counts. Default: xsearch/modules, then RUNS/modules.",
)
@click.option("-o", "--output", type=_PATH, help="Write here instead of stdout.")
def main(runs: Path, comparison: Path | None, modules: tuple[Path, ...], output: Path | None) -> None:
    """Render the results of training as Markdown."""
    text = render(runs, comparison or runs / "comparison", modules or (PACKAGED, runs / "modules"))
    if output is None:
        click.echo(text, nl=False)
    else:
        with replacing(output) as file:
            file.write(text.encode())


def render(runs: Path, comparison: Path, folders: Sequence[Path]) -> str:
    """All tables, and what is missing for them."""
    missing: list[str] = []
    modules = _modules(folders)
    compared = _compared(comparison, missing)
    ablations = _ablations(comparison / "ablation", missing)
    missing += _untrained(modules, runs)
    parts = [
        TITLE,
        "## Modular against monolithic",
        *(comparison_tables(compared) if compared else ["Not measured yet."]),
        "## Ablation",
        *(ablations or ["Not measured yet."]),
        "## Native against shared space within the language\n\nDev scores of the finished modules (Spearman x 100).",
        _spaces(modules),
        "## Data and time",
        _training(modules),
        "## Commands",
        HOW,
        *_commands(comparison),
        "## Missing",
        "\n".join(f"- {one}" for one in missing) or "Nothing.",
    ]
    return "\n\n".join(parts) + "\n"


def _modules(folders: Sequence[Path]) -> dict[str, Module]:
    """Finished language modules by language, in the order of `WANTED`."""
    found: dict[str, Module] = {}
    for folder in folders:
        for path in sorted(folder.glob("*/config.json")):
            module = load_module(path.parent)
            if "recipe" in module.config.provenance:
                found.setdefault(module.config.language, module)
    order = {language: number for number, language in enumerate(WANTED)}
    return dict(sorted(found.items(), key=lambda item: (order.get(item[0], len(order)), item[0])))


def _compared(folder: Path, missing: list[str]) -> list[Results]:
    """The modular system's results and those of each monolithic encoder; empty without two sides."""
    found = []
    for name in (MODULAR, *MONOLITHIC):
        if (folder / f"{name}.json").is_file():
            found.append(read_results(folder / f"{name}.json", items=True))
        else:
            missing.append(f"the scores of {name}: {folder / f'{name}.json'}")
    return found if len(found) > 1 and (folder / f"{MODULAR}.json").is_file() else []


def _ablations(folder: Path, missing: list[str]) -> list[str]:
    """A heading and a table for each language that has results."""
    parts = []
    names = ROWS | {name: variant.shown for name, variant in VARIANTS.items()}
    for language in sorted(path.name for path in folder.glob("*") if any(path.glob("*.json"))):
        found = {
            name: read_results(folder / language / f"{name}.json").scores
            for name in names
            if (folder / language / f"{name}.json").is_file()
        }
        missing += [f"ablation of {language}: {shown}" for name, shown in names.items() if name not in found]
        columns = list(dict.fromkeys(_column(score) for scores in found.values() for score in scores))
        rows = []
        for name, scores in found.items():
            values = {_column(score): score_cell(score) for score in scores}
            rows.append([names[name], *(values.get(column, NOTHING) for column in columns)])
        parts += [f"### {language}", markdown_table(["", *columns], rows)]
    if not parts:
        missing.append(f"any ablation: {folder}")
    return parts


def _column(score: Score) -> str:
    label = score.label
    space = f" ({label.space})" if len(set(label.langs)) == 1 else ""
    return f"{label.dataset} {label.split} {label.subset}{space}"


def _spaces(modules: dict[str, Module]) -> str:
    rows = []
    for language, module in modules.items():
        dev = module.config.scores.get("dev", {})
        native, shared = (dev.get(f"{STAGES[-1]} ({space})", {}) for space in ("native", "shared"))
        rows += [
            [language, name, str(native[name]), str(shared[name]), module.config.search_space]
            for name in SCORED_SETS
            if name in native and name in shared
        ]
    return markdown_table(["language", "dev set", "native", "shared", "`--space auto` takes"], rows)


def _training(modules: dict[str, Module]) -> str:
    header = ["language", "translations", "paraphrases", "further texts", "sentence-steps", "minutes", "MB",
              "trained", "command"]  # fmt: skip
    rows = []
    for language, module in modules.items():
        made = module.config.provenance
        recipe = stated_recipe(made["recipe"])
        rows.append(
            [
                language,
                str(sum(made["translations"].values())),
                str(sum(made["paraphrases"].values())),
                str(made["monolingual_texts"]),
                str(recipe.sentences),
                f"{sum(made['minutes'].values()):.0f}",
                f"{sum(file.stat().st_size for file in module.path.iterdir()) / 2**20:.1f}",
                f"{made['date']}, {made['machine']}",
                _command(language, recipe, set(sources_of(made))),
            ]
        )
    return markdown_table(header, rows)


def _command(language: str, recipe: Recipe, sources: set[str]) -> str:
    """How the module was trained, if a shipped recipe has its settings, whatever it says of other sources."""

    def settings(recipe: Recipe) -> Recipe:
        weights = {name: weight for name, weight in recipe.data.source_weights.items() if name in sources}
        return replace(recipe, data=replace(recipe.data, source_weights=weights))

    for name in (None, *sorted(path.stem for path in RECIPES.glob("*.toml"))):
        if settings(load_recipe(language, name)) == settings(recipe):
            return f"`python -m train {language} --data DATA{f' --recipe {name}' if name else ''}`"
    return "settings on the module's card"


def _untrained(modules: dict[str, Module], runs: Path) -> Iterator[str]:
    for language in WANTED:
        if language not in modules:
            yield f"the module of {language}{_progress(runs / language / 'log.jsonl')}"


def _progress(log: Path) -> str:
    """Where a training stands by the last line of its log that says so."""
    if not log.is_file():
        return ""
    for line in reversed(log.read_text(encoding="utf-8").splitlines()):
        try:
            event = json.loads(line)
        except ValueError:  # the last line of a killed training may be cut
            continue
        if event.get("event") == "progress":
            return f" (in training: {event['step']}, batch {event['batch']} of {event['of']})"
    return " (in training)"


def _commands(comparison: Path) -> Iterator[str]:
    """The very commands behind the results files."""
    paths = [*sorted(comparison.glob("*.json")), *sorted(comparison.glob("ablation/*/*.json"))]
    lines = dict.fromkeys(read_results(path).command for path in paths)
    if lines:
        yield "As given for the scores above:\n\n```\n" + "\n".join(lines) + "\n```"


if __name__ == "__main__":
    main()
