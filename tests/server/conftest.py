import json

import pytest
from starlette.testclient import TestClient

from tests.cli.conftest import ROWS, modules_folder, run, tiny_languages
from xsearch.corpus import Corpus
from xsearch.search import index_corpus
from xsearch.server.application import application
from xsearch.server.limits import Limits

__all__ = ["modules_folder", "run", "tiny_languages"]

LIMITS = Limits(threads=2, waiting=8, body=4000, k=20, texts=5)


def make_collection(store, name="news", rows=ROWS, lang="fi"):
    """A collection of rows, encoded by the tiny modules."""
    store.mkdir(exist_ok=True)
    file = store.parent / f"{name}.jsonl"
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    index_corpus(Corpus.open([str(file)], lang=lang), store / name, lang=lang)
    return store / name


@pytest.fixture
def store(tmp_path, monkeypatch):
    folder = tmp_path / "store"
    monkeypatch.setenv("XSEARCH_STORE", str(folder))
    make_collection(folder)
    return folder


@pytest.fixture
def client(store):
    """A client of the application in this process, under an address that it answers to."""
    with TestClient(
        application(store, LIMITS), base_url="http://127.0.0.1:8765", raise_server_exceptions=False
    ) as opened:
        yield opened
