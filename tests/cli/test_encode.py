import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cli.conftest import ROWS, refusal
from tests.modules import tiny_module
from xsearch.encoder import Encoder


def vectors(path):
    table = pq.read_table(path)
    return table, np.stack(table["vector"].to_numpy())


def test_vectors_are_those_of_the_encoder_in_order(run, corpus, tmp_path):
    result = run("encode", corpus, "--lang", "fi", "-o", tmp_path / "v.parquet")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "Wrote 4 vectors" in result.stderr
    table, found = vectors(tmp_path / "v.parquet")
    assert table["id"].to_pylist() == ["a", "b", "c", "d"]
    expected = Encoder("fi").encode([row["text"] for row in ROWS], space="shared")
    np.testing.assert_allclose(found, expected, atol=1e-6)
    run("encode", corpus, "--lang", "fi", "--space", "native", "-o", tmp_path / "n.parquet")
    native = vectors(tmp_path / "n.parquet")[1]
    np.testing.assert_allclose(
        native, Encoder("fi").encode([row["text"] for row in ROWS], space="native"), atol=1e-6
    )
    assert not np.allclose(native, found, atol=1e-3)


def test_documents_of_several_languages_use_their_own_modules(run, write, tmp_path):
    rows = [
        {"text": "kissa", "lang": "fi"},
        {"text": "the cat", "lang": "en"},
        {"text": "koira", "lang": "fi"},
    ]
    run(
        "encode",
        write("m.jsonl", rows),
        "--lang-column",
        "lang",
        "--text-column",
        "text",
        "-o",
        tmp_path / "v.parquet",
    )
    table, found = vectors(tmp_path / "v.parquet")
    assert table["lang"].to_pylist() == ["fi", "en", "fi"]
    np.testing.assert_allclose(found[1], Encoder("en").encode(["the cat"])[0], atol=1e-6)
    np.testing.assert_allclose(found[2], Encoder("fi").encode(["koira"])[0], atol=1e-6)


@pytest.mark.parametrize(("space", "reason"), [("shared", "another base"), ("native", "32 dimensions")])
def test_vectors_that_do_not_belong_together_are_in_no_one_file(
    run, write, tmp_path, monkeypatch, space, reason
):
    tiny_module(tmp_path / "modules", "fi", hidden_size=64)
    tiny_module(tmp_path / "modules", "en")
    monkeypatch.setenv("XSEARCH_MODULES", str(tmp_path / "modules"))
    rows = [{"text": "kissa", "lang": "fi"}, {"text": "the cat", "lang": "en"}]
    output = tmp_path / "v.parquet"

    result = run("encode", write("m.jsonl", rows), "--lang-column", "lang", "--space", space, "-o", output)

    assert reason in refusal(result)
    assert not output.exists()


def test_a_failed_run_leaves_the_old_file(run, corpus, tmp_path):
    (tmp_path / "v.parquet").write_text("old")
    refusal(run("encode", corpus, "--lang", "hu", "-o", tmp_path / "v.parquet"))
    assert (tmp_path / "v.parquet").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_only_parquet_is_written(run, corpus, tmp_path):
    assert "expected a name ending in .parquet" in refusal(
        run("encode", corpus, "--lang", "fi", "-o", tmp_path / "v.npy")
    )


def test_nothing_is_encoded_for_a_file_that_cannot_be_written(run, corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(Encoder, "encode", lambda *_, **__: pytest.fail("encoded for nothing"))
    (tmp_path / "v.parquet").mkdir()
    assert "it is a directory" in refusal(run("encode", corpus, "--lang", "fi", "-o", tmp_path / "v.parquet"))


def test_a_corpus_is_never_replaced_by_its_vectors(run, tmp_path, monkeypatch):
    monkeypatch.setattr(Encoder, "encode", lambda *_, **__: pytest.fail("encoded for nothing"))
    corpus = tmp_path / "corp.parquet"
    pq.write_table(pa.table({"text": ["kissa"]}), corpus)
    (tmp_path / "link.parquet").symlink_to(corpus)
    before = corpus.read_bytes()
    for output in (corpus, tmp_path / "link.parquet"):
        message = refusal(run("encode", tmp_path, "--lang", "fi", "-o", output))
        assert message == f"cannot write {output}: it is one of the inputs; name another file"
    assert corpus.read_bytes() == before


def test_a_file_name_that_is_not_unicode_is_refused_where_ids_are_made_of_it(run, tmp_path):
    (tmp_path / "noid\udcff.csv").write_text("text\nkissa\n")
    for command in (("encode", "-o", tmp_path / "v.parquet"), ("index", "-c", "odd")):
        message = refusal(run(*command, tmp_path / "noid\udcff.csv", "--lang", "fi"))
        assert "noid\ufffd.csv: the name is not UTF-8, and ids are made of it" in message


def test_a_terminated_process_leaves_no_draft_behind(write, tmp_path, modules_folder):
    corpus = write("long.jsonl", [{"id": str(n), "text": f"kissa ja koira {n}"} for n in range(200_000)])
    folder = tmp_path / "out"
    folder.mkdir()
    command = [Path(sys.executable).with_name("xsearch"), "encode", corpus, "--lang", "fi"]
    process = subprocess.Popen([*command, "-o", folder / "v.parquet"], stderr=subprocess.DEVNULL)
    while not list(folder.iterdir()):
        assert process.poll() is None
        time.sleep(0.01)
    process.terminate()
    assert process.wait(60) == 128 + signal.SIGTERM
    assert list(folder.iterdir()) == []
