import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from train import results
from train.comparison import LOW_RESOURCE, comparison_tables, group_of
from train.recipe import load_recipe
from xsearch.evaluation import Results, Score, write_results
from xsearch.evaluation.datasets import Provenance
from xsearch.evaluation.metrics import mean_interval, spearman, spearman_interval
from xsearch.evaluation.results import Items, Label


def similarity(lang: str, space: str, noise: float) -> Score:
    """A made-up similarity score of 200 pairs: the more noise, the worse."""
    rng = np.random.default_rng(len(lang) + ord(lang[0]))
    gold = rng.random(200)
    values = gold + noise * rng.standard_normal(200)
    items = Items(values, np.full(200, 40), gold)
    label = Label("str", "SemRel", "test", lang, (lang, lang), space)
    interval = spearman_interval(values, gold, seed=0, resamples=100)
    return Score(
        label, 200, "spearman", {"spearman": spearman(values, gold)}, interval, [], source(lang), items
    )


def found(lang: str, share: float) -> Score:
    """A made-up accuracy of finding translations."""
    values = (np.arange(200) < 200 * share).astype(np.float64)
    label = Label("bitext", "Tatoeba", "test", f"{lang}-en", (lang, "en"), "shared")
    interval = mean_interval(values, seed=0, resamples=100)
    items = Items(values, np.full(200, 40))
    return Score(label, 200, "accuracy", {"accuracy": share}, interval, [], source(lang), items)


def source(lang: str) -> Provenance:
    return Provenance((f"{lang}.parquet",), lang)


def measured(name: str, scores: list[Score]) -> Results:
    return Results(name, {"*": "0" * 64}, "2026-11-23", f"xsearch eval --name {name}", "1", 0, None, scores)


@pytest.fixture
def both() -> list[Results]:
    modular = [similarity(lang, space, noise) for lang in ("te", "am", "fi") for space, noise in
               (("native", 0.1), ("shared", 0.2))]  # fmt: skip
    mono = [similarity(lang, "shared", 0.6) for lang in ("te", "am", "fi")]
    return [
        measured("modular", [*modular, found("te", 0.9), found("fi", 0.8)]),
        measured("mono", [*mono, found("te", 0.5)]),
    ]


def rows(table: str) -> dict[str, list[str]]:
    """The cells of each line by the language in its second column."""
    split = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in table.splitlines()]
    return {cells[1]: cells for cells in split}


def test_modules_stand_in_their_native_space_against_the_one_space_of_the_other_encoder(both):
    _, within, _, between = comparison_tables(both)
    lines = rows(within)
    native, shared, mono = (float(lines["te"][column].split()[0]) for column in (3, 4, 5))
    assert native > shared > mono
    assert lines["te"][6].startswith(f"{native - mono:+.1f}"[:2])
    assert list(lines)[2:] == ["am", "te", "**mean, low-resource**", "fi"]
    assert rows(between)["te-en"][5].startswith("+40.0 [")


def test_what_one_side_has_not_measured_is_left_open_and_has_no_mean(both):
    between = list(comparison_tables(both))[-1]
    assert rows(between)["fi-en"][4:] == ["–", "–"]


def test_the_interval_of_a_mean_is_narrower_than_those_of_its_languages(both):
    lines = rows(list(comparison_tables(both))[1])

    def width(cell: str) -> float:
        low, high = cell.strip("*").split("[")[1].rstrip("]").split(", ")
        return float(high) - float(low)

    assert width(lines["**mean, low-resource**"][6]) < min(width(lines[lang][6]) for lang in ("am", "te"))


def test_languages_are_low_resource_as_the_paper_says():
    def label(*langs: str) -> Label:
        return Label("sts", "STSb", "test", "-".join(langs), langs, "shared")

    assert {group_of(label(lang, "en")) for lang in LOW_RESOURCE} == {"low-resource"}
    assert [group_of(label("fi", "de")), group_of(label("en", "en"))] == ["other languages", "English"]


def test_all_that_is_there_is_rendered_and_all_that_is_missing_named(both, tmp_path):
    comparison = tmp_path / "comparison"
    for one in both:
        write_results(one, comparison / f"{one.encoder}.json")
    write_results(
        measured("vocabulary", [similarity("te", "native", 0.3)]), comparison / "ablation/te/vocabulary.json"
    )
    log = tmp_path / "am" / "log.jsonl"
    log.parent.mkdir()
    log.write_text(
        '{"event": "progress", "step": "sentence_encoding", "batch": 100, "of": 386}\n{"event": "prog'
    )
    modules = tmp_path / "modules"
    for lang in ("en", "fi"):
        shutil.copytree(results.PACKAGED / lang, modules / lang)
    output = tmp_path / "RESULTS.md"
    options = ["--runs", str(tmp_path), "--modules", str(modules), "-o", str(output)]
    result = CliRunner().invoke(results.main, options)
    assert result.exit_code == 0, result.output
    text = output.read_text()
    assert "| initialisation alone |" in text
    pairs = json.loads((modules / "fi" / "config.json").read_text())["provenance"]["translations"]
    assert f"| fi | {sum(pairs.values())} |" in text
    assert "xsearch eval --name mono\n" in text
    missing = text.partition("## Missing")[2]
    assert "the scores of guided" in missing
    assert "ablation of te: + sentence encoding" in missing
    assert "the module of am (in training: sentence_encoding, batch 100 of 386)" in missing
    assert "the module of fi" not in missing


def test_nothing_at_all_is_said_to_be_missing(tmp_path):
    result = CliRunner().invoke(results.main, ["--runs", str(tmp_path), "--modules", str(tmp_path)])
    assert result.exit_code == 0
    assert result.output.count("Not measured yet.") == 2
    assert "the module of fi" in result.output


def test_a_damaged_results_file_is_one_line(tmp_path):
    comparison = tmp_path / "comparison"
    comparison.mkdir()
    Path(comparison / "modular.json").write_text("{")
    result = CliRunner().invoke(results.main, ["--runs", str(tmp_path)])
    assert (result.exit_code, result.output.count("\n")) == (1, 1)


def test_the_weight_of_a_source_that_a_module_has_not_seen_makes_no_other_recipe():
    recipe = load_recipe("fi")
    more = replace(
        recipe, data=replace(recipe.data, source_weights={**recipe.data.source_weights, "later": 0.5})
    )
    assert results._command("fi", more, {"wmt-news"}) == "`python -m train fi --data DATA`"
    assert results._command("fi", more, {"later"}) == "settings on the module's card"
