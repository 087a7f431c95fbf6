import datetime
import json
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stored import create, random_vectors
from xsearch.collection.columns import storable
from xsearch.collection.documents import DocumentsWriter
from xsearch.collection.values import dumps, loads
from xsearch.errors import CollectionError

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.dates()
    | st.datetimes()
    | st.datetimes(timezones=st.just(datetime.UTC))
    | st.times()
    | st.timedeltas()
    | st.decimals(allow_nan=False)
    | st.uuids()
)
nested = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("$ab", max_size=2), inner, max_size=3)
    ),
)


@given(st.lists(nested, max_size=5))
def test_values_come_back_equal_and_of_the_same_type(values):
    line = dumps(values)
    assert b"\n" not in line
    assert loads(line) == values
    assert [type(value) for value in loads(line)] == [type(value) for value in values]


@pytest.mark.parametrize(
    "line", [b"", b"{}", b"[1", b'[{"$": ["exec", "x"]}]', b'[{"$": 1}]', b'[{"$": ["date", "x"]}]', b"\xff"]
)
def test_lines_that_dumps_does_not_write_are_refused(line):
    with pytest.raises((ValueError, json.JSONDecodeError)):
        loads(line)


@pytest.mark.parametrize(
    "values", [pa.array([10**7], pa.date32()), pa.array([0], pa.timestamp("us", "Nowhere/Land"))]
)
def test_values_that_python_has_no_form_for_are_refused(tmp_path, values):
    table = pa.table({"when": values})
    writer = DocumentsWriter(tmp_path, table.schema)
    with pytest.raises(CollectionError, match="column 'when' has values that cannot be stored"):
        writer.append(np.array([1]), ["a"], ["text"], ["en"], table)
    writer.abandon()


def test_nanoseconds_are_cut_to_microseconds():
    kept = storable(pa.table({"when": pa.array([1_500, None], pa.timestamp("ns"))}))
    assert kept["when"] == pa.chunked_array([pa.array([1, None], pa.timestamp("us"))])


def test_a_time_beyond_what_microseconds_reach_is_refused_and_becomes_no_other():
    table = pa.table({"when": pa.array([2**62], pa.timestamp("ms"))})
    with pytest.raises(CollectionError, match="column 'when' has values that cannot be stored"):
        storable(table)


@pytest.mark.parametrize(
    "values",
    [
        pa.array([{}], pa.struct([])),
        pa.array([[{}]], pa.list_(pa.struct([]))),
        pa.array([Decimal(1200)], pa.decimal128(5, -2)),
        pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())),
    ],
)
def test_a_type_that_parquet_or_the_filter_cannot_hold_is_refused_by_its_column(tmp_path, values):
    collection = create(tmp_path / "c")
    with pytest.raises(CollectionError, match=r"column 'odd' has type .*; convert or drop it"):
        collection.add(
            ["a"],
            ["t"],
            lang="fi",
            vectors={"shared": random_vectors(1)},
            metadata=pa.table({"odd": values}),
        )
    assert len(collection) == 0
