import datetime
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsearch.collection.values import dumps, loads

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
