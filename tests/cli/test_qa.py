import json

import pytest

from tests.cli.conftest import refusal
from tests.modules import tiny_module
from xsearch.errors import EvaluationError
from xsearch.qa import accuracy, score_options

QUESTIONS = [
    {"passage": "kissa ja koira", "question": "kissa", "options": ["talo", "ja koira"], "answer": 1},
    {"passage": "joki ja järvi", "question": "joki", "options": ["ja järvi", "talvi"], "answer": 0},
    {"passage": "leipä ja maito", "question": "leipä", "options": ["ja maito", "metsä"]},
]


def lines(result):
    assert result.exit_code == 0, result.output
    *answers, last = [json.loads(line) for line in result.stdout.splitlines()]
    return answers, last["summary"]


def test_each_question_is_a_line_and_the_summary_the_last_one(run, write):
    result = run("qa", write("q.jsonl", QUESTIONS), "--lang", "fi")
    answers, summary = lines(result)
    assert [answer["row"] for answer in answers] == [1, 2, 3]
    first = answers[0]
    assert (first["chosen"], first["option"], first["correct"], first["space"]) == (
        1,
        "ja koira",
        True,
        "native",
    )
    assert first["margin"] == pytest.approx(abs(first["scores"][0] - first["scores"][1]), abs=1e-5)
    assert "correct" not in answers[2]
    right = summary["correct"]
    expected = accuracy(right, 2)
    assert summary | {"interval": [round(expected.low, 6), round(expected.high, 6)]} == summary
    assert (summary["questions"], summary["answers"], summary["skipped"]) == (3, 2, 0)
    assert f"{right} of 2 right" in result.stderr


def test_mixed_languages_use_the_shared_space(run, write):
    rows = [QUESTIONS[0] | {"passage": "the cat and the dog"}]
    answers, _ = lines(run("qa", write("q.jsonl", rows), "--lang", "fi", "--passage-lang", "en"))
    assert answers[0]["space"] == "shared"
    rows[0]["passage_lang"] = "fi"
    answers, _ = lines(run("qa", write("q.jsonl", rows), "--lang", "fi", "--passage-lang", "en"))
    assert answers[0]["space"] == "native"


def test_a_collection_supplies_passages_that_are_missing(run, write, news):
    rows = [{"question": "joki ja järvi", "options": ["joki", "leipä"], "passage": None}, QUESTIONS[0]]
    answers, summary = lines(run("qa", write("q.jsonl", rows), "--lang", "fi", "-c", "news"))
    assert (answers[0]["passage_id"], answers[0]["passage"]) == ("b", "joki ja järvi")
    assert "passage_id" not in answers[1]
    assert summary["questions"] == 2


def test_a_row_that_cannot_be_scored_is_named_or_counted(run, write):
    path = write("q.jsonl", [*QUESTIONS, QUESTIONS[0] | {"options": ["one"]}])
    assert "q.jsonl, row 4: 1 options, expected two or more" in run("qa", path, "--lang", "fi").stderr
    result = run("qa", path, "--lang", "fi", "--skip-invalid")
    _, summary = lines(result)
    assert (summary["questions"], summary["skipped"]) == (3, 1)
    assert "Left out 1 invalid rows, such as: q.jsonl, row 4" in result.stderr


def test_files_and_languages_that_will_not_do_are_refused(run, write):
    path = write("q.jsonl", QUESTIONS)
    assert "no file" in refusal(run("qa", "none.jsonl", "--lang", "fi"))
    assert "give --lang" in refusal(run("qa", path))
    assert "unknown language 'klingonish'" in refusal(run("qa", path, "--lang", "klingonish"))
    assert "no module is installed" in refusal(run("qa", path, "--lang", "vo"))
    assert "no collection 'x'" in refusal(run("qa", path, "--lang", "fi", "-c", "x"))


@pytest.mark.parametrize("size", [32, 64])
def test_sides_in_the_shared_spaces_of_different_bases_are_not_compared(
    run, write, tmp_path, monkeypatch, size
):
    for seed, language in enumerate(("fi", "en")):
        tiny_module(tmp_path / "modules", language, hidden_size=size if seed else 32, seed=seed)
    monkeypatch.setenv("XSEARCH_MODULES", str(tmp_path / "modules"))
    path = write("q.jsonl", QUESTIONS)

    assert "different bases" in refusal(run("qa", path, "--lang", "fi", "--passage-lang", "en"))
    with pytest.raises(EvaluationError, match="fi and en|en and fi"):
        score_options("kissa", "mitä", ["talo", "koira"], lang="fi", passage_lang="en")
    assert run("qa", path, "--lang", "fi").exit_code == 0


def test_no_control_character_of_a_file_reaches_the_terminal(run, write):
    rows = [QUESTIONS[0] | {"question": "kissa\x1b[2J", "options": ["\x9b31m", "ja koira"]}]
    result = run("qa", write("q.jsonl", rows), "--lang", "fi")
    assert "\x1b" not in result.stdout
    assert "\x9b" not in result.stdout
