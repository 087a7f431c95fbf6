"""/search: what `xsearch query --format json` prints, and what is refused."""

import json
import threading

import faiss
import pytest
from click.testing import CliRunner

from tests.server.conftest import make_collection
from xsearch.cli.main import cli
from xsearch.search import search


def printed(store, *arguments):
    """What the command prints for the same question."""
    result = CliRunner().invoke(cli, ["query", *arguments, "--store", str(store)])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize(
    ("asked", "options"),
    [
        ({"query": "kissa ja koira", "lang": "fi"}, ()),
        ({"query": "the cat", "lang": "English", "k": 2}, ("-k", "2")),
        ({"query": "who is the old dog", "lang": "auto"}, ()),
        ({"query": "talvi maito", "lang": "fi", "hybrid": True}, ("--hybrid",)),
        (
            {"query": "joki", "lang": "fi", "where": "year > 2020", "space": "shared"},
            ("--where", "year > 2020"),
        ),
        (
            {"query": "joki \u2028 \x1b[2J \ude00", "lang": "fi", "collections": ["news"]},
            ("-c", "news"),
        ),
    ],
)
def test_the_answer_is_what_the_command_prints(client, store, asked, options):
    answered = client.post("/search", content=json.dumps(asked), headers={"Content-Type": "application/json"})
    assert answered.status_code == 200
    assert answered.headers["content-type"] == "application/json"
    query = [asked["query"], "--lang", asked["lang"], "--format", "json"]
    assert answered.text == printed(store, *query, *options)


def test_several_queries_give_a_line_each_in_order_whatever_their_language(client):
    queries = ["who is the old dog", "missä on vanha koira", "where is the new house"]
    answered = client.post("/search", json={"queries": queries, "lang": "auto", "k": 1})
    answers = [json.loads(line) for line in answered.text.splitlines()]
    assert [(one["query"], one["lang"]) for one in answers] == list(
        zip(queries, ["en", "fi", "en"], strict=True)
    )


def test_headers_say_what_took_time_and_what_a_person_should_know(client, store):
    make_collection(store, "other")
    (store / "other" / "manifest.json").write_text("{}")
    answered = client.post("/search", json={"query": "who is the old dog", "lang": "auto"})
    assert answered.headers["server-timing"].startswith("encode;dur=")
    assert answered.headers["xsearch-collections"] == "1"
    assert "Detected" in answered.headers["xsearch-notices"]
    assert "Leaving%20out%20other" in answered.headers["xsearch-notices"]
    assert str(store) not in answered.text + str(answered.headers)


def test_a_changed_a_new_and_a_dropped_collection_are_seen(client, store):
    def found():
        answered = client.post("/search", json={"query": "kissa", "lang": "fi"})
        return {(hit["collection"], hit["id"]) for hit in answered.json().get("hits", [])}

    assert found() == {("news", id) for id in "abcd"}
    from xsearch import Collection

    Collection.open(store / "news").delete(ids=["a"])
    assert found() == {("news", id) for id in "bcd"}
    make_collection(store, "other", [{"id": "z", "text": "talo"}])
    assert ("other", "z") in found()
    Collection.open(store / "other").drop()
    make_collection(store, "other", [{"id": "y", "text": "talvi"}])
    assert ("other", "y") in found()
    assert ("other", "z") not in found()
    Collection.open(store / "other").drop()
    Collection.open(store / "news").drop()
    answered = client.post("/search", json={"query": "kissa", "lang": "fi"})
    assert (answered.status_code, found()) == (404, set())


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"query": None}, 400, "either query"),
        ({"queries": ["a"]}, 400, "either query"),
        ({"query": "  "}, 400, "the query is empty"),
        ({"query": 5}, 400, "query is a number, expected a text"),
        ({"query": ["a"]}, 400, "query is a list"),
        ({"lang": None}, 400, "lang is missing"),
        ({"lang": "qq"}, 400, "unknown language 'qq'"),
        ({"lang": "hu"}, 400, "no module is installed for the language 'hu'"),
        ({"query": "Hol van a legközelebbi gyógyszertár?", "lang": "auto"}, 400, "looks like hu (Hungarian)"),
        ({"k": 0}, 400, "k is 0, expected 1 to 20"),
        ({"k": 21}, 400, "k is 21"),
        ({"k": 10**400}, 400, "k is huge"),
        ({"k": True}, 400, "k is a truth value"),
        ({"k": 1.5}, 400, "k is a number, expected a whole number"),
        ({"space": "outer"}, 400, "space is 'outer', expected one of auto, shared, native"),
        ({"space": "native"}, 400, "native space is not indexed"),
        ({"collections": ["none"]}, 404, "no collection 'none' here; there are: news"),
        ({"collections": ["../news"]}, 404, "is no collection name"),
        ({"collections": ["\ud800"]}, 404, "is no collection name"),
        ({"collections": "news"}, 400, "collections is a text, expected a list of texts"),
        ({"collections": []}, 400, "collections has 0 items"),
        ({"collections": [None]}, 400, "collections[0] is missing"),
        ({"where": "nope = 1"}, 400, "nope"),
        ({"where": "1; drop table x"}, 400, "the filter"),
        ({"where": "year in (select 1 from read_csv('/etc/passwd'))"}, 400, "subquery is not allowed"),
        ({"where": "topic = '\ud800'"}, 400, "the filter"),
        ({"where": 1}, 400, "where is a number"),
        ({"hybrid": "yes"}, 400, "hybrid is a text, expected true or false"),
        ({"colection": "news"}, 400, "unknown field 'colection'"),
    ],
)
def test_what_cannot_be_answered_is_one_line_of_json(client, store, change, status, message):
    asked = {"query": "kissa", "lang": "fi"} | change
    answered = client.post("/search", content=json.dumps(asked), headers={"Content-Type": "application/json"})
    assert answered.status_code == status, answered.text
    body = answered.json()
    assert list(body) == ["error"]
    assert message in body["error"]
    assert answered.text.count("\n") == 1
    assert str(store.parent) not in answered.text


def test_a_search_takes_one_thread_since_there_is_a_worker_for_each_core(client, monkeypatch):
    seen = []

    def noting(*arguments, **options):
        seen.append((threading.current_thread().name, faiss.omp_get_max_threads()))
        return search(*arguments, **options)

    monkeypatch.setattr("xsearch.server.answering.search", noting)
    assert client.post("/search", json={"query": "kissa", "lang": "fi"}).status_code == 200
    ((thread, threads),) = seen
    assert thread.startswith("xsearch-serve")
    assert threads == 1


def test_more_hits_in_all_than_a_request_may_have(client, monkeypatch):
    monkeypatch.setattr("xsearch.server.application.MOST_HITS_A_REQUEST", 30)
    asked = {"queries": ["a", "b"], "lang": "en", "k": 20}
    assert client.post("/search", json=asked).status_code == 400
    assert client.post("/search", json=asked | {"k": 15}).status_code == 200


def test_a_collection_that_was_restored_is_answered_from_again(request, store):
    file = next((store / "news" / "segments").glob("*/records.jsonl"))
    good = file.read_bytes()
    file.write_bytes(good[:-5])
    client = request.getfixturevalue("client")  # not before: it opens all collections when it starts
    asked = {"query": "kissa", "lang": "fi", "collections": ["news"]}
    assert client.post("/search", json=asked).status_code == 500
    file.write_bytes(good)
    assert client.post("/search", json=asked).status_code == 200
