"""What is printed: safe text, tables, JSON, progress."""

import json
import sys
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsearch.cli.hits import hits_table
from xsearch.cli.printable import printable
from xsearch.cli.progress import progress
from xsearch.cli.table import Column, table
from xsearch.json_lines import json_line
from xsearch.output_file import write_documents

CONTROLS = {chr(code) for code in (*range(32), *range(127, 160))} | set("\u2028\u2029\u202e\u2066")


@given(st.text())
def test_printable_text_has_no_control_characters_and_one_line(text):
    shown = printable(text)
    assert not set(shown) & CONTROLS
    shown.encode()


@pytest.mark.parametrize(
    "metadata", [{"title": None, "headline": "Uutisia"}, {"Heading": "Uutisia", "title": 5}]
)
def test_the_title_of_a_hit_is_the_first_that_is_a_text(metadata):
    hit = {"rank": 1, "score": 0.5, "id": "a", "text": "teksti", "lang": "fi", "collection": "c"}
    answer = {"query": "q", "lang": "fi", "space": "shared", "hits": [hit | {"metadata": metadata}]}
    lines = [line.split()[-1] for line in hits_table(answer, several=False).splitlines()[2:]]
    assert lines[:2] == ["Uutisia", "teksti"]
    assert ("5" in lines) == (5 in metadata.values())


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_json_is_one_safe_line_that_reads_back(value):
    line = json_line(value)
    assert not set(line) & CONTROLS
    line.encode()
    json.loads(line, parse_constant=pytest.fail)


@given(st.text())
def test_text_survives_json(text):
    assert json.loads(json_line(text)) == text


def test_values_without_a_json_type_become_text():
    value = {
        "day": date(2020, 1, 2),
        "price": Decimal("1.50"),
        "blob": b"\0\1",
        "nan": float("nan"),
        5: (1, 2),
    }
    assert json.loads(json_line(value)) == {
        "day": "2020-01-02", "price": "1.50", "blob": "AAE=", "nan": None, "5": [1, 2],
    }  # fmt: skip


def test_table_cells_line_up_for_wide_and_combining_characters(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    shown = table(
        [Column("id"), Column("n", right=True), Column("text")],
        [["猫", "1", "x"], ["é", "10", "y"], ["abcd", "100", "z"]],
    )
    assert shown.splitlines()[1:] == ["猫      1  x", "é      10  y", "abcd  100  z"]


def test_the_last_column_wraps_at_the_width_of_the_terminal_and_is_cut(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    lines = table([Column("id"), Column("text")], [["a", "word " * 100]], lines=2).splitlines()
    assert len(lines) == 3
    assert all(len(line) <= 40 for line in lines[1:])
    assert lines[-1].endswith("…")


@given(st.text(), st.integers(min_value=1, max_value=200))
def test_any_text_fits_its_lines(text, width):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(width))
        shown = table([Column("id"), Column("text")], [[text, text]], lines=2).split("\n")
    assert 1 <= len(shown) <= 1 + 2 * len(text.split("\n"))


class Terminal:
    """A stderr that says that it is a terminal."""

    def __init__(self):
        self.written = ""

    def write(self, text):
        self.written += text

    def flush(self):
        pass

    def isatty(self):
        return True


def test_progress_has_rate_and_time_left_on_a_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    with progress("indexing news", 1000) as advance:
        for done in range(0, 1001, 100):
            advance(done)
    assert "indexing news" in sys.stderr.written
    assert "documents/s" in sys.stderr.written
    assert "1000/1000" in sys.stderr.written
    assert "0:00:00" in sys.stderr.written


def test_progress_is_silent_elsewhere(capsys):
    with progress("indexing news", 10) as advance:
        advance(5)
    assert capsys.readouterr().err == ""


def test_cells_of_a_csv_file_are_what_json_has_for_them(tmp_path):
    batch = pa.record_batch({"raw": [b"\xff\x00", None], "x": [float("nan"), 1.5], "flag": [True, None]})
    write_documents([batch], tmp_path / "out.csv", [])
    assert (tmp_path / "out.csv").read_text().split() == ["raw,x,flag", "/wA=,,True", ",1.5,"]
