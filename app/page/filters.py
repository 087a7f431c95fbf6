"""Filters made from the collections' own metadata."""

from __future__ import annotations

from datetime import date

import streamlit as st

from page import store
from page.safe import plain
from page.store import Version
from xsearch.collection.facets import Facet, all_of, between, containing, one_of

_LARGEST = (1 << 53) - 1
"""No larger integer can be a bound of a slider, for JavaScript has none. They are identifiers mostly."""

_FIRST_DAY, _LAST_DAY = date(1700, 1, 1), date(2250, 12, 31)
"""The bounds of a slider of dates, which Streamlit counts in microseconds from 1970."""


def filters(versions: tuple[Version, ...]) -> str | None:
    """A widget for each column that all the collections have; the choice as SQL, None if nothing is chosen."""
    facets = store.facets_of(versions)
    with st.popover("Filters", icon=":material/filter_list:"):
        conditions = [condition for facet in facets if (condition := _condition(facet))]
        if not facets:
            st.caption("These collections have no metadata in common to filter by.")
    return all_of(conditions)


def _condition(facet: Facet) -> str | None:
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
    low, high = facet.low, facet.high
    if low is None or high is None or low == high:
        return None
    label, key = plain(facet.name), _key(facet)
    chosen: tuple[float | date, float | date]
    if isinstance(low, date) and isinstance(high, date):
        first, last = max(low, _FIRST_DAY), min(high, _LAST_DAY)
        if first >= last:
            return None
        days = st.slider(label, first, last, (first, last), key=key, bind="query-params", format="YYYY-MM-DD")
        # at its ends the slider means what lies beyond it too
        chosen = (low if days[0] == first else days[0], high if days[1] == last else days[1])
    elif isinstance(low, date) or isinstance(high, date):
        return None
    else:
        if facet.whole and max(abs(low), abs(high)) > _LARGEST:
            return None
        kind, shown = (int, "%d") if facet.whole else (float, None)
        low, high = kind(low), kind(high)
        chosen = st.slider(label, low, high, (low, high), key=key, bind="query-params", format=shown)
    return None if chosen == (low, high) else between(facet, *chosen)


def _key(facet: Facet) -> str:
    return f"f_{facet.name}"
