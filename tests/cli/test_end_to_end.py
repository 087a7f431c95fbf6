"""The real thing: the console script as a process, the shipped modules, the shipped corpora."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import xsearch

DEMO = Path(xsearch.__file__).parent / "demo"
SCRIPT = Path(sys.executable).with_name("xsearch")


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    """Runs ``xsearch`` in an empty directory, with the store at its default place there."""
    folder = tmp_path_factory.mktemp("user")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("XSEARCH_")}

    def call(*arguments, code=0):
        command = [str(SCRIPT), *map(str, arguments)]
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=folder, env=environment, stdin=subprocess.DEVNULL
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done

    call.folder = folder
    return call


@pytest.fixture(scope="module")
def demo(process):
    """Both demo corpora, indexed."""
    for lang in ("fi", "en"):
        done = process("index", DEMO / f"{lang}.parquet", "--lang", lang, "-c", f"demo-{lang}")
        assert done.stdout == ""
        assert f"into demo-{lang}" in done.stderr
    return process


def questions():
    return [json.loads(line) for line in (DEMO / "queries.jsonl").read_text(encoding="utf-8").splitlines()]


def ranks(demo, lang, collection):
    """For each judged question, the rank of the first document that answers it, or None beyond ten."""
    judged = [
        question
        for question in questions()
        if (question["lang"], question["collection"]) == (lang, collection)
    ]
    path = demo.folder / f"{lang}-{collection}.txt"
    path.write_text("\n".join(question["query"] for question in judged), encoding="utf-8")
    done = demo("query", "--file", path, "--lang", lang, "-c", collection, "--format", "jsonl")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["query"] for answer in answers] == [question["query"] for question in judged]
    return [
        next((hit["rank"] for hit in answer["hits"] if hit["id"] in question["relevant"]), None)
        for answer, question in zip(answers, judged, strict=True)
    ]


@pytest.mark.parametrize(
    ("lang", "collection"), [("en", "demo-en"), ("fi", "demo-fi"), ("en", "demo-fi"), ("fi", "demo-en")]
)
def test_questions_find_the_document_that_answers_them(demo, lang, collection):
    """Floors, not measurements: far above chance (0.03) and what a broken module or index would reach."""
    found = ranks(demo, lang, collection)
    assert sum(rank is not None for rank in found) / len(found) >= 0.6
    assert sum(1 / rank for rank in found if rank) / len(found) >= 0.35


def test_a_first_session_from_indexing_to_dropping(demo):
    answer = json.loads(
        demo("query", "Is it possible to drive a car across a frozen lake?", "--lang", "en", "-c", "demo-fi",
             "--where", "year >= 1998 and topic is not null", "-k", "3", "--format", "json").stdout
    )  # fmt: skip
    assert [hit["rank"] for hit in answer["hits"]] == [1, 2, 3]
    assert all(hit["lang"] == "fi" and hit["collection"] == "demo-fi" for hit in answer["hits"])
    assert all(set(hit["metadata"]) == {"title", "year", "topic"} for hit in answer["hits"])
    both = json.loads(demo("query", "heat pump", "--lang", "auto", "--format", "json").stdout)
    assert both["lang"] == "en"
    listed = [json.loads(line) for line in demo("list", "--format", "json").stdout.splitlines()]
    assert {collection["name"]: collection["documents"] for collection in listed} == {
        "demo-en": 320,
        "demo-fi": 321,
    }
    assert "demo-fi is whole" in demo("verify", "demo-fi").stdout
    assert "321" in demo("info", "demo-fi").stdout
    assert {"English", "Finnish"} <= set(demo("langs").stdout.split())
    demo("export", "demo-en", "-o", "out.jsonl")
    demo("index", "out.jsonl", "--lang-column", "lang", "-c", "copy")
    demo("delete", "copy", "--where", "topic = 'sport'")
    demo("compact", "copy")
    assert "copy is whole" in demo("verify", "copy").stdout
    demo("drop", "copy")
    assert not (demo.folder / "indexes" / "copy").exists()


def test_a_second_index_of_the_same_name_is_refused(demo):
    done = demo("index", DEMO / "fi.parquet", "--lang", "fi", "-c", "demo-fi", code=1)
    assert "exists already" in done.stderr.splitlines()[-1]


def test_wrong_usage_and_wrong_input_have_their_own_exit_codes(process):
    process("query", code=2)
    process("index", "none.parquet", "--lang", "fi", code=1)
