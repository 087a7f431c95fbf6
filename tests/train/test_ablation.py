import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.train import toy
from tests.train.test_baselines import TOML
from train import ablation
from train.ablation import ROWS, VARIANTS
from xsearch.evaluation import read_results


@pytest.fixture(scope="module")
def measured(tmp_path_factory, modules):
    """The ablation of the toy language: (folder of runs, arguments that made it)."""
    root = tmp_path_factory.mktemp("ablation")
    data = toy.write_data(root / "data", "fi", 700)
    (root / "recipe.toml").write_text(TOML)
    arguments = [
        "fi",
        "--data",
        str(data),
        "--recipe",
        str(root / "recipe.toml"),
        "--base",
        str(modules / "en"),
    ]
    result = CliRunner().invoke(ablation.main, [*arguments, "--runs", str(root / "runs")])
    assert result.exit_code == 0, result.output
    return root / "runs", arguments


def results(runs: Path):
    return {path.stem: read_results(path, items=True) for path in (runs / "ablation" / "fi").glob("*.json")}


def test_every_step_and_every_variant_is_measured_by_the_code_that_measures_modules(measured):
    found = results(measured[0])
    assert found.keys() == {*ROWS, *VARIANTS}
    for name, one in found.items():
        labels = {(s.label.task, s.label.space) for s in one.scores}
        both = name not in list(ROWS)[:-1]
        assert labels == {("sts", "native"), ("bitext", "shared")} | ({("sts", "shared")} if both else set())
    # Finnish spells and cuts words in one way, so there it is the pipeline again.
    assert found.pop("no-orthography").content_hashes == found["cross_lingual_alignment"].content_hashes
    assert len({one.content_hashes["fi"] for one in found.values()}) == len(found)


def test_steps_before_the_change_are_taken_over_and_later_ones_trained(measured):
    runs, _ = measured
    own = runs / "fi"
    for name in ("paraphrases-only", "parallel-only"):
        folder = runs / "ablation" / "fi" / name
        assert (folder / "sentence_encoding.safetensors").read_bytes() == (
            own / "sentence_encoding.safetensors"
        ).read_bytes()
        assert '"step": "sentence_encoding"' not in (folder / "log.jsonl").read_text()
    full = runs / "ablation" / "fi" / "full-fine-tuning"
    assert (full / "vocabulary.safetensors").read_bytes() == (own / "vocabulary.safetensors").read_bytes()
    assert '"step": "sentence_encoding"' in (full / "log.jsonl").read_text()


def test_the_modules_own_run_is_left_as_it_was(measured, tmp_path):
    runs, arguments = measured
    shutil.copytree(runs, tmp_path / "runs")
    before = {p.name: p.read_bytes() for p in (tmp_path / "runs" / "fi").glob("*.safetensors")}
    again = [*arguments, "--runs", str(tmp_path / "runs"), "--variant", "parallel-only"]
    assert CliRunner().invoke(ablation.main, again).exit_code == 0
    assert before == {p.name: p.read_bytes() for p in (tmp_path / "runs" / "fi").glob("*.safetensors")}


def test_a_language_without_cross_lingual_paraphrases_is_told_so(measured, tmp_path):
    _, arguments = measured
    data = toy.write_data(tmp_path / "data", "fi", 700)
    shutil.rmtree(data / "paraphrase")
    again = [
        "fi",
        "--data",
        str(data),
        *arguments[3:],
        "--runs",
        str(tmp_path),
        "--variant",
        "paraphrases-only",
    ]
    result = CliRunner().invoke(ablation.main, again)
    assert (result.exit_code, "too few to align on alone" in result.output) == (1, True)
