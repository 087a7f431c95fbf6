"""A store for the page: the demo corpora, a hostile corpus and near-duplicates, in tiny random modules."""

import json
import os
import shutil
import threading
from pathlib import Path

import pytest

pytest.importorskip("streamlit")

from streamlit.testing.v1 import AppTest

import xsearch
from page.warming import WARMING
from tests.modules import tiny_module
from xsearch import Corpus
from xsearch.encoder import encoder
from xsearch.search import index_corpus

MAIN = Path(__file__).parents[2] / "app" / "main.py"
DEMO = Path(xsearch.__file__).parent / "demo"

HOSTILE = "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 1'> **bold** [a](http://x.test) $x^2$"
HOSTILE_ROWS = [
    {
        "id": f"<b>{number}</b>",
        "title": HOSTILE,
        "text": f"{HOSTILE} kissa {number}",
        "**col**": HOSTILE,
        "n": number,
    }
    for number in range(6)
]
TWINS = [
    {"id": "one", "text": "the old dog ran to the blue house in winter and the new cat was on the river"},
    {"id": "two", "text": "The old dog ran to the blue house in winter and the new cat was on the river"},
    {"id": "three", "text": "bread and milk"},
]


@pytest.fixture(scope="session")
def modules(tmp_path_factory):
    """English with the body, Finnish with an adapter on top of it; they know the words of the demo queries."""
    folder = tmp_path_factory.mktemp("modules")
    queries = [json.loads(line)["query"] for line in (DEMO / "queries.jsonl").read_text("utf-8").splitlines()]
    english = tiny_module(folder, "en", adapter=False, lora=False, texts=queries)
    tiny_module(folder, "fi", base=english, texts=queries)
    return folder


@pytest.fixture(scope="session")
def made(tmp_path_factory, modules):
    """The store, made once; tests that change it work on a copy."""
    folder = tmp_path_factory.mktemp("store")
    corpora = tmp_path_factory.mktemp("corpora")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XSEARCH_MODULES", str(modules))
        patch.setattr(encoder, "_encoders", {})
        index_corpus(Corpus.open(DEMO / "en.parquet"), folder / "demo-en", lang="en")
        index_corpus(Corpus.open(DEMO / "fi.parquet"), folder / "demo-fi", lang="fi", spaces="both")
        for name, rows, lang in (("hostile", HOSTILE_ROWS, "fi"), ("twins", TWINS, "en")):
            path = corpora / f"{name}.jsonl"
            path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
            index_corpus(Corpus.open(path), folder / name, lang=lang)
    return folder


@pytest.fixture
def store(tmp_path, made):
    """A store of one's own."""
    return Path(shutil.copytree(made, tmp_path / "store"))


def damage(collection: Path) -> None:
    """Cut a file of a collection short."""
    path = next(collection.glob("segments/*/documents.parquet"))
    path.write_bytes(path.read_bytes()[:-10])


def overwrite(collection: Path) -> None:
    """Spoil what is in a file of a collection and leave its size."""
    path = next(collection.glob("segments/*/documents.parquet"))
    path.write_bytes(bytes(path.stat().st_size))


@pytest.fixture
def page(monkeypatch, store, modules):
    """Runs the page in this process: ``page(q="koira")`` is the search at /?q=koira, and a view by its name what
    stands below the navigation, which AppTest follows to files only.
    """
    import streamlit as st

    monkeypatch.setenv("XSEARCH_STORE", str(store))
    monkeypatch.setenv("XSEARCH_MODULES", str(modules))
    monkeypatch.setattr(encoder, "_encoders", {})
    st.cache_data.clear()
    st.cache_resource.clear()

    def at(view="", **params):
        alone = f"from views import {view}\n{view}.show()"
        app = AppTest.from_string(alone) if view else AppTest.from_file(str(MAIN))
        app.default_timeout = 120
        for name, value in params.items():
            app.query_params[name] = value
        app.run()
        assert not app.exception, app.exception
        return app

    yield at
    # It must not go on loading modules into the next test.
    for thread in threading.enumerate():
        if thread.name == WARMING:
            thread.join()


def html(app: AppTest) -> str:
    """All the page's own HTML."""
    return "\n".join(element.proto.body for element in app.get("html"))


@pytest.fixture(scope="session")
def environment(modules):
    """For servers and commands in processes of their own."""
    return os.environ | {"XSEARCH_MODULES": str(modules), "OMP_NUM_THREADS": "1"}
