"""A run over a folder: what is measured, what is left out, and in which space."""

import re

import pytest

from tests.evaluation.conceptual import ConceptEncoder
from xsearch.errors import EvaluationError
from xsearch.evaluation import Run, Settings
from xsearch.evaluation.cached_encoder import CachedEncoder

SETTINGS = Settings(resamples=50)


def measured(root, *tasks, encoder=None, **options):
    run = Run(root, encoder or ConceptEncoder(), options.pop("settings", SETTINGS), **options)
    return {
        (score.label.dataset, score.label.subset, score.label.space): score for score in run.measure(tasks)
    }, run


def test_every_task_runs_on_one_folder(data):
    scores, run = measured(data, "sts", "str", "bitext", "retrieval", "mcqa")
    assert run.notices == []
    assert set(scores) == {
        ("STSb", "en", "shared"), ("STSb", "fi", "native"),
        ("STSb", "en-fi", "shared"), ("STSb", "fi-en", "shared"),
        ("SemRel", "fi", "native"),
        ("Tatoeba", "en-fi", "shared"), ("Tatoeba", "fi-en", "shared"),
        ("held-out long pairs", "en-fi", "shared"), ("held-out long pairs", "fi-en", "shared"),
        ("held-out long pairs", "en-fi mixed pool", "shared"),
        ("held-out long pairs", "fi-en mixed pool", "shared"),
        ("XCOPA", "fi", "native"),
    }  # fmt: skip
    assert scores["STSb", "en-fi", "shared"].value > 0.8
    assert scores["Tatoeba", "fi-en", "shared"].value == 1.0
    assert scores["XCOPA", "fi", "native"].value > 0.9
    assert scores["STSb", "fi", "native"].by_length


def test_sets_in_languages_without_a_module_are_left_out_with_a_notice(data):
    scores, run = measured(data, "sts", "str", encoder=ConceptEncoder(("en",)))
    assert set(scores) == {("STSb", "en", "shared")}
    assert run.notices == [
        "sts: left out 3 sets for want of modules for fi.",
        "str: left out 1 sets for want of modules for fi.",
    ]


def test_a_language_that_was_asked_for_comes_alone_and_with_english(data):
    scores, _ = measured(data, "sts", langs=("fi",))
    assert {key[1] for key in scores} == {"fi", "en-fi", "fi-en"}
    scores, _ = measured(data, "sts", langs=("en",))
    assert {key[1] for key in scores} == {"en"}


def test_both_spaces_are_measured_where_a_module_has_two(data):
    settings = Settings(space="both", resamples=50)
    scores, _ = measured(data, "sts", settings=settings)
    assert {key[1:] for key in scores} == {
        ("en", "shared"), ("fi", "native"), ("fi", "shared"), ("en-fi", "shared"), ("fi-en", "shared")
    }  # fmt: skip


def test_a_limit_takes_the_same_items_for_every_encoder(data):
    settings = Settings(limit=20, seed=5, resamples=50)
    first, _ = measured(data, "sts", settings=settings)
    second, _ = measured(data, "sts", settings=settings, encoder=ConceptEncoder(bias={"en": 0.1}))
    ours, theirs = (scores["STSb", "en", "shared"].items for scores in (first, second))
    assert ours.gold.tolist() == theirs.gold.tolist()
    assert len(ours.gold) == 20


def test_nothing_found_says_why(data, tmp_path):
    with pytest.raises(
        EvaluationError, match="nothing to measure for sts. sts: left out 4 sets for want of modules"
    ):
        measured(data, "sts", encoder=ConceptEncoder(("sv",)))
    (tmp_path / "empty").mkdir()
    with pytest.raises(EvaluationError, match="No file there has a layout"):
        measured(tmp_path / "empty", "bitext")


def test_a_broken_set_stops_the_run_unless_invalid_data_is_skipped(data):
    (data / "semrel_test_en.parquet").write_bytes(b"PAR1")
    with pytest.raises(EvaluationError, match="not a readable Parquet file"):
        measured(data, "str")
    scores, run = measured(data, "str", skip_invalid=True)
    assert set(scores) == {("SemRel", "fi", "native")}
    assert run.notices[0].startswith("Left out SemRel en: ")


def test_rows_that_are_left_out_are_counted_in_the_result(data, scored, write_table):
    write_table(data / "semrel_test_en.parquet", [*scored, {"s1": "", "s2": "x", "score": 1.0}])
    scores, run = measured(data, "str", langs=("en",), skip_invalid=True)
    assert scores["SemRel", "en", "shared"].provenance.skipped == 1
    assert run.notices == ["SemRel en: left out 1 invalid rows."]


def test_texts_are_encoded_once_however_often_they_are_measured(data):
    encoder = ConceptEncoder()
    measured(data, "sts", encoder=CachedEncoder(encoder))
    shared_english = sum(
        count for lang, space, _, count in encoder.calls if (lang, space) == ("en", "shared")
    )
    measured(data, "sts", encoder=encoder)
    assert shared_english <= 120


def test_gold_scores_that_do_not_differ_are_refused(data, scored, write_table):
    write_table(data / "semrel_test_en.parquet", [pair | {"score": 1.0} for pair in scored])
    with pytest.raises(EvaluationError, match="gold scores do not differ"):
        measured(data, "str", langs=("en",))


def test_one_set_in_two_files_is_refused_before_anything_is_measured(data, write_table, scored):
    twin = write_table(data / "copy" / "semrel_test_fi.parquet", scored)
    encoder = ConceptEncoder()
    both = f"as {data / 'copy' / 'semrel_test_fi.parquet'} and as {data / 'semrel_test_fi.parquet'}"
    with pytest.raises(EvaluationError, match=f"str SemRel test fi was found twice, {re.escape(both)}"):
        measured(data, "sts", "str", encoder=encoder)
    assert encoder.calls == []
    scores, _ = measured(twin, "str")
    assert set(scores) == {("SemRel", "fi", "native")}
    scores, _ = measured(data, "sts", "str", langs=("en",))
    assert set(scores) == {("STSb", "en", "shared")}


def test_a_task_that_is_named_twice_is_measured_once(data):
    assert len(Run(data, ConceptEncoder(), SETTINGS).measure(("str", "str"))) == 1


QUESTION = {"passage": "cat", "question": "what", "options": ["cat", "dog"], "answer": 0}


@pytest.fixture
def table(tmp_path, write_table):
    """A table of questions, one for each of the languages, `None` where the row does not say."""

    def write(*langs):
        return write_table(
            tmp_path / "mine.jsonl", [QUESTION | ({"lang": lang} if lang else {}) for lang in langs]
        )

    return write


def test_a_table_of_questions_is_reported_in_the_languages_of_its_rows(table):
    encoder = ConceptEncoder(("en", "fi", "de"))
    for langs in ((), ("de",)):
        scores, _ = measured(table("de", "de"), "mcqa", encoder=encoder, langs=langs)
        assert set(scores) == {("mine", "de", "shared")}
        (score,) = scores.values()
        assert score.label.langs == ("de", "de")
    scores, _ = measured(table("en", None), "mcqa", encoder=encoder, langs=("fi",))
    assert set(scores) == {("mine", "mixed", "by row")}


@pytest.mark.parametrize("rows", [("de", "de"), ("de", None)])
def test_a_table_of_questions_in_a_language_that_was_not_asked_for_is_refused(table, rows):
    encoder = ConceptEncoder(("en", "fi", "de"))
    with pytest.raises(EvaluationError, match=r"rows of mine\.jsonl are in de.*, and fi was asked for"):
        measured(table(*rows), "mcqa", encoder=encoder, langs=("fi",))


def test_a_table_of_questions_in_a_language_without_a_module_is_refused(table):
    with pytest.raises(EvaluationError, match=r"rows of mine\.jsonl are in de, without a module"):
        measured(table("fi", "de"), "mcqa")
