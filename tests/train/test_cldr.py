"""CLDR's annotations of emoji as translations."""

import json

import pytest
from click.testing import CliRunner

from tests.train import toy
from train import cldr
from train.data import read_training_data
from train.reading import Pair, read_translations
from train.recipe import Data

ENGLISH = {
    "🐈": {"default": ["animal", "cat", "pet"], "tts": ["cat"]},
    "🚪": {"default": ["door", "exit"], "tts": ["door"]},
    "🦕": {"default": ["dinosaur"], "tts": ["sauropod"]},
}
FINNISH = {
    "🐈": {"default": ["eläin", "kissa"], "tts": ["kissa"]},
    "🚪": {"default": ["ovi"], "tts": ["door"]},
    "🐕": {"default": ["koira"], "tts": ["koira"]},
}


def package(folder, **languages):
    for language, annotations in languages.items():
        path = folder / "annotations" / language.replace("_", "-") / "annotations.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"annotations": {"annotations": annotations}}), encoding="utf-8")
    return folder


def run(*arguments):
    return CliRunner().invoke(cldr.main, [str(one) for one in arguments])


def test_names_and_keywords_of_the_symbols_that_both_annotate_but_no_name_that_is_the_english_one():
    assert set(cldr.translations(ENGLISH, FINNISH)) == {
        Pair("cat", "kissa", "cldr-names"),
        Pair("animal, cat, pet", "eläin, kissa", "cldr-keywords"),
        Pair("door, exit", "ovi", "cldr-keywords"),
    }


@pytest.mark.parametrize(
    "odd", [None, [], "cat", {}, {"tts": None}, {"tts": "kissa"}, {"tts": [None, 3]}, {"tts": []}]
)
def test_annotations_of_another_shape_give_nothing(odd):
    assert list(cldr.translations(ENGLISH, {"🐈": odd})) == []


def test_a_file_for_each_language_but_english_and_the_varieties_of_regions(tmp_path):
    source = package(tmp_path / "cldr", en=ENGLISH, fi=FINNISH, en_GB=ENGLISH, fi_FI=FINNISH, und=FINNISH)
    for annotations in (source, source / "annotations"):
        result = run(annotations, tmp_path / "data")
        assert (result.exit_code, result.output) == (0, "fi: 3 rows\n")
        assert [path.name for path in (tmp_path / "data/parallel/cldr").iterdir()] == ["en-fi.parquet"]
    pairs = read_translations(tmp_path / "data/parallel/cldr/en-fi.parquet", "fi")
    assert set(pairs) == set(cldr.translations(ENGLISH, FINNISH))


def test_training_reads_them_beside_the_translations_at_hand_and_those_of_relatives(tmp_path):
    data = toy.write_data(tmp_path / "data")
    toy.write_pairs(data / "parallel" / "en-et.parquet", toy.pairs(40))
    without = read_training_data(data, "fi", Data())
    assert run(package(tmp_path / "cldr", en=ENGLISH, fi=FINNISH, et=FINNISH), data).exit_code == 0
    there = read_training_data(data, "fi", Data(relatives=("et",)))
    assert there.pairs == [*without.pairs, *read_translations(data / "parallel/cldr/en-fi.parquet", "fi")]
    assert {p.source for p in there.relatives} >= {"et:cldr-names", "et:cldr-keywords", "et:source-0"}
    skipped = read_training_data(data, "fi", Data(skip_sources=("cldr-names", "cldr-keywords")))
    assert skipped.pairs == without.pairs


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe", "not CLDR's annotations"),
        (b"[" * 100_000, "not CLDR's annotations"),
        (b'{"annotations": []}', "not CLDR's annotations"),
        (b'{"annotations": {"annotations": []}}', "annotations are a list, expected one object per symbol"),
    ],
)
def test_a_damaged_package_is_refused_in_one_line(tmp_path, content, said):
    source = package(tmp_path / "cldr", en=ENGLISH, fi=FINNISH)
    (source / "annotations/fi/annotations.json").write_bytes(content)
    result = run(source, tmp_path / "data")
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert said in result.output
    assert len(result.output.splitlines()) == 1
    assert list((tmp_path / "data").rglob("*.parquet")) == []


def test_another_folder_is_refused_with_what_is_expected(tmp_path):
    result = run(tmp_path, tmp_path / "data")
    assert result.exit_code == 1
    assert "cldr-annotations-full" in result.output
