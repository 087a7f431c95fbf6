import dataclasses

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from tests.train import toy
from tests.train.conftest import RECIPE
from train import baselines
from train.baselines import Baseline
from train.data import read_training_data
from train.joint import balanced_texts, english_data
from train.objectives import within
from train.pipeline import Pipeline
from xsearch.encoder import Encoder, load_module
from xsearch.evaluation import Run, load_encoder
from xsearch.evaluation.measure import Settings

TOML = """
max_length = 40
[vocabulary]
size = 300
[language_adaptation]
sentences = 64
tokens_per_batch = 256
[sentence_encoding]
embedding_rate = 1e-3
lora_rate = 3e-4
sentences = 300
bank = 64
tokens_per_batch = 512
[cross_lingual_alignment]
sentences = 150
bank = 64
tokens_per_batch = 512
"""


@pytest.fixture(scope="module")
def two_languages(tmp_path_factory):
    """A data folder of two languages with the same words, so that their vocabularies overlap."""
    folder = tmp_path_factory.mktemp("data")
    toy.write_data(folder, "fi", 700)
    return toy.write_data(folder, "sw", 600, seed=3)


@pytest.fixture
def parts(two_languages):
    return [read_training_data(two_languages, code, RECIPE.data) for code in ("fi", "sw")]


@pytest.fixture
def baseline(parts, base, tmp_path):
    return Baseline(parts, RECIPE, base, tmp_path / "run", tmp_path / "cache")


def test_all_variants_are_trained_exported_and_measured_as_modules_are(
    two_languages, modules, tmp_path, monkeypatch
):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(TOML)
    arguments = [
        "fi",
        "sw",
        "--data",
        str(two_languages),
        "--recipe",
        str(recipe),
        "--base",
        str(modules / "en"),
    ]
    result = CliRunner().invoke(baselines.main, [*arguments, "--runs", str(tmp_path / "runs")])
    assert result.exit_code == 0, result.output
    folder = tmp_path / "runs" / "baselines" / "fi-sw"
    for variant in baselines.VARIANTS:
        module = load_module(folder / variant)
        assert (module.config.language, module.config.base, module.config.adapter) == ("mul", None, None)
        scores = Run(two_languages / "dev", load_encoder(str(folder / variant)), Settings()).measure(
            ["sts", "bitext"]
        )
        assert {score.label.subset for score in scores} >= {"fi", "sw", "en-fi", "sw-en"}
        accuracy = {s.label.subset: s.value for s in scores if s.label.task == "bitext"}
        assert min(accuracy.values()) > 0.7, (variant, accuracy)
    assert Encoder(folder / "mono").content_hash != Encoder(folder / "guided").content_hash


def test_a_language_gets_the_batches_of_its_module_and_english_one_share_more(
    baseline, parts, base, tmp_path
):
    run, _ = baseline._begin()
    module = Pipeline(parts[0], RECIPE, base, tmp_path / "fi", tmp_path / "cache").run("vocabulary")
    steps = RECIPE.sentence_encoding.sentences + RECIPE.cross_lingual_alignment.sentences
    for variant in baselines.VARIANTS:
        lessons = baseline._lessons(run, variant)
        sentences = [sum(len(batch.rows) for batch in lesson.plan) for lesson in lessons]
        assert sum(sentences) == pytest.approx(3 * steps, rel=0.05)
        assert len(lessons) == (5 if variant == "mono-cross" else 3)
    first = {tuple(sorted(batch.rows)) for batch in lessons[0].plan}
    own = baselines.sentence_lesson(dataclasses.replace(module, recipe=baseline.recipe))
    assert {row for rows in first for row in rows} == {row for batch in own.plan for row in batch.rows}


def test_the_joint_vocabulary_cuts_a_language_no_finer_than_its_own_and_starts_where_the_module_does(
    baseline, parts, base, tmp_path
):
    joint, table = baseline._new_vocabulary()
    own = Pipeline(parts[0], RECIPE, base, tmp_path / "fi", tmp_path / "cache").run("vocabulary")
    pieces = own.tokenizer.get_vocab()
    assert joint.get_vocab().keys() >= pieces.keys() | base.tokenizer.get_vocab().keys()
    assert table.shape[0] == joint.get_vocab_size()
    for pair in parts[0].pairs[:50]:
        assert len(joint.encode(pair.right).ids) <= len(own.tokenizer.encode(pair.right).ids)
    word = next(toy.TOY[noun] for noun in toy.NOUNS if toy.TOY[noun] in pieces)
    ours, theirs = table[joint.token_to_id(word)], own.student.table.detach().numpy()[pieces[word]]
    assert ours @ theirs / np.linalg.norm(ours) / np.linalg.norm(theirs) > 0.9


def test_english_is_its_own_translation_and_is_known_from_the_start(baseline, parts):
    english = english_data(parts)
    assert all(pair.left == pair.right for pair in english.pairs)
    run, _ = baseline._begin()
    texts = [pair.left for pair in english.pairs[:50]]
    cosine = (run.student.encode(run.token_ids(texts), "native") * run.teacher.encode(texts)).sum(axis=1)
    assert cosine.mean() > 0.9


def test_small_languages_are_read_as_often_as_large_ones(parts):
    texts = balanced_texts(
        [
            parts[0],
            dataclasses.replace(
                parts[1], pairs=parts[1].pairs[:5], paraphrases=[], graded=[], monolingual=[]
            ),
        ],
        100,
    )
    assert len(texts) == 200
    assert len(set(texts[1::2])) == 5


def test_similarities_within_say_nothing_of_where_the_space_lies():
    torch.manual_seed(0)
    teacher = torch.nn.functional.normalize(torch.randn(12, 8), dim=1)
    turn = torch.linalg.qr(torch.randn(8, 8)).Q
    lost = torch.nn.functional.normalize(torch.randn(12, 8), dim=1)
    same, turned, other = (within(v, teacher, 20.0, 5.0) for v in (teacher, teacher @ turn, lost))
    assert turned == pytest.approx(float(same), abs=1e-4)
    assert other > same + 0.1
    assert within(teacher[:1], teacher[:1], 20.0, 5.0) == 0


def test_a_killed_baseline_does_not_repeat_what_is_done(baseline, parts, base, tmp_path):
    baseline.run("guided")
    results = [tmp_path / "run" / f"{name}.safetensors" for name in ("language_adaptation", "guided")]
    kept = [path.stat().st_mtime_ns for path in results]
    again = Baseline(parts, RECIPE, base, tmp_path / "run", tmp_path / "cache")
    again.run("mono")
    again.run("guided")
    assert kept == [path.stat().st_mtime_ns for path in results]


def test_what_cannot_be_compared_is_said_in_one_line(two_languages, tmp_path):
    result = CliRunner().invoke(baselines.main, ["en", "--data", str(two_languages), "--runs", str(tmp_path)])
    assert (result.exit_code, "besides English" in result.output) == (2, True)
    result = CliRunner().invoke(baselines.main, ["cs", "--data", str(two_languages), "--runs", str(tmp_path)])
    assert (result.exit_code, "no translation pairs" in result.output) == (1, True)
