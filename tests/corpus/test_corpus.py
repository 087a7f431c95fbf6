"""Reading well-formed corpora of every format."""

import json
from datetime import date
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xsearch.corpus import Corpus
from xsearch.errors import CorpusError

ROWS = [
    {"id": "a", "title": "Tie", "text": "Tiekunta korjaa tien.", "year": 2019},
    {"id": "b", "title": None, "text": "Omenapuu leikataan keväällä.", "year": 2021},
    {"id": "c", "title": "Sauna", "text": 'Kiuas lämpiää, "hitaasti";\nkaksi riviä.', "year": None},
]


def write(path, rows=ROWS):
    """Writes rows in the format that the name of the file says."""
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    else:
        pd.DataFrame(rows).astype({"year": "Int64"} if "year" in rows[0] else {}).to_csv(path, index=False)
    return path


def documents(corpus, size=1024):
    batches = list(corpus.batches(size))
    return [
        dict(zip(("id", "text"), pair, strict=True)) | cells
        for batch in batches
        for pair, cells in zip(
            zip(batch.ids, batch.texts, strict=True),
            batch.metadata.to_pylist() if batch.metadata.num_columns else [{}] * len(batch.ids),
            strict=True,
        )
    ]


@pytest.mark.parametrize("name", ["news.parquet", "news.jsonl", "news.csv"])
def test_every_format_gives_the_same_typed_documents(tmp_path, name):
    corpus = Corpus.open(write(tmp_path / name))
    assert (corpus.columns.text, corpus.columns.id) == ("text", "id")
    assert corpus.columns.metadata == ("title", "year")
    assert corpus.metadata_schema.types == [pa.string(), pa.int64()]
    assert corpus.row_count == 3
    assert documents(corpus) == ROWS


def test_batches_are_bounded_and_know_where_they_start(tmp_path):
    corpus = Corpus.open(write(tmp_path / "news.parquet"))
    assert [(batch.first_row, len(batch.ids)) for batch in corpus.batches(2)] == [(0, 2), (2, 1)]


@pytest.mark.parametrize("name", ["one.parquet", "one.jsonl"])
def test_ids_are_made_from_file_and_row_where_there_are_none(tmp_path, name):
    corpus = Corpus.open(write(tmp_path / name, [{"text": "x"}, {"text": ""}]))
    assert [document["id"] for document in documents(corpus)] == ["one:1", "one:2"]


def test_made_up_ids_stay_apart_when_file_names_repeat(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "part.jsonl", [{"text": "x"}])
    ids = [document["id"] for document in documents(Corpus.open(tmp_path))]
    assert len(set(ids)) == 2


def test_whole_number_ids_become_strings(tmp_path):
    corpus = Corpus.open(write(tmp_path / "n.parquet", [{"id": 7, "text": "x"}]))
    assert documents(corpus) == [{"id": "7", "text": "x"}]


@pytest.mark.parametrize("name", ["body", "Content", "passage"])
def test_common_names_of_text_columns_are_found(tmp_path, name):
    corpus = Corpus.open(write(tmp_path / "n.parquet", [{name: "x", "note": "y"}]))
    assert corpus.columns.text == name


def test_the_only_column_of_strings_is_the_text(tmp_path):
    corpus = Corpus.open(write(tmp_path / "n.parquet", [{"id": 1, "lause": "x", "year": 2000}]))
    assert corpus.columns.text == "lause"


def test_named_columns_win_and_the_others_become_metadata(tmp_path):
    rows = [{"id": "1", "text": "short", "summary": "long", "key": 5, "kieli": "Finnish"}]
    corpus = Corpus.open(
        write(tmp_path / "n.parquet", rows), text_column="summary", id_column="key", lang_column="kieli"
    )
    batch = next(corpus.batches())
    assert (batch.ids, batch.texts, batch.langs) == (["5"], ["long"], ["fi"])
    assert batch.metadata.to_pylist() == [{"id": "1", "text": "short"}]


def test_a_directory_and_a_glob_read_all_formats_in_order_and_join_their_columns(tmp_path):
    write(tmp_path / "1.parquet", [{"id": "p", "text": "x", "year": 2001}])
    write(tmp_path / "2.jsonl", [{"id": "j", "text": "y", "year": 0.5, "tags": ["a", "b"]}])
    (tmp_path / "3.csv").write_text("id;text;year\nc;z;2003\n")
    (tmp_path / "_notes.csv").write_text("not,a,corpus\n")
    (tmp_path / "README.md").write_text("nor this")
    expected = [
        {"id": "p", "text": "x", "year": 2001.0, "tags": None},
        {"id": "j", "text": "y", "year": 0.5, "tags": ["a", "b"]},
        {"id": "c", "text": "z", "year": 2003.0, "tags": None},
    ]
    assert documents(Corpus.open(tmp_path)) == expected
    assert documents(Corpus.open(str(tmp_path / "?.*"))) == expected
    assert documents(Corpus.open([tmp_path / "1.parquet", tmp_path])) == expected


def test_types_that_no_file_shares_become_text(tmp_path):
    write(tmp_path / "1.parquet", [{"text": "x", "code": 5}])
    write(tmp_path / "2.parquet", [{"text": "y", "code": "5b"}])
    assert [document["code"] for document in documents(Corpus.open(tmp_path))] == ["5", "5b"]


def test_decimals_keep_their_digits_beside_floats_in_another_file(tmp_path):
    for number, price in enumerate([pa.array([Decimal("12345678.91")]), pa.array([1.5], pa.float32())]):
        pq.write_table(pa.table({"text": ["x"], "price": price}), tmp_path / f"{number}.parquet")
    assert [document["price"] for document in documents(Corpus.open(tmp_path))] == [12345678.91, 1.5]


def test_parquet_types_are_kept_and_wrappings_removed(tmp_path):
    table = pa.table(
        {
            "text": pa.array(["x", "y"], pa.large_string()),
            "topic": pa.array(["a", "b"]).dictionary_encode(),
            "small": pa.array([1, 2], pa.int16()),
            "day": pa.array([date(2020, 1, 2), None]),
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    corpus = Corpus.open(tmp_path / "t.parquet")
    assert corpus.metadata_schema.types == [pa.string(), pa.int16(), pa.date32()]
    assert documents(corpus)[0] == {
        "id": "t:1",
        "text": "x",
        "topic": "a",
        "small": 1,
        "day": date(2020, 1, 2),
    }


def test_a_frame_written_by_pandas_is_read_without_its_index(tmp_path):
    frame = pd.DataFrame({"text": ["x", "y", "z"], "topic": pd.Categorical(["a", "b", "a"])})
    frame[frame.text != "y"].to_parquet(tmp_path / "p.parquet")
    assert documents(Corpus.open(tmp_path / "p.parquet")) == [
        {"id": "p:1", "text": "x", "topic": "a"},
        {"id": "p:2", "text": "z", "topic": "a"},
    ]


def test_csv_cells_are_typed_by_all_of_their_values(tmp_path):
    (tmp_path / "c.csv").write_text(
        "text,postcode,n,x,flag,day,note\n"
        "eka,00100,1,1.5,true,2020-01-31,1\n"
        "toka,90100,-2,2,false,2020-02-29,b\n"
        "kolmas,,,,,,\n",
        encoding="utf-8-sig",
    )
    corpus = Corpus.open(tmp_path / "c.csv", text_column="text")
    assert documents(corpus)[:1] == [
        {
            "id": "c:1",
            "text": "eka",
            "postcode": "00100",
            "n": 1,
            "x": 1.5,
            "flag": True,
            "day": date(2020, 1, 31),
            "note": "1",
        }
    ]


@pytest.mark.parametrize(
    ("cells", "kept"),
    [
        (["1234567890123456789", "2"], [1234567890123456789, 2]),
        (["1234567890123456789", "0.5"], ["1234567890123456789", "0.5"]),
        (["12345678901234567890", "2"], ["12345678901234567890", "2"]),
        (["0000-01-01", "2020-01-01"], ["0000-01-01", "2020-01-01"]),
        (["0000-01-01T00:00", "2020-01-01 10:00"], ["0000-01-01T00:00", "2020-01-01 10:00"]),
    ],
)
def test_csv_cells_come_back_as_they_were(tmp_path, cells, kept):
    (tmp_path / "c.csv").write_text("text,x\n" + "".join(f"t,{cell}\n" for cell in cells))
    assert [document["x"] for document in documents(Corpus.open(tmp_path / "c.csv"))] == kept


@pytest.mark.parametrize("name", ["p.csv", "p.parquet"])
def test_the_index_that_pandas_writes_is_no_metadata(tmp_path, name):
    frame = pd.DataFrame({"review": ["good", "bad"]}, index=["x", "y"])
    frame.to_csv(tmp_path / name) if name.endswith("csv") else frame.to_parquet(tmp_path / name)
    assert documents(Corpus.open(tmp_path / name))[0] == {"id": "p:1", "text": "good"}


def test_a_csv_header_may_span_lines_and_stand_below_blank_ones(tmp_path):
    (tmp_path / "c.csv").write_text('\nid,"the\nyear",text\n1,2020,a\n')
    assert documents(Corpus.open(tmp_path / "c.csv")) == [{"id": "1", "text": "a", "the\nyear": 2020}]


def test_the_cells_of_a_tsv_file_are_parted_by_tabs_alone(tmp_path):
    (tmp_path / "c.tsv").write_text("text\na, b; c|d\n")
    assert documents(Corpus.open(tmp_path / "c.tsv")) == [{"id": "c:1", "text": "a, b; c|d"}]


def test_quotes_are_part_of_the_text_in_a_tsv_file_where_they_do_not_all_enclose_cells(tmp_path):
    texts = ['"I am here.', 'He said "yes" to me.', "no quotes", '"Come in," she said.']
    (tmp_path / "c.tsv").write_text("text\n" + "\n".join(texts) + "\n")
    assert [document["text"] for document in documents(Corpus.open(tmp_path / "c.tsv"))] == texts


def test_quotes_enclose_cells_in_a_tsv_file_where_they_all_can(tmp_path):
    (tmp_path / "c.tsv").write_text('text\tn\n"a ""b""\tc\nd"\t1\n')
    assert documents(Corpus.open(tmp_path / "c.tsv")) == [{"id": "c:1", "text": 'a "b"\tc\nd', "n": 1}]


@pytest.mark.parametrize(
    "header", ['"a;b",text', 'text,"a;b"', '"text";"a,b"', '"a,b"|"text"', '"text"\t"a|b"']
)
def test_a_header_cell_may_hold_other_delimiters_in_quotes(tmp_path, header):
    (tmp_path / "c.csv").write_text(f"{header}\n{header}\n")
    (row,) = documents(Corpus.open(tmp_path / "c.csv", text_column="text"))
    assert all(name == cell for name, cell in row.items() if name != "id")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_delimiters_are_told_by_the_header(tmp_path, delimiter):
    rows = [["id", "text"], ["1", '"a, b; c|d"']]
    (tmp_path / "c.csv").write_text("\n".join(delimiter.join(row) for row in rows))
    assert documents(Corpus.open(tmp_path / "c.csv")) == [{"id": "1", "text": "a, b; c|d"}]


def test_json_values_of_mixed_or_odd_types_become_json_text(tmp_path):
    rows = [
        {"text": "x", "mixed": 1, "empty": {}, "big": 2**80, "nested": {"a": 1}},
        {"text": "y", "mixed": "one", "empty": {}, "big": 1, "nested": {"b": [2]}},
    ]
    first, second = documents(Corpus.open(write(tmp_path / "j.jsonl", rows)))
    assert (first["mixed"], second["mixed"], first["empty"], first["big"]) == ("1", "one", "{}", str(2**80))
    assert (first["nested"], second["nested"]) == ({"a": 1, "b": None}, {"a": None, "b": [2]})


def test_true_and_false_beside_fractions_stay_themselves(tmp_path):
    corpus = Corpus.open(write(tmp_path / "j.jsonl", [{"text": "x", "n": True}, {"text": "y", "n": 1.5}]))
    assert [document["n"] for document in documents(corpus)] == ["true", "1.5"]


def test_half_a_character_escaped_in_json_is_replaced(tmp_path):
    (tmp_path / "j.jsonl").write_text('{"text": "a\\ud83d", "note": ["\\ud83d\\ude00"]}\n')
    assert documents(Corpus.open(tmp_path / "j.jsonl")) == [{"id": "j:1", "text": "a�", "note": ["😀"]}]


def test_the_fingerprint_follows_content_and_columns(tmp_path):
    path = write(tmp_path / "n.jsonl")
    first = Corpus.open(path).fingerprint
    assert Corpus.open(path).fingerprint == first
    assert Corpus.open(path, text_column="title", skip_invalid=True).fingerprint != first
    write(path, [*ROWS, {"id": "d", "text": "new"}])
    assert Corpus.open(path).fingerprint != first


def test_a_file_that_changes_between_the_two_passes_is_noticed(tmp_path):
    path = write(tmp_path / "n.jsonl")
    corpus = Corpus.open(path)
    path.write_text('{"text": null}\n')
    with pytest.raises(CorpusError, match="changed since it was opened"):
        list(corpus.batches())


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=30),
    st.integers(min_value=1, max_value=7),
)
def test_any_unicode_text_comes_back_unchanged_and_in_order(tmp_path, texts, size):
    rows = [{"text": text} for text in texts]
    for name in ("h.parquet", "h.jsonl"):
        corpus = Corpus.open(write(tmp_path / name, rows))
        assert [text for batch in corpus.batches(size) for text in batch.texts] == texts


def test_documents_without_a_language_of_their_own_have_the_default_one(tmp_path):
    rows = [{"text": "x", "lang": "en"}, {"text": "y", "lang": None}]
    corpus = Corpus.open(
        write(tmp_path / "n.parquet", rows), lang_column="lang", text_column="text", lang="fi"
    )
    assert next(corpus.batches()).langs == ["en", "fi"]


@pytest.mark.parametrize("suffix", ["parquet", "jsonl", "csv"])
def test_a_file_in_which_a_column_is_empty_does_not_change_its_type(tmp_path, suffix):
    rows = [{"text": "a", "year": 2020, "tags": 1.5}, {"text": "b", "year": 2021, "tags": None}]
    for name, part in (("1", rows), ("2", [{"text": "c", "year": None, "tags": None}])):
        file = tmp_path / f"{name}.{suffix}"
        if suffix == "parquet":
            pq.write_table(pa.Table.from_pylist(part), file)
        elif suffix == "jsonl":
            file.write_text("".join(json.dumps(row) + "\n" for row in part))
        else:
            lines = [f"{row['text']},{row['year'] or ''},{row['tags'] or ''}" for row in part]
            file.write_text("\n".join(["text,year,tags", *lines]) + "\n")
    corpus = Corpus.open(tmp_path)
    assert [str(field.type) for field in corpus.metadata_schema] == ["int64", "double"]
    metadata = pa.concat_tables([batch.metadata for batch in corpus.batches()])
    assert metadata["year"].to_pylist() == [2020, 2021, None]


def test_a_column_that_is_empty_in_every_file_is_text(tmp_path):
    for name in ("1", "2"):
        (tmp_path / f"{name}.jsonl").write_text('{"text": "a", "note": null}\n')
    corpus = Corpus.open(tmp_path)
    assert [str(field.type) for field in corpus.metadata_schema] == ["string"]
    assert [batch.metadata["note"].to_pylist() for batch in corpus.batches()] == [[None], [None]]


LONG = 1234567890123456789


@pytest.mark.parametrize("first", ["jsonl", "csv"])
@pytest.mark.parametrize("second", ["jsonl", "csv", "parquet"])
def test_integers_that_no_float_holds_are_text_beside_fractions_in_another_file(tmp_path, first, second):
    for name, tweet in ((f"1.{first}", LONG), (f"2.{second}", 0.5), (f"3.{first}", 7)):
        if name.endswith("csv"):
            (tmp_path / name).write_text(f"text,tweet\nx,{tweet}\n")
        else:
            write(tmp_path / name, [{"text": "x", "tweet": tweet}])
    for paths in (tmp_path, sorted(tmp_path.iterdir(), reverse=True)):
        assert {one["tweet"] for one in documents(Corpus.open(paths))} == {str(LONG), "0.5", "7"}


def test_integers_that_no_float_holds_are_text_beside_fractions_far_away_in_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr("xsearch.corpus.jsonl._SURVEY_LINES", 1)
    for tweets in ([LONG, 7, 0.5], [0.5, 7, -LONG], [7, 0.5, 2**53 + 1]):
        path = write(tmp_path / "j.jsonl", [{"text": "x", "tweet": tweet} for tweet in tweets])
        assert [one["tweet"] for one in documents(Corpus.open(path))] == [str(tweet) for tweet in tweets]
    path = write(tmp_path / "j.jsonl", [{"text": "x", "tweet": tweet} for tweet in (2**53, 0.5, None)])
    assert [one["tweet"] for one in documents(Corpus.open(path))] == [2**53, 0.5, None]


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.string()),
        pa.struct([("a", pa.int64())]),
        pa.map_(pa.string(), pa.int64()),
        pa.time64("us"),
        pa.duration("s"),
    ],
    ids=str,
)
def test_a_csv_column_without_values_has_the_type_of_other_files(tmp_path, kind):
    pq.write_table(pa.table({"text": ["x"], "tags": pa.nulls(1, kind)}), tmp_path / "a.parquet")
    (tmp_path / "b.csv").write_text("text,tags\ny,\n")
    corpus = Corpus.open(tmp_path)
    assert corpus.metadata_schema.types == [kind]
    assert [one["tags"] for one in documents(corpus)] == [None, None]
