"""The pipeline as a whole: from translations to a module with one command, interrupted, repeated, refused."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file

from tests.train import toy
from tests.train.conftest import RECIPE, changed
from train import loop, sentence_encoding
from train.__main__ import main
from train.export import export_module
from train.measure import bitext_accuracy
from train.pipeline import Pipeline
from xsearch.encoder import Encoder
from xsearch.errors import ModuleError, XsearchError

LAST = "cross_lingual_alignment"

SMALL = """
max_length = 40
[vocabulary]
size = 300
[lora]
rank = 4
alpha = 8
[language_adaptation]
sentences = 64
tokens_per_batch = 256
[sentence_encoding]
embedding_rate = 1e-3
lora_rate = 3e-4
sentences = 600
bank = 64
tokens_per_batch = 512
[cross_lingual_alignment]
sentences = 300
bank = 64
tokens_per_batch = 512
"""


def parameters(run):
    return {name: p.detach().clone() for name, p in run.student.owned()}


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name, parameter in one.items():
        assert torch.equal(parameter, other[name]), name


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(SMALL)
    return path


def command(recipe, modules, data, folder):
    arguments = ["fi", "--data", data, "--recipe", recipe, "--base", modules / "en", "--threads", "1"]
    return [*arguments, "--runs", folder / "runs", "--out", folder / "modules" / "fi", "--device", "cpu"]


def train(recipe, modules, data, folder, *more):
    arguments = (*command(recipe, modules, data, folder), *more)
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_a_file_of_two_columns_of_text_is_enough_for_a_module(tmp_path, recipe, modules):
    pairs = toy.pairs(900)
    table = {"english": [p.left for p in pairs], "finnish": [p.right for p in pairs]}
    pq.write_table(pa.table(table), tmp_path / "pairs.parquet")

    result = train(recipe, modules, tmp_path / "pairs.parquet", tmp_path)

    assert result.exit_code == 0, result.output
    fresh = toy.pairs(100, seed=77)
    foreign = Encoder(tmp_path / "modules" / "fi").encode([p.right for p in fresh])
    there, _ = bitext_accuracy(foreign, Encoder(modules / "en").encode([p.left for p in fresh]))
    assert there > 30, "of 100; chance is 1"
    assert "## Dev scores" in (tmp_path / "modules" / "fi" / "README.md").read_text()
    events = [json.loads(line) for line in (tmp_path / "runs" / "fi" / "log.jsonl").read_text().splitlines()]
    assert {"initialisation", "teacher", "progress", "dev"} <= {event["event"] for event in events}


def test_relatives_that_a_single_file_cannot_hold_are_named(tmp_path, modules):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(SMALL + '[data]\nrelatives = ["et"]\n')
    path = toy.write_pairs(tmp_path / "pairs.parquet", toy.pairs(900))
    result = train(recipe, modules, path, tmp_path, "--stage", "vocabulary")
    assert result.exit_code == 0, result.output
    assert "without the relatives of the recipe (et)" in result.output


@pytest.mark.parametrize("batch", [2, 9])
def test_a_step_that_was_cut_off_ends_as_if_it_had_not_been(
    trained, toy_data, base, tmp_path, monkeypatch, batch
):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    real, seen = loop._set_rates, []

    def cut_off(optimiser, number, total, warm_up):
        seen.append(number)
        if len(seen) > batch:
            raise KeyboardInterrupt
        real(optimiser, number, total, warm_up)

    monkeypatch.setattr(loop, "_set_rates", cut_off)
    cut = Pipeline(toy_data, RECIPE, base, tmp_path / "run", tmp_path / "cache")
    with pytest.raises(KeyboardInterrupt):
        cut.run()
    monkeypatch.setattr(loop, "_set_rates", real)

    again = Pipeline(toy_data, RECIPE, base, tmp_path / "run", tmp_path / "cache").run()

    assert '"event": "resume"' in (tmp_path / "run" / "log.jsonl").read_text()
    assert_same(parameters(again), parameters(trained[1]))


def test_members_are_averaged_and_one_that_was_cut_off_goes_on(toy_data, base, tmp_path, monkeypatch):
    encoding = dataclasses.replace(RECIPE.sentence_encoding, members=2)
    recipe = dataclasses.replace(RECIPE, sentence_encoding=encoding)
    names, real = [], loop.train

    def cut_off_in_the_second(step, student, folder, log):
        names.append(step.name)
        if step.name == "sentence_encoding.1":
            raise KeyboardInterrupt
        real(step, student, folder, log)

    monkeypatch.setattr(sentence_encoding, "train", cut_off_in_the_second)
    with pytest.raises(KeyboardInterrupt):
        Pipeline(toy_data, recipe, base, tmp_path / "run", tmp_path / "cache").run("sentence_encoding")
    monkeypatch.setattr(sentence_encoding, "train", real)
    again = Pipeline(toy_data, recipe, base, tmp_path / "run", tmp_path / "cache").run("sentence_encoding")
    alone = Pipeline(toy_data, recipe, base, tmp_path / "alone", tmp_path / "cache").run("sentence_encoding")
    single = Pipeline(toy_data, RECIPE, base, tmp_path / "one", tmp_path / "cache").run("sentence_encoding")

    assert names == ["sentence_encoding", "sentence_encoding.1"]
    log = (tmp_path / "run" / "log.jsonl").read_text()
    assert '"event": "resume", "step": "sentence_encoding"' in log, "the first is not trained again"
    assert_same(parameters(again), parameters(alone))
    assert not torch.equal(again.student.table, single.student.table)
    assert not list((tmp_path / "run").glob("*.checkpoint.safetensors"))


def test_a_killed_training_goes_on_with_the_same_command(tmp_path, recipe, modules, data_folder):
    """kill -9 while a process of its own trains; the module is that of a training left alone."""
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    assert train(recipe, modules, data_folder, alone).exit_code == 0
    code = "from train import loop; loop.CHECKPOINT_SECONDS = 0.0; import train.__main__ as t; t.main({})"
    arguments = [str(a) for a in command(recipe, modules, data_folder, killed)]
    log = killed / "runs" / "fi" / "log.jsonl"
    with subprocess.Popen(
        [sys.executable, "-c", code.format(arguments)], stderr=subprocess.DEVNULL
    ) as process:
        while process.poll() is None:
            if (log.parent / "sentence_encoding.checkpoint.safetensors").is_file():
                os.kill(process.pid, signal.SIGKILL)
                break
            time.sleep(0.005)
    assert process.returncode == -signal.SIGKILL
    assert train(recipe, modules, data_folder, killed).exit_code == 0
    assert '"event": "resume", "step": "sentence_encoding"' in log.read_text()
    for name in ("model.safetensors", "tokenizer.json"):
        ours, theirs = (folder / "modules" / "fi" / name for folder in (killed, alone))
        assert ours.read_bytes() == theirs.read_bytes()


def test_the_same_seed_gives_the_same_module_and_another_another(trained, toy_data, base, tmp_path):
    again = Pipeline(toy_data, RECIPE, base, tmp_path / "again", tmp_path / "cache").run()
    assert_same(parameters(again), parameters(trained[1]))
    adapted = [
        Pipeline(toy_data, recipe, base, tmp_path / str(recipe.seed), tmp_path / "cache").run(
            "language_adaptation"
        )
        for recipe in (RECIPE, dataclasses.replace(RECIPE, seed=7))
    ]
    assert not torch.equal(adapted[0].student.table, adapted[1].student.table)


def test_what_a_recipe_changes_is_done_again_and_what_it_leaves_is_not(toy_data, base, tmp_path):
    folder = tmp_path / "run"
    Pipeline(toy_data, RECIPE, base, folder, tmp_path / "cache").run()
    results = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.safetensors")}

    Pipeline(toy_data, changed(LAST, sentences=200), base, folder, tmp_path / "cache").run()

    assert {path.name for path in folder.glob("*.safetensors")} == set(results)
    touched = {name for name, at in results.items() if (folder / name).stat().st_mtime_ns != at}
    assert touched == {f"{LAST}.safetensors"}


def test_each_step_can_be_called_by_itself(tmp_path, recipe, modules, data_folder):
    for stage in ("vocabulary", "language_adaptation", "sentence_encoding", LAST):
        result = train(recipe, modules, data_folder, tmp_path, "--stage", stage)
        assert result.exit_code == 0, result.output
        assert (tmp_path / "runs" / "fi" / f"{stage}.safetensors").is_file()
        assert (tmp_path / "modules" / "fi").exists() == (stage == LAST)


def test_the_native_space_is_not_moved_by_the_alignment(trained):
    pipeline, _ = trained
    before = load_file(pipeline.folder / "sentence_encoding.safetensors")
    after = load_file(pipeline.folder / f"{LAST}.safetensors")
    moved = {name for name, tensor in before.items() if not torch.equal(tensor, after[name])}
    assert moved
    assert all(".down." in name or ".up." in name for name in moved)


def test_a_loss_that_is_not_finite_is_said_with_what_to_do(toy_data, base, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "train.sentence_encoding.guided",
        lambda student, *_: (student * float("nan")).sum(),
    )
    with pytest.raises(XsearchError, match=r"the loss of batch \d+ is nan; lower the learning rates"):
        Pipeline(toy_data, RECIPE, base, tmp_path / "run", tmp_path / "cache").run()


def test_an_encoder_that_collapses_is_noticed(toy_data, base, tmp_path, monkeypatch):
    def all_alike(student, teacher, bank, scale):
        return -100 * (student @ student.T).mean()

    monkeypatch.setattr("train.sentence_encoding.guided", all_alike)
    monkeypatch.setattr("train.sentence_encoding.distance", lambda student, teacher: student.sum() * 0)
    recipe = changed("sentence_encoding", sentences=3000, scored_share=0.0, paraphrase_share=0.0)
    with pytest.raises(XsearchError, match="the encoder has collapsed"):
        Pipeline(toy_data, recipe, base, tmp_path / "run", tmp_path / "cache").run()


def test_two_trainings_in_one_folder_are_refused(toy_data, base, tmp_path):
    from filelock import FileLock

    pipeline = Pipeline(toy_data, RECIPE, base, tmp_path / "run", tmp_path / "cache")
    with (
        FileLock(tmp_path / "run" / ".lock"),
        pytest.raises(XsearchError, match="in use by another training"),
    ):
        pipeline.run()


def test_a_module_that_finds_nothing_takes_no_ones_place(trained, toy_data, modules, base, tmp_path):
    good = export_module(*trained, modules / "fi")
    order = np.random.default_rng(0).permutation(len(toy_data.pairs))
    mixed_up = [
        dataclasses.replace(pair, right=toy_data.pairs[i].right)
        for pair, i in zip(toy_data.pairs, order, strict=True)
    ]
    wrong = dataclasses.replace(toy_data, pairs=mixed_up, paraphrases=[], graded=[], scored={})
    pipeline = Pipeline(wrong, RECIPE, base, tmp_path / "run", tmp_path / "cache")
    with pytest.raises(ModuleError, match="held-out sentences find their translation"):
        export_module(pipeline, pipeline.run(), good.path)
    good.verify()


def test_test_sentences_in_the_training_data_stop_it_before_it_begins(
    tmp_path, recipe, modules, data_folder, toy_data
):
    toy.write_pairs(tmp_path / "tests" / "set.parquet", toy_data.pairs[5:6])
    result = train(recipe, modules, data_folder, tmp_path, "--test-sets", tmp_path / "tests")
    assert result.exit_code == 1
    assert "training texts stand in the test sets too" in result.output
    assert not (tmp_path / "runs" / "fi" / "vocabulary.safetensors").exists()


def test_ten_pairs_are_no_training_data(tmp_path, recipe, modules):
    path = toy.write_pairs(tmp_path / "pairs.parquet", toy.pairs(10))
    result = train(recipe, modules, path, tmp_path)
    assert result.exit_code == 1
    assert result.output.count("\n") == 1
    assert "10 usable translation pairs" in result.output


@pytest.mark.parametrize("there", ["folder", "file", "."])
def test_nothing_but_a_module_is_replaced_and_that_is_said_before_training(
    tmp_path, recipe, modules, data_folder, monkeypatch, there
):
    monkeypatch.chdir(tmp_path)
    target = tmp_path / "mine"
    if there == "folder":
        (target / "fi").mkdir(parents=True)
        (target / "notes.txt").write_text("kept")
    elif there == "file":
        target.write_text("kept")
    result = train(recipe, modules, data_folder, tmp_path, "--out", "." if there == "." else target)
    assert result.exit_code == 1
    assert ("no name for a module folder" if there == "." else "is not a module folder") in result.output
    assert not (tmp_path / "runs").exists()
    assert there == "." or "kept" in (target / "notes.txt" if there == "folder" else target).read_text()


def test_a_module_that_cannot_stand_where_it_is_asked_for_is_refused_before_training(
    tmp_path, recipe, modules, data_folder
):
    (tmp_path / "file").write_text("kept")
    result = train(recipe, modules, data_folder, tmp_path, "--out", tmp_path / "file" / "fi")
    assert result.exit_code == 1
    assert f"{tmp_path / 'file'} is no folder that takes files" in result.output
    assert not (tmp_path / "runs").exists()


def test_a_changed_dev_set_is_measured_again_without_training(toy_data, base, tmp_path):
    first = Pipeline(toy_data, RECIPE, base, tmp_path / "run", tmp_path / "cache")
    first.run()
    other = dataclasses.replace(toy_data, dev={"long": toy_data.dev["short"][:20]})
    for _ in range(2):
        again = Pipeline(other, RECIPE, base, tmp_path / "run", tmp_path / "cache")
        again.run()
        assert again.scores.keys() == first.scores.keys()
        assert all("long xx-en" in scores and "short xx-en" not in scores for scores in again.scores.values())
        assert again.minutes == first.minutes
