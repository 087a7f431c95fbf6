"""Names of emoji and of what is on maps as translations."""

import json

import pytest
from click.testing import CliRunner

from tests.train import toy
from train import words
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
EMOJI = {
    Pair("cat", "kissa", "cldr-names"),
    Pair("animal, cat, pet", "eläin, kissa", "cldr-keywords"),
    Pair("door, exit", "ovi", "cldr-keywords"),
}
MAP = {
    "presets": {"presets": {"shop/bakery": {"name": "Bakery", "terms": "bread\nrolls"}}, "fields": {"a": {}}}
}
KARTTA = {
    "presets": {"presets": {"shop/bakery": {"name": "Leipomo", "terms": "leipä\nsämpylät"}}, "fields": []}
}
PLACES = {Pair("Bakery", "Leipomo", "osm-presets"), Pair("bread, rolls", "leipä, sämpylät", "osm-presets")}


def cldr(folder, **languages):
    for language, annotations in languages.items():
        path = folder / "annotations" / language.replace("_", "-") / "annotations.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"annotations": {"annotations": annotations}}), encoding="utf-8")
    return folder


def osm(folder, **languages):
    target = folder / "dist" / "translations"
    target.mkdir(parents=True)
    for language, labels in languages.items():
        name = language.replace("_", "-")
        (target / f"{name}.json").write_text(json.dumps({name: labels}), encoding="utf-8")
        (target / f"{name}.min.json").write_text("{}")
    return folder


def run(*arguments):
    return CliRunner().invoke(words.main, [str(one) for one in arguments])


def rows(data, language="fi"):
    return read_translations(data / f"parallel/words/en-{language}.parquet", language)


def test_a_file_for_each_language_but_english_and_the_varieties_of_regions(tmp_path):
    emoji = cldr(tmp_path / "cldr", en=ENGLISH, fi=FINNISH, en_GB=ENGLISH, fi_FI=FINNISH, und=FINNISH)
    places = osm(tmp_path / "osm", en=MAP, fi=KARTTA, fi_FI=KARTTA, et=KARTTA)
    for given, expected in (
        (["--cldr", emoji], {"fi": EMOJI}),
        (["--osm", places], {"et": PLACES, "fi": PLACES}),
        (["--cldr", emoji, "--osm", places], {"et": PLACES, "fi": EMOJI | PLACES}),
    ):
        data = tmp_path / str(len(given)) / given[0]
        result = run(data, *given)
        said = [f"{language}: {len(pairs)} rows" for language, pairs in expected.items()]
        assert (result.exit_code, result.output.splitlines()) == (0, said)
        assert {path.stem for path in data.rglob("*.*")} == {f"en-{language}" for language in expected}
        assert {language: set(rows(data, language)) for language in expected} == expected


@pytest.mark.parametrize(
    "odd", [None, [], "cat", {}, {"tts": None}, {"tts": "kissa"}, {"tts": [None, 3]}, {"tts": []}]
)
def test_annotations_of_another_shape_give_nothing(odd):
    one, two = ({"annotations": {"annotations": symbols}} for symbols in (ENGLISH, {"🐈": odd}))
    assert list(words.emoji(one, two)) == []


def test_training_reads_them_beside_the_translations_at_hand_and_those_of_relatives(tmp_path):
    data = toy.write_data(tmp_path / "data")
    toy.write_pairs(data / "parallel" / "en-et.parquet", toy.pairs(40))
    without = read_training_data(data, "fi", Data())
    assert run(data, "--cldr", cldr(tmp_path / "cldr", en=ENGLISH, fi=FINNISH, et=FINNISH)).exit_code == 0
    there = read_training_data(data, "fi", Data(relatives=("et",)))
    assert there.pairs == [*without.pairs, *rows(data)]
    assert {p.source for p in there.relatives} >= {"et:cldr-names", "et:cldr-keywords", "et:source-0"}
    skipped = read_training_data(data, "fi", Data(skip_sources=("cldr-names", "cldr-keywords")))
    assert skipped.pairs == without.pairs


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe", b"[" * 100_000, b"[]", b'"fi"', b'{"annotations": []}', b'{"a": {}, "b": 1}', b"{}"],
)
def test_a_damaged_package_is_refused_in_one_line(tmp_path, content):
    emoji = cldr(tmp_path / "cldr", en=ENGLISH, fi=FINNISH)
    places = osm(tmp_path / "osm", en=MAP, fi=KARTTA)
    for option, source, file in (
        ("--cldr", emoji, "annotations/fi/annotations.json"),
        ("--osm", places, "dist/translations/fi.json"),
    ):
        (source / file).write_bytes(content)
        result = run(tmp_path / "data", option, source)
        assert (result.exit_code, type(result.exception)) == (1, SystemExit)
        assert "unpack the package again" in result.output
        assert len(result.output.splitlines()) == 1
    assert not (tmp_path / "data").exists()


def test_without_a_package_or_with_another_folder_it_is_said_what_is_expected(tmp_path):
    assert run(tmp_path).exit_code == 2
    for option in ("--cldr", "--osm"):
        result = run(tmp_path / "data", option, tmp_path)
        assert result.exit_code == 1
        assert "expected the folder of an unpacked package" in result.output
