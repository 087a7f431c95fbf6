import dataclasses

import numpy as np
import pytest
from click.testing import CliRunner

from tests.modules import tiny_module
from tests.train import checkpoints, toy
from tests.train.conftest import RECIPE
from train.__main__ import main
from train.base import load_base
from train.export import export_module
from train.pipeline import Pipeline
from train.whitening import english_texts, whitened, whitening_by
from train.whitening_on_dev import main as on_dev
from xsearch.encoder import Encoder, load_module
from xsearch.encoder.tensors import WHITENING
from xsearch.errors import XsearchError


def _vectors(count=4000, width=8, seed=0):
    rng = np.random.default_rng(seed)
    spread = np.linspace(0.2, 2, width)
    vectors = (rng.normal(0, spread, (count, width)) + 0.5).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_whitening_brings_variances_nearer_to_each_other_and_leaves_the_mean_where_it_is():
    vectors = _vectors()
    by = whitening_by(vectors)
    moved = vectors @ by.weight.T + by.bias
    before, after = (np.linalg.eigvalsh(np.cov(v, rowvar=False)) for v in (vectors, moved))
    assert after[-1] / after[0] < 0.5 * before[-1] / before[0]
    np.testing.assert_allclose(moved.mean(axis=0), vectors.mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(whitened(vectors, by), axis=1), 1, atol=1e-5)


def test_twice_half_way_is_wholly():
    half, whole = whitening_by(_vectors()), whitening_by(_vectors(), -0.5)
    np.testing.assert_allclose(half.weight @ half.weight, whole.weight, atol=1e-4)


def test_fewer_texts_than_dimensions_are_enough():
    by = whitening_by(_vectors(count=5))
    assert np.isfinite(by.weight).all()
    assert np.isfinite(by.bias).all()


def test_each_language_gives_as_many_english_texts_whatever_the_order_of_its_rows(tmp_path, monkeypatch):
    monkeypatch.setattr("train.whitening.TEXTS", 50)
    for language, rows in (("fi", toy.pairs(300)), ("de", toy.pairs(60, seed=3))):
        toy.write_pairs(tmp_path / "parallel" / f"en-{language}.parquet", rows)
    texts = english_texts(tmp_path)
    assert len(texts) == 100
    toy.write_pairs(tmp_path / "parallel" / "en-fi.parquet", toy.pairs(300)[::-1])
    assert english_texts(tmp_path) == texts


def test_a_folder_without_translations_is_named(tmp_path):
    with pytest.raises(XsearchError, match=r"no translations; expected files parallel/en-LANG.parquet"):
        english_texts(tmp_path)


def test_english_with_data_holds_the_map_and_is_calibrated(data_folder, tmp_path):
    checkpoint = checkpoints.english_bert(tmp_path / "checkpoint", toy.sentences(300))
    asked = ["en", "--base", str(checkpoint), "--out"]
    for out, more in (("plain", []), ("en", ["--data", str(data_folder)])):
        result = CliRunner().invoke(main, [*asked, str(tmp_path / out), *more])
        assert result.exit_code == 0, result.output
    plain, english = load_module(tmp_path / "plain"), load_module(tmp_path / "en")
    assert all(name in english for name in WHITENING)
    assert not any(name in plain for name in WHITENING)
    assert (english.path / "calibration.safetensors").is_file()
    texts = toy.sentences(20, 5)
    same = (Encoder(plain.path).encode(texts) * Encoder(english.path, precision="float32").encode(texts)).sum(
        1
    )
    assert same.min() > 0.9999, "English itself is not whitened"


def test_a_module_is_exported_as_its_student_was_measured(trained, modules):
    pipeline, run = trained
    assert run.student.whitening is not None
    module = export_module(pipeline, run, modules / "fi")
    assert module.config.whitening
    assert module.config.scores["runtime"]["native"]["mean_cosine"] > 0.995
    assert module.config.scores["runtime"]["shared"]["mean_cosine"] > 0.995


def test_without_the_map_or_where_the_recipe_says_so_nothing_is_whitened(toy_data, base, tmp_path, modules):
    silent = load_base(str(modules / "plain" / "en"))
    for name, one_base, recipe in (
        ("silent", silent, RECIPE),
        ("off", base, dataclasses.replace(RECIPE, whitening=False)),
    ):
        pipeline = Pipeline(toy_data, recipe, one_base, tmp_path / name, tmp_path / "cache")
        run = pipeline.run("vocabulary")
        assert run.student.whitening is None
        assert not pipeline.recipe.whitening


def test_the_table_compares_with_the_module_as_it_is_without_whitening(
    trained, modules, data_folder, monkeypatch
):
    monkeypatch.setenv("XSEARCH_MODULES", str(modules))
    export_module(*trained, modules / "fi")
    result = CliRunner().invoke(on_dev, ["--data", str(data_folder), "--lang", "fi"])
    assert result.exit_code == 0, result.output
    header, _, *rows = [line.strip("| ").split(" | ") for line in result.output.strip().splitlines()]
    assert header == ["dev score", "languages", "none", "half-way", "whole"]
    scores = {row[0]: row for row in rows}
    assert set(scores) == {"short xx-en", "short en-xx", "stsb"}
    assert float(scores["short xx-en"][2]) > 20


def test_english_is_not_replaced_under_the_modules_that_build_on_it(data_folder, tmp_path):
    checkpoint = checkpoints.english_bert(tmp_path / "checkpoint", toy.sentences(300))
    asked = ["en", "--base", str(checkpoint), "--out", str(tmp_path / "modules" / "en")]
    with_data = [*asked, "--data", str(data_folder)]
    assert CliRunner().invoke(main, with_data).exit_code == 0
    english = load_module(tmp_path / "modules" / "en")
    tiny_module(tmp_path / "modules", "fi", base=english)
    refused = CliRunner().invoke(main, asked)
    assert refused.exit_code == 1
    assert "1 modules beside" in refused.output
    assert load_module(tmp_path / "modules" / "en").content_hash == english.content_hash
    assert CliRunner().invoke(main, with_data).exit_code == 0, "the same content takes its place"
