import json

import pytest
from click.testing import CliRunner

from tests.modules import tiny_module
from xsearch.cli.main import cli
from xsearch.encoder import encoder

ROWS = [
    {"id": "a", "title": "Koti", "text": "kissa ja koira", "year": 2019, "topic": "animals"},
    {"id": "b", "title": "Vesi", "text": "joki ja järvi", "year": 2021, "topic": "nature"},
    {"id": "c", "title": None, "text": "leipä ja maito", "year": None, "topic": "food"},
    {"id": "d", "title": "Talvi", "text": "talvi ja kesä", "year": 2022, "topic": "nature"},
]


@pytest.fixture(scope="session")
def modules_folder(tmp_path_factory):
    """English with the body, Finnish on top of it; tiny and random."""
    folder = tmp_path_factory.mktemp("modules")
    english = tiny_module(folder, "en", adapter=False, lora=False)
    tiny_module(folder, "fi", base=english)
    return folder


@pytest.fixture(autouse=True)
def tiny_languages(monkeypatch, modules_folder):
    monkeypatch.setenv("XSEARCH_MODULES", str(modules_folder))
    monkeypatch.setattr(encoder, "_encoders", {})


@pytest.fixture
def store(tmp_path, monkeypatch):
    folder = tmp_path / "store"
    monkeypatch.setenv("XSEARCH_STORE", str(folder))
    return folder


@pytest.fixture
def run(store):
    """Runs a command in this process; stdout and stderr apart."""
    runner = CliRunner()

    def call(*args, **options):
        result = runner.invoke(cli, [str(arg) for arg in args], **options)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return call


@pytest.fixture
def write(tmp_path):
    """Writes rows as JSON lines, or any text, to a file in the test's folder."""

    def to(name, content):
        path = tmp_path / name
        if not isinstance(content, str):
            content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in content)
        path.write_text(content, encoding="utf-8")
        return path

    return to


@pytest.fixture
def corpus(write):
    return write("news.jsonl", ROWS)


@pytest.fixture
def news(run, corpus, store):
    """A store with the collection ``news``."""
    assert run("index", corpus, "--lang", "fi").exit_code == 0
    return store / "news"


def refusal(result, code=1):
    """The one line that a refused command leaves on stderr."""
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    if code == 1:
        assert [line for line in lines if line.startswith("Error: ")] == lines[-1:], lines
    return lines[-1].removeprefix("Error: ")
