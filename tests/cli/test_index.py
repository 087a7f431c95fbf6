import json
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cli.conftest import ROWS, refusal
from xsearch.collection import Collection
from xsearch.encoder import Encoder
from xsearch.search import indexing


def test_a_corpus_becomes_a_collection_named_after_the_file(run, corpus, store):
    result = run("index", corpus, "--lang", "Finnish")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "4 documents, text in column 'text'" in result.stderr
    assert "Indexed 4 documents into news" in result.stderr
    collection = Collection.open(store / "news")
    assert (len(collection), collection.languages) == (4, ("fi",))


def test_parquet_and_csv_are_indexed_too(run, tmp_path, write, store):
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "p.parquet")
    table = write("c.csv", "id,text\n1,kissa\n2,koira\n")
    assert run("index", tmp_path / "p.parquet", "--lang", "fi").exit_code == 0
    assert run("index", table, "--lang", "fi").exit_code == 0
    assert (len(Collection.open(store / "p")), len(Collection.open(store / "c"))) == (4, 2)


def test_a_name_with_other_characters_is_made_fit(run, write, store):
    assert run("index", write("uutiset (2024) ä.jsonl", ROWS), "--lang", "fi").exit_code == 0
    assert [path.name for path in store.iterdir()] == ["uutiset-2024-ä"]


def test_a_directory_gives_its_name(run, tmp_path, corpus, store):
    (tmp_path / "uutiset.v2").mkdir()
    corpus.rename(tmp_path / "uutiset.v2" / "part.jsonl")
    assert run("index", tmp_path / "uutiset.v2", "--lang", "fi").exit_code == 0
    assert [path.name for path in store.iterdir()] == ["uutiset.v2"]


def test_columns_can_be_named_and_documents_have_their_own_languages(run, write, store):
    rows = [
        {"key": 1, "body": "kissa", "kieli": "fi", "text": "other"},
        {"key": 2, "body": "the cat", "kieli": "eng", "text": "other"},
        {"key": 3, "body": "koira", "kieli": None, "text": "other"},
    ]
    result = run(
        "index", write("m.jsonl", rows), "--lang", "fi", "--lang-column", "kieli",
        "--text-column", "body", "--id-column", "key",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    batch = next(Collection.open(store / "m").documents())
    assert batch.column("id").to_pylist() == ["1", "2", "3"]
    assert batch.column("lang").to_pylist() == ["fi", "en", "fi"]


def test_append_adds_and_upsert_replaces(run, news, write):
    more = write("more.jsonl", [{"id": "a", "text": "vanha kissa"}, {"id": "e", "text": "uusi talo"}])
    assert "ids are taken" in refusal(run("index", more, "--lang", "fi", "-c", "news", "--mode", "append"))
    assert len(Collection.open(news)) == 4
    result = run("index", more, "--lang", "fi", "-c", "news", "--mode", "upsert")
    assert "1 replaced. It holds 5" in result.stderr
    assert len(Collection.open(news)) == 5


def test_an_existing_name_is_refused_and_left_alone(run, news, corpus):
    assert "exists already" in refusal(run("index", corpus, "--lang", "fi"))
    assert len(Collection.open(news)) == 4


def test_an_interrupted_run_says_how_to_go_on_and_does(run, write, store, monkeypatch):
    path = write("many.jsonl", [{"id": str(i), "text": f"kissa {i}"} for i in range(3000)])
    start = Encoder.start
    monkeypatch.setattr(
        indexing.index_corpus, "__kwdefaults__", indexing.index_corpus.__kwdefaults__ | {"commit_every": 1000}
    )
    calls = []

    def interrupted(self, texts, space, pool):
        calls.append(len(texts))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return start(self, texts, space, pool)

    monkeypatch.setattr(Encoder, "start", interrupted)
    result = run("index", path, "--lang", "fi")
    assert result.exit_code == 130
    assert "the same command goes on from there" in result.stderr
    result = run("index", path, "--lang", "fi")
    assert "2,048 of them by an interrupted run before. It holds 3,000" in result.stderr


def test_invalid_rows_are_refused_or_left_out_with_a_notice(run, write, store):
    path = write("n.jsonl", [*ROWS, {"id": "x", "text": None}])
    assert "line 5: the text is null" in refusal(run("index", path, "--lang", "fi"))
    assert not store.exists()
    result = run("index", path, "--lang", "fi", "--skip-invalid")
    assert result.exit_code == 0
    assert "Left out" in result.stderr
    assert len(Collection.open(store / "n")) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--lang", "klingon"], "unknown language 'klingon'"),
        (["--lang", "hu"], "no module is installed for the language 'hu'"),
        (
            ["--lang", "fi", "--text-column", "body"],
            "no column 'body' (--text-column); it has columns 'id', 'title'",
        ),
        (["--lang", "fi", "-c", "../out"], "'../out' is no collection name"),
        (["--lang", "fi", "-c", ".hidden"], "'.hidden' is no collection name"),
        (["--lang", "fi", "--index-type", "Nonsense7"], "Nonsense7"),
        (["--lang", "fi", "--mode", "append"], "no collection"),
    ],
)
def test_what_cannot_be_is_one_line_and_leaves_no_collection(run, corpus, store, options, message):
    assert message in refusal(run("index", corpus, *options))
    assert not store.exists() or list(store.iterdir()) == []


def test_a_missing_and_a_corrupt_file(run, tmp_path, store):
    assert "no such file" in refusal(run("index", tmp_path / "none.parquet", "--lang", "fi"))
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 nonsense PAR1")
    assert "no readable Parquet" in refusal(run("index", tmp_path / "bad.parquet", "--lang", "fi"))
    # a language without a module is told before the corpus is looked at
    assert "no module" in refusal(run("index", tmp_path / "bad.parquet", "--lang", "hu"))
    assert not store.exists()


def test_a_store_that_cannot_be_written(run, corpus, tmp_path):
    (tmp_path / "file").write_text("")
    assert "cannot be created" in refusal(run("index", corpus, "--lang", "fi", "--store", tmp_path / "file"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "Say the language of the corpus"),
        (["--lang", "auto"], "--lang auto is for queries"),
        (["--lang", "fi", "--memory", "much"], "expected a number with a unit, such as 500M or 4G"),
        (["--lang", "fi", "--recall", "2"], "2.0 is not in the range"),
        (["--lang", "fi", "--mode", "merge"], "'merge' is not one of"),
        (["--lang", "fi", "--engine", "spark"], "'spark' is not one of 'local', 'ray'"),
        (["--lang", "fi", "--mode", "append", "--keywords"], "--keywords is for a new collection"),
    ],
)
def test_wrong_usage_ends_with_2(run, corpus, options, message):
    result = run("index", corpus, *options)
    assert result.exit_code == 2
    assert message in result.stderr


def test_several_paths_need_a_name(run, corpus, write):
    other = write("other.jsonl", [{"id": "z", "text": "talo"}])
    assert "name the collection with -c" in refusal(run("index", corpus, other, "--lang", "fi"))
    assert run("index", corpus, other, "--lang", "fi", "-c", "both").exit_code == 0


def test_memory_and_recall_are_kept_with_the_collection(run, corpus, store):
    assert run("index", corpus, "--lang", "fi", "--memory", "1.5G", "--recall", "0.9").exit_code == 0
    manifest = json.loads((store / "news" / "manifest.json").read_text())
    assert (manifest["settings"]["memory"], manifest["settings"]["recall"]) == (int(1.5 * 2**30), 0.9)


def test_an_index_of_words_is_kept_when_it_is_asked_for(run, corpus, store):
    assert run("index", corpus, "--lang", "fi", "--keywords").exit_code == 0
    assert run("index", corpus, "--lang", "fi", "-c", "without").exit_code == 0
    kept = {name: Collection.open(store / name).manifest.settings.keywords for name in ("news", "without")}
    assert kept == {"news": True, "without": False}


def test_an_index_of_words_without_tantivy_is_refused_before_anything_is_encoded(
    run, corpus, store, monkeypatch
):
    monkeypatch.setitem(sys.modules, "tantivy", None)
    monkeypatch.setattr(Encoder, "start", lambda *_: pytest.fail("encoded for nothing"))
    message = refusal(run("index", corpus, "--lang", "fi", "--keywords"))
    assert message == "hybrid search needs tantivy; install it with: pip install 'xsearch[hybrid]'"
    assert not store.exists()


def test_adding_to_a_collection_with_an_index_of_words_needs_tantivy_too(run, corpus, write, monkeypatch):
    assert run("index", corpus, "--lang", "fi", "--keywords").exit_code == 0
    more = write("more.jsonl", [{"id": "z", "text": "talo"}])
    monkeypatch.setitem(sys.modules, "tantivy", None)
    monkeypatch.setattr(Encoder, "start", lambda *_: pytest.fail("encoded for nothing"))
    assert "xsearch[hybrid]" in refusal(run("index", more, "--lang", "fi", "-c", "news", "--mode", "append"))


def test_a_cluster_without_ray_is_refused_before_the_corpus_is_read(run, tmp_path, store, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    message = refusal(run("index", tmp_path / "none.jsonl", "--lang", "fi", "--engine", "ray"))
    assert message == "the ray engine needs Ray; install it with: pip install 'xsearch[distributed]'"
    assert not store.exists()


@pytest.mark.parametrize(("option", "value"), [("--recall", "nan"), ("--memory", "9" * 400)])
def test_numbers_beyond_all_bounds_are_usage_errors(run, corpus, option, value):
    result = run("index", corpus, "--lang", "fi", option, value)
    assert result.exit_code == 2
    assert "expected" in result.stderr


@pytest.mark.parametrize(
    "option", [("--spaces", "both"), ("--index-type", "HNSW16"), ("--recall", "0.9"), ("--memory", "1G")]
)
def test_what_only_a_new_collection_takes_is_a_usage_error_when_adding(run, news, write, option):
    more = write("more.jsonl", [{"id": "e", "text": "uusi"}])
    result = run("index", more, "--lang", "fi", "-c", "news", "--mode", "append", *option)
    assert refusal(result, 2).startswith(f"{option[0]} is for a new collection")
    assert len(Collection.open(news)) == 4


def test_a_folder_in_the_store_that_may_not_be_read_is_no_collection(run, news, monkeypatch):
    """lost+found, where the store is the root of a volume."""
    (news.parent / "private").mkdir()
    real = type(news).is_file

    def is_file(path):
        if path.parent.name == "private":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(type(news), "is_file", is_file)
    result = run("query", "kissa", "--lang", "fi")
    assert result.exit_code == 0, result.output
