import os
import time
from datetime import datetime

import pyarrow as pa
import pytest

from tests.stored import FakeEncoder, create, put, random_vectors
from xsearch.collection import Collection
from xsearch.errors import QueryError


def ids(collection, where, k=200):
    return {hit.id for hit in collection.search("x", lang="fi", k=k, where=where)}


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("year > 2020", {f"d{n}" for n in range(100) if n % 25 > 20}),
        ("year BETWEEN 2001 AND 2002 AND topic = 'law'", {"d2", "d26", "d52", "d76"}),
        ("year IN (2003) OR id = 'd50'", {"d3", "d28", "d53", "d78", "d50"}),
        ("text LIKE 'teksti 1 %'", {"d1"}),
        ("lang = 'sv'", set()),
        ("YEAR = 2000 AND upper(\"Topic\") = 'LAW' -- even ones", {"d0", "d50"}),
        ("CASE WHEN year = 2001 THEN id = 'd1' ELSE false END", {"d1"}),
        ("CAST(year AS VARCHAR) = '2001' AND id <> 'd1'", {"d26", "d51", "d76"}),
        ("topic IS NULL", set()),
        ("list_contains(list_filter([id, topic], lambda x: x <> 'law'), 'd1')", {"d1"}),
        ("regexp_matches(text, '^teksti [34] ') AND length(text) < 100 AND year % 2 = 1", {"d3"}),
        ("make_date(year, 1, 1) = DATE '2001-01-01' + INTERVAL 0 DAY AND id ILIKE 'D1'", {"d1"}),
    ],
)
def test_only_documents_for_which_the_condition_is_true_come_back(news, where, expected):
    assert ids(news, where) == expected


def test_k_results_come_back_whenever_k_exist(news):
    assert len(news.search("x", lang="fi", k=4, where="year = 2001")) == 4
    assert len(news.search("x", lang="fi", k=5, where="year = 2001")) == 4


def test_deleted_and_replaced_documents_do_not_pass(news):
    news.delete(ids=["d1"])
    put(news, 26, 27, upsert=True)
    assert ids(news, "year = 2001") == {"d26", "d51", "d76"}
    assert ids(news, "id = 'd26'") == {"d26"}


def test_a_filter_does_not_fail_on_a_value_that_is_gone(empty):
    metadata = pa.table({"year": ["1999", "n/a", "2003", "unknown"]})
    ids_ = ["a", "b", "c", "d"]
    empty.add(ids_, ids_, lang="fi", vectors={"shared": random_vectors(4)}, metadata=metadata)
    with pytest.raises(QueryError, match="Could not convert string"):
        ids(empty, "CAST(year AS INTEGER) > 2000")
    empty.delete(ids=["b"])
    mended = pa.table({"year": ["2010"]})
    empty.upsert(["d"], ["d"], lang="fi", vectors={"shared": random_vectors(1)}, metadata=mended)
    assert ids(empty, "CAST(year AS INTEGER) > 2000") == {"c", "d"}
    assert empty.delete(where="CAST(year AS INTEGER) > 2005") == 1
    with pytest.raises(QueryError, match="no_such"):
        ids(empty, "no_such > 2000")


@pytest.mark.parametrize(
    "where",
    [
        "",
        "   ",
        "year > 2000; DROP TABLE documents",
        "year > 2000) OR (1 = 1",
        "year > 2000] OR [1 = 1",
        "1) FROM documents UNION SELECT (2",
        "true) FROM read_text('/etc/passwd') WHERE (true",
        "(SELECT 1) = 1",
        "EXISTS (SELECT 1 FROM documents)",
        "year IN (SELECT 1)",
        "id IN (SELECT content FROM read_text('/etc/passwd'))",
        "read_text('/etc/passwd') = ''",
        "read_csv('/etc/passwd') = ''",
        "getenv('HOME') = ''",
        "random() < 0.5",
        "contains(current_setting('allowed_paths')::VARCHAR, '/home/')",
        "getvariable('x') IS NULL",
        "nextval('s') > 1",
        "row_number() OVER () > 1",
        "count(*) > 1",
        "year > ?",
        "COLUMNS(*) > 1",
        "*",
        "year, 1",
        "yeer > 2000",
        "year > ",
        "year > 2000 /*",
        "year > 2000 LIMIT 1",
        "year = 'soon'",
        "ATTACH 'x.db'",
        "COPY documents TO '/tmp/stolen.csv'",
        "INSTALL httpfs",
        "(" * 3000 + "true" + ")" * 3000,
        "true OR " * 3000 + "true",
        "CASE WHEN true THEN " * 400 + "true" + " END" * 400,
        "len(repeat('a', 3000000000000)) > 1",
        "len(repeat('a', 3000000000)) > 1",
        "len(LPAD(topic, 1000000000, 'x')) > 1",
        "len(range(100000000)) > 1",
        "len(printf('%1000000000d', 1)) > 1",
        "length(replace(replace(text, ' ', text), ' ', text)) > 0",
        "list_reduce(['x', 'x', 'x'], lambda a, b: a || a) = 'x'",
        "bitstring('1', 2000000000 + year) IS NULL",
        "length(hex(hex(hex(text)))) > 0",
        "len(list_transform(string_split(text, ' '), lambda x: string_split(text, ' '))) > 0",
        "array_to_string(string_split(text, ' '), text) = ''",
        " || ".join(["text"] * 30) + " = ''",
        "[" * 10 + "topic" + "]::VARCHAR" * 10 + " = ''",
        "\x00",
    ],
)
def test_anything_but_one_harmless_expression_is_refused_with_the_columns_named(news, where):
    with pytest.raises(QueryError, match=r"year, topic, id, lang, text|too long|more than one expression"):
        news.search("x", lang="fi", where=where)


@pytest.mark.parametrize("where", ["year = 2001 /*", "topic = 'law", "year = \n 2001 AND"])
def test_a_refusal_is_one_line(news, where):
    with pytest.raises(QueryError) as refusal:
        news.search("x", lang="fi", where=where)
    assert "\n" not in str(refusal.value)


def test_the_connection_itself_is_locked_down(news):
    """Behind the check of the expression stands a database that could not do harm if one slipped through."""
    import duckdb

    from xsearch.collection.filters import Filter
    from xsearch.collection.snapshot import open_snapshot

    snapshot = open_snapshot(news.path)
    connection = Filter(snapshot)._connection
    for statement in (
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_csv('https://example.org/x.csv')",
        "COPY (SELECT 1) TO '/tmp/xsearch-stolen.csv'",
        "ATTACH '/tmp/xsearch-stolen.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET memory_limit = '100GB'",
        "RESET lock_configuration",
    ):
        with pytest.raises(duckdb.Error):
            connection.execute(statement)


def test_a_filter_that_runs_too_long_is_stopped(news, monkeypatch):
    monkeypatch.setattr("xsearch.collection.filters.SECONDS", 0.2)
    inner = "year >= 0"
    for depth in range(9):
        words = "string_split(text || ' a b c d e f g h', ' ')"
        inner = f"len(list_filter({words}, lambda x{depth}: {inner})) > 0"
    with pytest.raises(QueryError, match=r"ran for 0.2 s"):
        news.search("x", lang="fi", where=inner)
    assert len(ids(news, "year = 2001")) == 4


@pytest.mark.parametrize(
    "clock",
    [
        "now()",
        "current_date",
        "Current_Timestamp",
        "today()",
        "get_current_timestamp()",
        "ago(INTERVAL 1 HOUR)",
    ],
)
def test_a_condition_on_the_time_is_worked_out_anew_for_each_query(news, clock):
    allowed = news._view.allowed
    assert allowed("year > 2020", None) is allowed("year > 2020", None)
    where = f"year > 2020 AND {clock} > DATE '2020-01-01'"
    assert allowed(where, None) is not allowed(where, None)
    assert len(ids(news, where)) == 16


def test_strange_column_names_and_paths_work(tmp_path):
    collection = create(tmp_path / 'o\'[x]* "é"')
    metadata = pa.table({'we"ird, name': [1, 2], "select": ["a", "b"], "päivä": [3, 4]})
    collection.add(
        ["a", "b"], ["t", "u"], lang="fi", vectors={"shared": random_vectors(2)}, metadata=metadata
    )
    assert ids(collection, '"we""ird, name" = 2 AND "select" = \'b\' AND päivä = 4') == {"b"}


def test_the_path_of_a_collection_says_nothing_about_its_documents(tmp_path):
    """DuckDB takes a path for a pattern, and a folder named column=value for a column."""
    put(create(tmp_path / "year=1999" / "ab"), 0, 10)
    collection = create(tmp_path / "year=1999" / "a[b]")
    put(collection, 0, 30)
    assert ids(collection, "year = 1999") == set()
    assert ids(collection, "year = 2020") == {"d20"}


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Auckland", "America/New_York"])
def test_times_are_those_of_the_documents_and_not_of_the_machine(empty, monkeypatch, zone):
    times = [datetime(2024, 1, 1, 1, 30), datetime(2023, 12, 31, 23, 30), datetime(2023, 12, 31, 12)]
    metadata = pa.table({"published": pa.array(times, pa.timestamp("us", "UTC"))})
    names = ["a", "b", "c"]
    empty.add(names, names, lang="fi", vectors={"shared": random_vectors(3)}, metadata=metadata)
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert ids(empty, "published >= '2024-01-01'") == ids(empty, "year(published) = 2024") == {"a"}
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_metadata_column_called_like_ours_is_the_one_that_is_meant(empty):
    metadata = pa.table({"id": [7, 8], "Text": ["x", "y"]})
    empty.add(["a", "b"], ["t", "u"], lang="fi", vectors={"shared": random_vectors(2)}, metadata=metadata)
    assert ids(empty, "id = 8 AND text = 'y' AND lang = 'fi'") == {"b"}


def test_a_long_open_reader_filters_on_after_its_files_were_compacted_away(news):
    reader = Collection.open(news.path, encoder_for=FakeEncoder)
    news.delete(ids=["d1"])
    news.compact()
    assert ids(reader, "year = 2001") == {"d26", "d51", "d76"}


def test_a_query_without_a_condition_does_not_import_duckdb(news):
    import subprocess
    import sys

    code = f"""
import sys
from xsearch.collection import Collection
collection = Collection.open({str(news.path)!r})
assert collection.search_vectors([[1.0] * 32], k=3)[0][0].text
heavy = {{"duckdb", "pyarrow", "torch", "onnxruntime", "pandas", "filelock"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})


def test_a_collection_that_was_made_anew_is_not_filtered_by_the_other_ones_documents(news):
    """Files have the same names in both, and an open reader goes on showing the old ones until it is refreshed."""
    reader = Collection.open(news.path, encoder_for=FakeEncoder)
    news.drop()
    other = create(news.path)
    put(other, 50, 100)
    assert ids(reader, "year = 2001") == {"d51", "d76"}
