import json

import pyarrow.parquet as pq
import pytest

from tests.cli.conftest import refusal
from xsearch.collection import Collection
from xsearch.collection.drift import Recall


def test_list_shows_every_collection(run, news):
    shown = run("list").stdout
    assert "news" in shown
    assert "fi 4" in shown
    assert json.loads(run("list", "--format", "json").stdout)["documents"] == 4


def test_list_of_an_empty_store_says_so_on_stderr(run):
    result = run("list")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "No collections" in result.stderr


def test_list_leaves_out_what_is_damaged_and_what_is_no_collection(run, news, store):
    (store / "notes").mkdir()
    (store / "broken").mkdir()
    (store / "broken" / "manifest.json").write_text("{")
    result = run("list")
    assert result.exit_code == 0
    assert "Leaving out broken" in result.stderr
    assert "notes" not in result.stdout + result.stderr


def test_info_describes_collection_and_index(run, news):
    shown = run("info", "news").stdout
    for part in ("documents", "fi 4", "shared (32 dimensions)", "title string", "exact"):
        assert part in shown
    described = json.loads(run("info", "news", "--format", "json").stdout)
    assert (described["name"], described["languages"]) == ("news", {"fi": 4})


def test_info_measures_the_index_again_when_asked(run, news, monkeypatch):
    described = json.loads(run("info", "news", "--measure", "--format", "json").stdout)
    assert described["measured"] == [{"space": "shared", "probes": 4, "now": 1.0, "built": 1.0}]
    assert "measured" not in json.loads(run("info", "news", "--format", "json").stdout)
    assert "recall@10 1.000 on 4 of the documents" in run("info", "news", "--measure").stdout
    monkeypatch.setattr(Collection, "measure_recall", lambda self, space: Recall(space, 100, 0.8, 0.95))
    shown = run("info", "news", "--measure").stdout
    assert (
        "the shared index finds 0.800 of the ten nearest now, it found 0.950 when it was built"
        in " ".join(shown.split())
    )
    assert "compact" not in run("info", "news").stdout


def test_verify_is_silent_about_nothing_and_names_what_is_damaged(run, news):
    assert "news is whole" in run("verify", "news").stdout
    victim = next(path for path in sorted(news.rglob("*")) if path.is_file() and path.suffix == ".npy")
    content = bytearray(victim.read_bytes())
    content[-1] ^= 1
    victim.write_bytes(content)
    result = run("verify", "news")
    assert result.exit_code == 1
    assert victim.relative_to(news).as_posix() in result.stdout
    assert "news is damaged" in result.stderr


def test_delete_by_id_and_by_condition(run, news):
    result = run("delete", "news", "--id", "a", "--id", "nope")
    assert "1 of the ids are not in news" in result.stderr
    assert "Deleted 1 documents from news; 3 are left" in result.stderr
    assert "Deleted 2 documents" in run("delete", "news", "--where", "topic = 'nature'").stderr
    assert [batch.column("id").to_pylist() for batch in Collection.open(news).documents()] == [["c"]]


@pytest.mark.parametrize("options", [[], ["--id", "a", "--where", "year = 1"]])
def test_delete_needs_either_ids_or_a_condition(run, news, options):
    assert run("delete", "news", *options).exit_code == 2
    assert len(Collection.open(news)) == 4


def test_a_bad_condition_deletes_nothing(run, news):
    refusal(run("delete", "news", "--where", "nope = 1"))
    assert len(Collection.open(news)) == 4


def test_compact_keeps_what_is_left(run, news):
    run("delete", "news", "--id", "a")
    assert "Compacted news: 3 documents" in run("compact", "news").stderr
    assert json.loads(run("info", "news", "--format", "json").stdout)["deleted"] == 0


@pytest.mark.parametrize("name", ["out.parquet", "out.jsonl", "out.csv"])
def test_an_export_can_be_indexed_again(run, news, tmp_path, name):
    result = run("export", "news", "-o", tmp_path / name)
    assert "Wrote 4 documents" in result.stderr
    again = run("index", tmp_path / name, "--lang-column", "lang", "--text-column", "text", "-c", "again")
    assert again.exit_code == 0, again.stderr

    def content(collection):
        return [
            row
            for batch in Collection.open(news.parent / collection).documents()
            for row in batch.to_pylist()
        ]

    assert content("again") == content("news")


def test_an_export_of_nothing_is_an_empty_file(run, news, tmp_path):
    run("delete", "news", "--where", "true")
    assert run("export", "news", "-o", tmp_path / "out.parquet").exit_code == 0
    assert pq.read_table(tmp_path / "out.parquet").num_rows == 0


def test_an_export_to_an_unknown_format_or_place_leaves_nothing(run, news, tmp_path):
    assert "expected a name ending in .parquet" in refusal(run("export", "news", "-o", tmp_path / "out.xlsx"))
    assert "there is no directory" in refusal(run("export", "news", "-o", tmp_path / "none" / "out.csv"))
    (tmp_path / "folder.csv").mkdir()
    assert "it is a directory" in refusal(run("export", "news", "-o", tmp_path / "folder.csv"))
    assert not [path for path in tmp_path.iterdir() if path.name.startswith((".out", "out"))]


def test_an_export_never_replaces_a_file_of_its_collection(run, news):
    for own in [path for path in news.rglob("*") if path.suffix in (".parquet", ".jsonl")]:
        assert "it is one of the inputs" in refusal(run("export", "news", "-o", own))
    assert "news is whole" in run("verify", "news").stdout


def test_drop_removes_the_collection(run, news):
    assert run("drop", "news").exit_code == 0
    assert not news.exists()
    assert "there are: none" in refusal(run("drop", "news"))


def test_drop_removes_a_collection_that_is_too_damaged_to_open(run, news):
    (news / "manifest.json").write_text("{")
    assert run("drop", "news").exit_code == 0
    assert not news.exists()


@pytest.mark.parametrize("sound", [True, False])
def test_drop_removes_a_collection_that_lies_elsewhere_and_the_link_to_it(run, news, tmp_path, sound):
    elsewhere = tmp_path / "large disk" / "news"
    elsewhere.parent.mkdir()
    news.rename(elsewhere)
    news.symlink_to(elsewhere)
    if not sound:
        (elsewhere / "manifest.json").write_text("{")
    assert run("drop", "news").exit_code == 0
    assert list(elsewhere.parent.iterdir()) == []
    assert not news.is_symlink()


def test_drop_touches_nothing_but_collections(run, store, tmp_path):
    (store / "papers").mkdir(parents=True)
    refusal(run("drop", "papers"))
    refusal(run("drop", ".."))
    assert (store / "papers").is_dir()


@pytest.mark.parametrize("command", ["info", "verify", "compact", "drop"])
def test_a_collection_that_is_not_there_says_which_are(run, news, command):
    assert "no collection 'olds'" in refusal(run(command, "olds"))
    assert "there are: news" in run(command, "olds").stderr
