import json
import os
import subprocess
import sys

import pytest

from tests.cli.conftest import ROWS, refusal
from xsearch.cli import query as query_module


def test_json_is_one_object_with_the_hits(run, news):
    result = run("query", "kissa ja koira", "--lang", "fi", "-k", "2", "--format", "json")
    assert result.exit_code == 0
    assert result.stderr == ""
    answer = json.loads(result.stdout)
    assert list(answer) == ["query", "lang", "space", "hits"]
    assert (answer["query"], answer["lang"], answer["space"]) == ("kissa ja koira", "fi", "shared")
    first = answer["hits"][0]
    assert list(first) == ["rank", "score", "id", "text", "lang", "collection", "metadata"]
    assert first | {"score": None} == {
        "rank": 1,
        "score": None,
        "id": "a",
        "text": "kissa ja koira",
        "lang": "fi",
        "collection": "news",
        "metadata": {"title": "Koti", "year": 2019, "topic": "animals"},
    }
    assert first["score"] == pytest.approx(1.0, abs=1e-3)
    assert [hit["rank"] for hit in answer["hits"]] == [1, 2]


def test_a_table_shows_rank_score_id_title_text_and_metadata(run, news):
    shown = run("query", "kissa ja koira", "--lang", "fi").stdout
    assert "kissa ja koira  [fi (Finnish), shared space]" in shown
    assert "rank  score  id  document" in shown
    for part in ("1.000", "Koti", "year: 2019 · topic: animals"):
        assert part in shown


def test_every_collection_is_searched_unless_some_are_named(run, news, write):
    other = write("other.jsonl", [{"id": "z", "text": "kissa ja koira"}])
    assert run("index", other, "--lang", "fi").exit_code == 0

    def found(*options):
        answer = json.loads(run("query", "kissa", "--lang", "fi", "--format", "json", *options).stdout)
        return {hit["collection"] for hit in answer["hits"]}

    assert found() == {"news", "other"}
    assert found("-c", "other") == {"other"}
    assert found("-c", "other", "--collection", "news") == {"news", "other"}
    assert "collection" in run("query", "kissa", "--lang", "fi").stdout.splitlines()[1]


def test_hybrid_search_brings_up_the_document_that_has_the_query_s_words(run, write):
    path = write("pets.jsonl", [{"id": str(n), "text": f"kissa ja koira {n}"} for n in range(80)])
    assert run("index", path, "--lang", "fi", "--keywords").exit_code == 0

    def found(lang, *options):
        answer = run("query", "37", "--lang", lang, "-k", "3", "--format", "json", *options)
        return [hit["id"] for hit in json.loads(answer.stdout)["hits"]]

    assert "37" not in found("fi")
    assert "37" in found("fi", "--hybrid")
    # words match within a language only
    assert found("en", "--hybrid") == found("en")


def test_hybrid_search_without_tantivy_names_the_extra(run, news, monkeypatch):
    monkeypatch.setitem(sys.modules, "tantivy", None)
    assert "pip install 'xsearch[hybrid]'" in refusal(run("query", "kissa", "--lang", "fi", "--hybrid"))
    assert run("query", "kissa", "--lang", "fi").exit_code == 0


def test_a_condition_on_the_metadata(run, news):
    answer = run(
        "query", "kissa", "--lang", "fi", "--where", "year > 2020 and topic = 'nature'", "--format", "json"
    )
    assert {hit["id"] for hit in json.loads(answer.stdout)["hits"]} == {"b", "d"}
    none = run("query", "kissa", "--lang", "fi", "--where", "year > 3000")
    assert "No document matches." in none.stdout


def test_the_query_may_be_in_another_language_than_the_documents(run, news):
    answer = json.loads(run("query", "the cat", "--lang", "English", "--format", "json").stdout)
    assert (answer["lang"], answer["space"], len(answer["hits"])) == ("en", "shared", 4)


def test_the_language_of_a_query_can_be_detected(run, news):
    result = run("query", "who is the old dog", "--lang", "auto", "--format", "json")
    assert json.loads(result.stdout)["lang"] == "en"
    assert "Detected en (English)" in result.stderr


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("q.txt", "kissa\n\n  koira ja talo  \n"),
        ("q.jsonl", '{"id": 1, "query": "kissa"}\n{"id": 1, "query": "koira ja talo"}\n'),
        ("q.csv", "question;n\nkissa;1\nkoira ja talo;2\n"),
    ],
)
def test_a_file_of_queries_gives_a_line_each_in_order(run, news, write, name, content):
    result = run("query", "--file", write(name, content), "--lang", "fi", "--format", "jsonl", "-k", "1")
    assert [json.loads(line)["query"] for line in result.stdout.splitlines()] == ["kissa", "koira ja talo"]


def test_queries_of_several_languages_in_one_file_keep_their_order(run, news, write, monkeypatch):
    monkeypatch.setattr(query_module, "_BATCH", 2)
    queries = ["who is the old dog", "missä on vanha koira", "where is the new house"]
    path = write("q.txt", "\n".join(queries))
    result = run("query", "--file", path, "--lang", "auto", "--format", "jsonl")
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(answer["query"], answer["lang"]) for answer in answers] == list(
        zip(queries, ["en", "fi", "en"], strict=True)
    )


def test_timings_go_to_stderr(run, news):
    result = run("query", "kissa", "--lang", "fi", "--format", "json", "--timings")
    assert json.loads(result.stdout)["lang"] == "fi"
    assert all(part in result.stderr for part in ("encode", "search", "fetch", "ms"))


@pytest.mark.parametrize("form", ["table", "json"])
def test_escape_sequences_in_documents_and_queries_never_reach_the_terminal(run, write, form):
    evil = "kissa \x1b[2J\x1b]0;owned\x07 \u202e \x9b31m [red]x[/red]"
    path = write("evil.jsonl", [{"id": "\x1b[1m", "text": evil, "title": evil, "note": evil}])
    assert run("index", path, "--lang", "fi").exit_code == 0
    result = run("query", f"kissa {evil}", "--lang", "fi", "--format", form)
    assert result.exit_code == 0
    assert not set(result.stdout) & set("\x1b\x07\x9b\u202e")
    assert "[red]x[/red]" in result.stdout
    if form == "json":
        assert json.loads(result.stdout)["hits"][0]["text"] == evil


def test_bytes_that_are_no_unicode_and_a_locale_without_unicode_do_no_harm(news):
    command = [sys.executable, "-m", "xsearch.cli", "query", b"k\xffissa \xf0\x9f\x98\x80", "--lang", "fi"]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    for form in ("table", "json"):
        done = subprocess.run([*command, "--format", form], capture_output=True, env=environment, check=True)
        assert "issa 😀" in done.stdout.decode("utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["kissa", "--lang", "hu"], "no module is installed for the language 'hu'"),
        (["kissa", "--lang", "qq"], "unknown language 'qq'"),
        (["Hol van a legközelebbi gyógyszertár?", "--lang", "auto"], "the text looks like hu (Hungarian)"),
        (["kissa", "--lang", "fi", "-c", "none"], "no collection 'none'"),
        (["kissa", "--lang", "fi", "-c", "../news"], "is no collection name"),
        (["kissa", "--lang", "fi", "--where", "nope = 1"], "nope"),
        (["kissa", "--lang", "fi", "--where", "1; drop table x"], "Error"),
        (["kissa", "--lang", "fi", "--space", "native"], "native space is not indexed"),
        (["  ", "--lang", "fi"], "the query is empty"),
        (["--file", "none.txt", "--lang", "fi"], "no such file"),
        (["--file", "none.parquet", "--lang", "fi"], "no such file"),
        (["--file", "", "--lang", "fi"], "an empty name"),
    ],
)
def test_what_cannot_be_answered_is_one_line(run, news, arguments, message):
    assert message in "Error: " + refusal(run("query", *arguments))


def test_an_empty_store_says_how_to_make_a_collection(run):
    assert "xsearch index CORPUS --lang LANG" in refusal(run("query", "kissa", "--lang", "fi"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["kissa"], "Missing option '--lang'"),
        (["--lang", "fi"], "either a query or --file"),
        (["kissa", "--file", "q.txt", "--lang", "fi"], "either a query or --file"),
        (["--file", "q.txt", "--lang", "fi", "--format", "json"], "take jsonl"),
        (["--file", ".", "--lang", "fi"], "is a directory"),
        (["kissa", "--lang", "fi", "-k", "0"], "0 is not in the range"),
    ],
)
def test_wrong_usage_ends_with_2(run, news, arguments, message):
    result = run("query", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_damaged_collection_is_left_out_of_a_search_of_all_but_not_when_named(run, news, write):
    assert run("index", write("other.jsonl", ROWS), "--lang", "fi").exit_code == 0
    (news / "manifest.json").write_text("{}")
    result = run("query", "kissa", "--lang", "fi", "--format", "json")
    assert result.exit_code == 0
    assert "Leaving out news" in result.stderr
    assert "damaged" in refusal(run("query", "kissa", "--lang", "fi", "-c", "news"))
