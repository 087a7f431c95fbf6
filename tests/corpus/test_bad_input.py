"""Corpora that are not as they should be: one clear message each, or left out on request."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from xsearch.corpus import Corpus, source
from xsearch.corpus.screening import SeenIds
from xsearch.errors import CorpusError


def parquet(path, **columns):
    pq.write_table(pa.table(columns), path)
    return path


def lines(path, *rows):
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def refused(path, match, **options):
    with pytest.raises(CorpusError, match=match) as raised:
        Corpus.open(path, **options)
    assert "\n" not in str(raised.value)


def test_no_corpus(tmp_path):
    refused([], "no corpus given")


def test_a_missing_file(tmp_path):
    refused(tmp_path / "none.parquet", "no such file or directory: .*none.parquet")


def test_a_pattern_without_a_match(tmp_path):
    refused(tmp_path / "*.parquet", "no file matches")


def test_a_directory_without_corpus_files(tmp_path):
    refused(tmp_path, "directory without corpus files; expected .parquet")


def test_a_format_that_is_not_read(tmp_path):
    (tmp_path / "a.docx").write_bytes(b"PK")
    refused(tmp_path / "a.docx", "no format that is read here; expected a name ending in .parquet")


def test_a_column_that_does_not_exist_says_which_do(tmp_path):
    path = parquet(tmp_path / "a.parquet", id=["1"], text=["x"])
    refused(path, r"no column 'body' \(--text-column\); it has columns 'id', 'text'", text_column="body")
    refused(path, r"no column 'key' \(--id-column\)", id_column="key")
    refused(path, r"no column 'kieli' \(--lang-column\)", lang_column="kieli")


def test_a_text_column_that_cannot_be_told(tmp_path):
    refused(
        parquet(tmp_path / "a.parquet", title=["x"], lead=["y"]),
        "cannot tell the text column.*'title', 'lead'",
    )


def test_one_column_for_two_roles(tmp_path):
    path = parquet(tmp_path / "a.parquet", text=["x"])
    refused(path, "cannot be two of text, id and language", text_column="text", id_column="text")


def test_a_second_file_without_the_text_column(tmp_path):
    parquet(tmp_path / "a.parquet", text=["x"])
    parquet(tmp_path / "b.parquet", body=["x"])
    refused(tmp_path, r"b.parquet has no column 'text'.*it has column 'body'")


@pytest.mark.parametrize("name", ["e.parquet", "e.jsonl", "e.csv"])
def test_an_empty_corpus(tmp_path, name):
    path = tmp_path / name
    if name.endswith("parquet"):
        parquet(path, text=pa.array([], pa.string()))
    else:
        path.write_text("")
    refused(path, "no documents|is empty")


def test_a_csv_with_only_a_header(tmp_path):
    (tmp_path / "e.csv").write_text("id,text\n")
    refused(tmp_path / "e.csv", "no documents")


def test_null_text_names_the_row_and_counts_the_others(tmp_path):
    path = parquet(tmp_path / "a.parquet", text=["x", None, "y", None])
    refused(
        path, r"a.parquet, row 2: the text is null; expected a string \(2 such rows in all\).*--skip-invalid"
    )


def test_text_that_is_no_string_names_the_line(tmp_path):
    path = lines(tmp_path / "a.jsonl", {"text": "x"}, "", {"text": 5})
    refused(path, r"a.jsonl, line 3: the text is of type int \('5'\); expected a string")
    refused(
        parquet(tmp_path / "n.parquet", text=[1, 2]), "row 1: the text is of type int", text_column="text"
    )


def test_a_missing_key_is_a_null(tmp_path):
    refused(lines(tmp_path / "a.jsonl", {"text": "x"}, {"title": "y"}), "line 2: the text is null")


def test_an_empty_csv_cell_is_no_text(tmp_path):
    (tmp_path / "a.csv").write_text("id,text\n1,x\n2,\n")
    refused(tmp_path / "a.csv", "row 2: the text is null")


@pytest.mark.parametrize("id", [None, "", True, 1.5, "x" * 2000])
def test_an_id_that_cannot_be_one(tmp_path, id):
    refused(lines(tmp_path / "a.jsonl", {"id": "1", "text": "x"}, {"id": id, "text": "x"}), "line 2: the id")


def test_a_duplicate_id_within_and_across_files(tmp_path):
    lines(tmp_path / "a.jsonl", {"id": "1", "text": "x"}, {"id": "1", "text": "y"})
    refused(tmp_path / "a.jsonl", "line 2: the id '1' has occurred before")
    lines(tmp_path / "a.jsonl", {"id": "1", "text": "x"})
    lines(tmp_path / "b.jsonl", {"id": 1, "text": "y"})
    refused(tmp_path, "b.jsonl, line 1: the id '1' has occurred before")


@pytest.mark.parametrize("value", [None, "klingonese", 5])
def test_a_language_that_is_none(tmp_path, value):
    path = lines(tmp_path / "a.jsonl", {"text": "x", "lang": "fi"}, {"text": "y", "lang": value})
    refused(path, "line 2: the language", lang_column="lang", text_column="text")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"text": "x"', "not JSON"),
        ("[1, 2]", "a JSON list; expected an object"),
        ('"x"', "a JSON str; expected an object"),
        ('{"text": "x", "n": ' + "9" * 5000 + "}", "JSON nested too deeply or with too long a number"),
        ("[" * 100_000, "JSON nested too deeply"),
    ],
)
def test_lines_that_are_no_objects(tmp_path, line, reason):
    refused(lines(tmp_path / "a.jsonl", {"text": "x"}, line), f"line 2: {reason}")


def test_rows_of_the_wrong_width(tmp_path):
    (tmp_path / "a.csv").write_text("id,text\n1,x\n2,y,z\n")
    refused(tmp_path / "a.csv", "row 2: 3 cells; expected 2")


def test_skipping_leaves_out_every_kind_of_bad_row_and_counts_them(tmp_path):
    path = lines(
        tmp_path / "a.jsonl",
        {"id": "1", "text": "x", "year": 1},
        {"id": "2", "text": None, "year": 2},
        {"id": "1", "text": "again", "year": 3},
        "not json",
        {"id": "3", "text": "y", "year": 5},
    )
    corpus = Corpus.open(path, skip_invalid=True)
    batch = next(corpus.batches())
    assert (batch.ids, batch.metadata.to_pylist()) == (["1", "3"], [{"year": 1}, {"year": 5}])
    assert (corpus.row_count, corpus.skipped) == (2, 3)
    assert [problem.number for problem in corpus.problems] == [2, 3, 4]


def test_nothing_left_after_skipping(tmp_path):
    refused(
        lines(tmp_path / "a.jsonl", {"text": None, "x": "s"}),
        "no documents",
        skip_invalid=True,
        text_column="text",
    )


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_latin1_and_utf16_are_named(tmp_path, name):
    content = '{"text": "sää"}\n' if name.endswith("jsonl") else "id,text\n1,sää\n"
    (tmp_path / name).write_bytes(content.encode("latin-1"))
    refused(tmp_path / name, "byte 0xe4 is not UTF-8", text_column="text")
    (tmp_path / name).write_bytes(content.encode("utf-16"))
    refused(tmp_path / name, "UTF-16", text_column="text")


def test_wrong_unicode_in_parquet_names_the_row(tmp_path):
    broken = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0\2\0\0\0"), pa.py_buffer(b"x\xe4")]
    )
    refused(parquet(tmp_path / "a.parquet", text=broken), "row 2: column 'text' is not UTF-8")


@pytest.mark.parametrize("damage", ["truncate", "flip", "text", "empty"])
def test_a_corrupt_parquet_file(tmp_path, damage):
    path = parquet(tmp_path / "a.parquet", text=[f"sentence {i} of many" for i in range(5000)])
    content = bytearray(path.read_bytes())
    if damage == "truncate":
        content = content[: len(content) // 2]
    elif damage == "flip":
        content[20:400] = bytes(380)
    else:
        content = bytearray(b"hello" if damage == "text" else b"")
    path.write_bytes(content)
    refused(path, "a.parquet is no readable Parquet file")


def test_repeated_column_names(tmp_path):
    (tmp_path / "a.csv").write_text("text,text\nx,y\n")
    refused(tmp_path / "a.csv", "several columns named 'text'")
    table = pa.Table.from_arrays([pa.array(["x"]), pa.array(["y"])], names=["text", "text"])
    pq.write_table(table, tmp_path / "a.parquet")
    refused(tmp_path / "a.parquet", "several columns named 'text'")


def test_a_line_without_end_is_refused_before_it_fills_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("xsearch.corpus.lines.MAX_ROW_BYTES", 1 << 20)
    lines(tmp_path / "a.jsonl", {"text": "x"}, {"text": "y" * (2 << 20)})
    refused(tmp_path / "a.jsonl", "line 2 is longer than 1 MB")


@pytest.mark.parametrize("end", ["", "\n"])
def test_an_open_quote_near_the_end_of_a_csv_does_not_swallow_the_rest(tmp_path, end):
    (tmp_path / "a.csv").write_text('id,text\n1,x\n2,"y\n3,z' + end)
    refused(tmp_path / "a.csv", "row 2: unexpected end of data.*quotes closed")


def test_a_csv_with_the_line_ends_of_old_macs(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"id,text\r1,x\r2,y\r")
    refused(tmp_path / "a.csv", "header: new-line character.*one kind of line end")


def test_an_open_quote_in_a_csv_is_refused_before_it_fills_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("xsearch.corpus.delimited.MAX_ROW_BYTES", 1 << 20)
    (tmp_path / "a.csv").write_text('id,text\n1,"x\n' + "2,y\n" * (1 << 19))
    refused(tmp_path / "a.csv", "row 1: field larger than field limit.*quotes closed")


def test_a_text_beyond_the_limit_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("xsearch.corpus.screening.MAX_ROW_BYTES", 1000)
    refused(parquet(tmp_path / "a.parquet", text=["x", "y" * 1001]), "row 2: the text has 1001 characters")


def test_thousands_of_different_keys_are_refused(tmp_path):
    path = lines(tmp_path / "a.jsonl", *({"text": "x", f"key{i}": i} for i in range(1100)))
    refused(path, "more than 1000 different keys")


def test_chunks_of_huge_rows_stay_small(tmp_path, monkeypatch):
    monkeypatch.setattr("xsearch.corpus.parquet.CHUNK_BYTES", 1 << 16)
    path = parquet(tmp_path / "a.parquet", text=[f"{i}" * 5000 for i in range(64)])
    sizes = [sum(map(len, batch.texts)) for batch in Corpus.open(path).batches(64)]
    assert max(sizes) <= 2 * source.CHUNK_BYTES
    assert len(sizes) > 4


def test_seen_ids_finds_repeats_over_many_runs():
    seen = SeenIds()
    for start in range(0, 5000, 7):
        assert seen.repeats([str(i) for i in range(start, start + 7)]) == set()
    assert seen.repeats(["6000", "13", "6000", "4999"]) == {1, 2, 3}


def test_lists_of_long_integers_beside_lists_of_fractions(tmp_path):
    one = lines(tmp_path / "1.jsonl", {"text": "x", "n": [2**53 + 1]})
    other = lines(tmp_path / "2.jsonl", {"text": "y", "n": [0.5]})
    with pytest.raises(CorpusError, match=r"column 'n' cannot be read as list<.*double> throughout"):
        list(Corpus.open([one, other]).batches())


@pytest.mark.parametrize("role", ["id_column", "lang_column"])
def test_a_time_that_is_no_date_of_ours_as_an_id_or_a_language(tmp_path, role):
    path = parquet(tmp_path / "a.parquet", text=["x"], when=pa.array([2**62], pa.timestamp("us")))
    refused(path, "column 'when' cannot be read.*out of range", **{role: "when"})


def test_an_empty_name_is_not_the_working_directory():
    refused([""], "an empty name is no corpus")


@pytest.mark.parametrize("skip_invalid", [False, True])
def test_a_csv_cell_that_goes_on_behind_its_quotes_names_the_row(tmp_path, skip_invalid):
    (tmp_path / "a.csv").write_text('id,text\n1,x\n2,"Come in," she said.\n3,y\n')
    refused(tmp_path / "a.csv", "row 2: ',' expected after '\"'.*doubled", skip_invalid=skip_invalid)


def test_a_csv_cell_that_does_not_fit_the_type_of_its_column_elsewhere(tmp_path):
    parquet(tmp_path / "a.parquet", text=["x"], n=pa.array([1], pa.decimal128(10, 2)))
    (tmp_path / "b.csv").write_text("text,n\ny,1234567890123456789\n")
    with pytest.raises(CorpusError, match=r"column 'n' cannot be read as decimal128\(20, 2\) throughout"):
        list(Corpus.open(tmp_path).batches())


def test_a_file_name_that_is_not_unicode_makes_no_ids(tmp_path):
    path = tmp_path / "noid\udcff.csv"
    path.write_text("text\nx\n")
    refused(path, "the name is not UTF-8, and ids are made of it; rename the file")
    path.write_text("id,text\n1,x\n")
    assert next(Corpus.open(path).batches()).ids == ["1"]
