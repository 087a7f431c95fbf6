"""Filters made from the collections' own metadata."""

from __future__ import annotations

from datetime import date
from typing import Any

import streamlit as st

from page import store
from page.safe import plain
from page.store import Version
from xsearch.collection.facets import Facet, Kind, all_of, between, containing, one_of

_LARGEST = (1 << 53) - 1
"""No larger integer can be a bound of a slider, for JavaScript has none. They are identifiers mostly."""

_FIRST_DAY, _LAST_DAY = date(1700, 1, 1), date(2250, 12, 31)
"""The bounds of a slider of dates, which Streamlit counts in microseconds from 1970."""

_Pair = tuple[Any, Any]
"""Two numbers or two dates, the lower one first."""


def filters(versions: tuple[Version, ...]) -> str | None:
    """A widget for each column that all the collections have; the choice as SQL, None if nothing is chosen."""
    facets = store.facets_of(versions)
    with st.popover("Filters", icon=":material/filter_list:"):
        conditions = [condition for facet in facets if (condition := _condition(facet))]
        if not facets:
            st.caption("These collections have no metadata in common to filter by.")
    return all_of(conditions)


def _condition(facet: Facet) -> str | None:
    # A column of the same name may be of another kind in other collections: what was chosen there means nothing here.
    kinds: dict[str, Kind] = st.session_state.setdefault("kinds", {})
    if kinds.get(facet.name, facet.kind) != facet.kind:
        st.session_state.pop(_key(facet), None)
    kinds[facet.name] = facet.kind
    match facet.kind:
        case "category":
            return _category(facet)
        case "number" | "date":
            return _range(facet)
    words = st.text_input(
        f"{plain(facet.name)} contains", key=_key(facet), bind="query-params", max_chars=200
    )
    return containing(facet, words) if words else None


def _category(facet: Facet) -> str | None:
    # A choice is bound to the URL as text, so true and false go by their names.
    by_name = {str(value): value for value in facet.values}
    chosen = st.multiselect(plain(facet.name), list(by_name), key=_key(facet), bind="query-params")
    return one_of(facet, [by_name[name] for name in chosen]) if chosen else None


def _range(facet: Facet) -> str | None:
    low, high, bounds = facet.low, facet.high, _bounds(facet)
    if low is None or high is None or bounds is None:
        return None
    first, last = _ends(facet, bounds)
    if (first, last) == bounds:
        return None
    # at its ends the slider means what lies beyond it too
    return between(facet, low if first == bounds[0] else first, high if last == bounds[1] else last)


def _bounds(facet: Facet) -> _Pair | None:
    """The bounds of the column's slider; None if it has none."""
    low, high = facet.low, facet.high
    if isinstance(low, date) and isinstance(high, date):
        first, last = max(low, _FIRST_DAY), min(high, _LAST_DAY)
        return (first, last) if first < last else None
    if low is None or high is None or isinstance(low, date) or isinstance(high, date) or low == high:
        return None
    if not facet.whole:
        return float(low), float(high)
    return (int(low), int(high)) if max(abs(low), abs(high)) <= _LARGEST else None


def _ends(facet: Facet, bounds: _Pair) -> _Pair:
    """The column's slider; where its ends stand.

    Its bounds change with the collections. An end that stood at its bound goes along, for nobody has set it.
    """
    key = _key(facet)
    known: dict[str, _Pair] = st.session_state.setdefault("bounds", {})
    former, before = known.get(key, bounds), st.session_state.get(key)
    known[key] = bounds
    bound = True
    if former != bounds and before is not None:
        ends = st.session_state[key] = _moved(before, former, bounds)
        # To Streamlit a slider of other bounds is a new one, which takes its ends from the address before all else,
        # and there are the former ones. So it is not bound for one run; the next one writes the address.
        bound = ends in (before, bounds)
    chosen: _Pair = st.slider(
        plain(facet.name),
        *bounds,
        bounds,
        key=key,
        bind="query-params" if bound else None,
        format="YYYY-MM-DD" if facet.kind == "date" else "%d" if facet.whole else None,
    )
    return chosen


def _moved(ends: _Pair, former: _Pair, bounds: _Pair) -> _Pair:
    """The ends of a slider whose bounds change."""
    low, high = (
        new if end == old else min(max(end, bounds[0]), bounds[1])
        for end, old, new in zip(ends, former, bounds, strict=True)
    )
    return low, high


def _key(facet: Facet) -> str:
    return f"f_{facet.name}"
