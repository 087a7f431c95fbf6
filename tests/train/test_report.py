"""Public test scores reach the card of the module that they were measured with, and no other."""

import shutil
from dataclasses import replace

import pytest
from click.testing import CliRunner

from train.report import MODULES, main, public_scores
from xsearch.encoder import load_module
from xsearch.evaluation.datasets import Provenance
from xsearch.evaluation.results import Label, Results, Score, write_results


def score(task, dataset, split, langs, value, space="shared"):
    main = "accuracy" if task == "bitext" else "spearman"
    label = Label(task, dataset, split, "-".join(dict.fromkeys(langs)), langs, space)
    return Score(label, 10, main, {main: value}, None, [], Provenance(("file",), "0" * 64))


@pytest.fixture
def module(tmp_path):
    shutil.copytree(MODULES / "fi", tmp_path / "modules" / "fi")
    shutil.copytree(MODULES / "en", tmp_path / "modules" / "en")
    return load_module(tmp_path / "modules" / "fi")


@pytest.fixture
def results(module):
    scores = [
        score("bitext", "Tatoeba", "test", ("fi", "en"), 0.9436),
        score("bitext", "held-out pairs", "dev", ("fi", "en"), 0.5),
        score("sts", "STSb", "test", ("fi", "fi"), 0.71, "native"),
        score("sts", "STSb", "test", ("fi", "de"), 0.6),
    ]
    hashes = {"fi": module.content_hash}
    return Results("xsearch", hashes, "2026-01-01", "xsearch eval", "0.1.0", 0, None, scores)


def test_scores_within_the_language_and_with_english_on_test_sets_count(module, results):
    assert public_scores(module, [results]) == {"Tatoeba fi-en": 94.4, "STSb fi (native)": 71.0}
    assert public_scores(module, [replace(results, limit=5)]) == {}
    assert public_scores(module, [replace(results, content_hashes={"fi": "0" * 64})]) == {}


def test_card_and_configuration_get_the_scores_and_the_module_stays_the_same(module, results, tmp_path):
    write_results(results, tmp_path / "results.json")
    run = CliRunner().invoke(main, [str(tmp_path / "results.json"), "--modules", str(tmp_path / "modules")])
    assert run.output == "fi: Tatoeba fi-en 94.4, STSb fi (native) 71.0\n"
    again = load_module(module.path)
    again.verify()
    assert again.content_hash == module.content_hash
    assert again.config.scores["public_test"] == {"Tatoeba fi-en": 94.4, "STSb fi (native)": 71.0}
    assert again.config.scores["dev"] == module.config.scores["dev"]
    assert "Tatoeba fi-en 94.4" in (module.path / "README.md").read_text()


def test_what_is_no_results_file_is_one_line(tmp_path):
    run = CliRunner().invoke(main, [str(tmp_path / "none.json")])
    assert run.exit_code == 1
    assert run.output.startswith("Error: ")
    assert len(run.output.splitlines()) == 1


def test_a_folder_without_modules_is_refused(results, tmp_path):
    write_results(results, tmp_path / "results.json")
    run = CliRunner().invoke(main, [str(tmp_path / "results.json"), "--modules", str(tmp_path / "none")])
    assert (run.exit_code, run.output.count("\n")) == (1, 1)
    assert "no modules there" in run.output
