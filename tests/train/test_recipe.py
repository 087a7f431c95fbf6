import dataclasses
import json

import pytest

from train.recipe import RECIPES, STAGES, Recipe, load_recipe, stated_recipe
from xsearch.errors import XsearchError


def written(tmp_path, text):
    path = tmp_path / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_recipe_of_its_own_a_language_gets_the_defaults():
    assert load_recipe("eo") == Recipe()


def test_a_recipe_overrides_what_it_names_and_nothing_else(tmp_path):
    text = 'seed = 7\n[sentence_encoding]\nsentences = 10\nlora_rate = 1\n[data]\nskip_sources = ["a"]'
    recipe = load_recipe("fi", written(tmp_path, text))
    assert (recipe.seed, recipe.sentence_encoding.sentences, recipe.sentence_encoding.lora_rate) == (
        7,
        10,
        1.0,
    )
    assert recipe.data.skip_sources == ("a",)
    assert recipe.sentence_encoding.scale == Recipe().sentence_encoding.scale
    assert recipe.vocabulary == Recipe().vocabulary


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_recipe_is_sound(path):
    assert load_recipe("xx", path.stem) == load_recipe("xx", path)


def test_every_step_has_a_section():
    assert all(hasattr(Recipe(), stage) for stage in STAGES)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed = ", "cannot be read"),
        ("sede = 1", "unknown setting 'sede'; known are base, seed"),
        ("lora = 3", "lora is a table of settings, found 3"),
        ("[lora]\nrank = '16'", "lora: rank is '16', expected int like 16"),
        ("[lora]\nrank = true", "rank is True, expected int"),
        ("[lora]\nrank = -1", "rank is -1, expected a number from 0 to 4096"),
        ("max_length = 0", "max_length is 0, expected a number from 8 to 8192"),
        ("[checkpoint]\nmax_length = 2", "max_length is 2, expected a number from 8 to 8192"),
        ("[language_adaptation]\nmask = 1.5", "expected a number from 0.01 to 0.9"),
        ("[sentence_encoding]\nlora_rate = nan", "expected a number from 0 to 1"),
        ("[sentence_encoding]\nscale = inf", "expected a number from 0.1 to 1000"),
        ("[vocabulary]\nkind = 'words'", "expected one of wordpiece, unigram, bpe"),
        ("[initialisation]\nmethod = 'random'", "expected one of auto, translation, focus"),
        ("[data]\nskip_sources = 'a'", "expected a list of texts"),
        ("[data]\nskip_sources = [1]", "expected a list of texts"),
        ("[data.source_weights]\na = 'much'", "expected a table of numbers"),
        ("[data]\nsource_weights = 3", "expected a table of numbers"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(tmp_path, text, message):
    path = written(tmp_path, text)
    with pytest.raises(XsearchError) as refused:
        load_recipe("fi", path)
    assert message in str(refused.value)
    assert str(path) in str(refused.value)


def test_a_recipe_that_is_not_there_is_refused_with_the_shipped_ones(tmp_path):
    with pytest.raises(XsearchError, match=r"there is no recipe .*missing\.toml.*labse"):
        load_recipe("fi", tmp_path / "missing.toml")


def test_a_recipe_in_another_encoding_is_refused(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_bytes("base = 'ä'".encode("latin-1"))
    with pytest.raises(XsearchError, match="cannot be read"):
        load_recipe("fi", path)


def test_a_recipe_that_extends_another_says_only_what_it_changes(tmp_path):
    extended = load_recipe("xx", "shared")
    recipe = load_recipe("fi", written(tmp_path, 'extends = "shared"\n[sentence_encoding]\nsentences = 10'))
    assert recipe.sentence_encoding.sentences == 10
    assert recipe.sentence_encoding.tokens_per_batch == extended.sentence_encoding.tokens_per_batch
    assert recipe.data == extended.data


def test_what_is_extended_may_extend_another(tmp_path):
    extended = load_recipe("kk")
    recipe = load_recipe("ky", written(tmp_path, 'extends = "kk"\nseed = 7'))
    assert recipe == dataclasses.replace(extended, seed=7)


def test_a_setting_may_be_said_to_be_what_it_is_without_saying(tmp_path):
    assert load_recipe("fi", written(tmp_path, "[checkpoint]\nmax_length = 0")) == Recipe()


@pytest.mark.parametrize("name", ['"nothing"', '"../shared"', "3"])
def test_only_a_shipped_recipe_can_be_extended(tmp_path, name):
    with pytest.raises(XsearchError, match="expected the name of a shipped recipe"):
        load_recipe("fi", written(tmp_path, f"extends = {name}"))


def test_a_modules_recipe_is_read_with_settings_that_came_and_went_since():
    recipe = load_recipe("te")
    plain = json.loads(json.dumps(recipe.to_json()))
    assert stated_recipe(plain) == recipe
    plain["english"] = {"sentences": 5}
    del plain["sentence_encoding"]["members"]
    single = dataclasses.replace(recipe.sentence_encoding, members=1)
    assert stated_recipe(plain) == dataclasses.replace(recipe, sentence_encoding=single)


def test_the_sentences_of_a_recipe_are_those_of_all_members():
    assert load_recipe("te").sentences == 3 * 200_000 + 6_000


def test_what_extends_a_recipe_keeps_the_weights_that_it_does_not_name(tmp_path):
    recipe = load_recipe("et", written(tmp_path, 'extends = "shared"\n[data.source_weights]\nmine = 2.0'))
    assert recipe.data.source_weights == load_recipe("fi", "shared").data.source_weights | {"mine": 2.0}
