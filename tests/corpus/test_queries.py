"""Files of queries: one column of texts, without ids or metadata."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from xsearch.corpus import read_queries
from xsearch.errors import CorpusError


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("q.txt", "eka\n\n  toka kysymys \r\nkolmas"),
        (
            "q.jsonl",
            '{"id": 1, "query": "eka"}\n{"id": 1, "query": "toka kysymys"}\n{"query": "kolmas", "text": "x"}',
        ),
        ("q.csv", "question,topic\neka,a\ntoka kysymys,b\nkolmas,c\n"),
        ("q.tsv", "text\tn\neka\t1\ntoka kysymys\t2\nkolmas\t3\n"),
    ],
)
def test_queries_are_read_from_every_format(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    assert list(read_queries(tmp_path / name)) == ["eka", "toka kysymys", "kolmas"]


def test_a_column_can_be_named(tmp_path):
    pq.write_table(pa.table({"text": ["x"], "kysymys": ["y"]}), tmp_path / "q.parquet")
    assert list(read_queries(tmp_path / "q.parquet", "kysymys")) == ["y"]
    with pytest.raises(CorpusError, match=r"no column 'query'.*'text', 'kysymys'"):
        list(read_queries(tmp_path / "q.parquet", "query"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("q.txt", b"s\xe4\xe4\n", "line 1: byte 0xe4 is not UTF-8"),
        ("q.jsonl", b'{"query": "x"}\n{"query": null}\n', "line 2: the text is null"),
        (
            "q.jsonl",
            b'{"query": "x"}\n\n{"query": " \\t"}\n',
            "line 3: the query is empty; expected some words; mend",
        ),
        ("q.csv", b"id,query\n1,x\n2, \n", "row 2: the query is empty"),
        ("q.docx", b"PK", "no format that is read here"),
    ],
)
def test_what_is_no_query_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CorpusError, match=message):
        list(read_queries(tmp_path / name))


def test_a_missing_file(tmp_path):
    with pytest.raises(CorpusError, match="no such file"):
        list(read_queries(tmp_path / "none.txt"))
