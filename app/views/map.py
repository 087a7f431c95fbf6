"""Map: the documents of collections in the plane, with the query among them."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import streamlit as st

from page import answers, store
from page.answers import Request
from page.bar import collection_picker, language_picker, query_box, understood
from page.cards import card
from page.notices import error, no_collections, no_modules
from page.safe import escaped
from xsearch import Hit
from xsearch.errors import XsearchError
from xsearch.search.projection import Projection

if TYPE_CHECKING:
    import plotly.graph_objects as go

_MOST_GROUPS = 10  # as many as Streamlit has colours for
_REST = ("others", "none")
_MOST_LISTED = 30
_HITS = 10


def show() -> None:
    """The view."""
    good, _ = store.sound()
    if not store.languages():
        no_modules()
        return
    query = query_box()
    if not good:
        no_collections()
        return
    try:
        with st.container(horizontal=True, key="bar"):
            lang = language_picker()
            versions = store.versions(collection_picker(list(good)))
            by = _colour_picker(versions)
        with st.spinner("Laying out the map …"):
            projection = answers.projected(versions)
        hits: tuple[Hit, ...] = ()
        place = None
        if query and (asked := understood(query, lang)) is not None:
            hits = answers.found(Request(asked.query, asked.lang, versions, _HITS, "shared", None)).hits
            place = projection.place(answers.vector(asked.query, asked.lang))
    except XsearchError as problem:
        error(problem)
        return
    drawn = len(projection.points)
    sampled = (
        f"{drawn:,} of {projection.total:,} documents, chosen by chance"
        if drawn < projection.total
        else f"{drawn:,} documents"
    )
    st.html(
        f'<p class="status">{sampled} · near points are near in meaning. '
        "Draw a box or a lasso to list documents."
        f"{' The diamond is the query, the rings are its hits.' if place else ''}</p>"
    )
    event = st.plotly_chart(
        _figure(projection, by, hits, place),
        key="chart",
        on_select="rerun",
        selection_mode=("points", "box", "lasso"),
        config={"displaylogo": False, "scrollZoom": True, "modeBarButtonsToRemove": ["toImage"]},
    )
    _listed(projection, [point["customdata"] for point in event.selection.points if "customdata" in point])


def _colour_picker(versions: tuple[store.Version, ...]) -> str:
    columns = [
        facet.name for facet in store.facets_of(versions) if facet.kind in ("category", "number", "date")
    ]
    names = ["lang", "collection", *columns]
    return str(
        st.selectbox(
            "Colour by",
            names,
            index=names.index("topic") if "topic" in names else 0,
            key="by_column",
            bind="query-params",
            format_func=lambda name: f"Colour: {'language' if name == 'lang' else name}",
            label_visibility="collapsed",
            width=190,
        )
    )


def _figure(
    projection: Projection, by: str, hits: tuple[Hit, ...], place: tuple[float, float] | None
) -> go.Figure:
    import plotly.graph_objects as go

    values = projection.documents[by].to_pylist()
    texts = _hovers(projection)
    figure = go.Figure()
    numeric = [value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
    if numeric:
        scale = {"colorscale": "Viridis", "showscale": True, "colorbar": {"thickness": 10, "outlinewidth": 0}}
        figure.add_trace(_points(projection, range(len(values)), texts, by, {"color": values} | scale))
    else:
        for name, rows in _groups(values).items():
            figure.add_trace(
                _points(projection, rows, texts, name, {"color": "#9aa0a6"} if name in _REST else {})
            )
    rings = projection.positions(hits)
    if rings:
        x, y = projection.points[rings].T
        figure.add_trace(go.Scatter(
            x=x, y=y, mode="markers", name="hits", hoverinfo="skip",
            marker={"symbol": "circle-open", "size": 15, "line": {"width": 2}, "color": "#b8454b"},
        ))  # fmt: skip
    if place is not None:
        figure.add_trace(go.Scatter(
            x=[place[0]], y=[place[1]], mode="markers", name="query", hoverinfo="name",
            marker={"symbol": "diamond", "size": 15, "color": "#b8454b", "line": {"width": 1.5, "color": "white"}},
        ))  # fmt: skip
    axis = {"visible": False, "showgrid": False, "zeroline": False}
    figure.update_layout(
        height=560, margin={"l": 0, "r": 0, "t": 0, "b": 0}, xaxis=axis, yaxis=axis,
        dragmode="pan", legend={"orientation": "h", "y": -0.02, "itemsizing": "constant"}, hoverlabel={"align": "left"},
    )  # fmt: skip
    return figure


def _points(
    projection: Projection, rows: Any, texts: list[str], name: str, marker: dict[str, Any]
) -> go.Scattergl:
    import plotly.graph_objects as go

    chosen = list(rows)
    x, y = projection.points[chosen].T
    return go.Scattergl(
        x=x, y=y, mode="markers", name=_shown(name), customdata=chosen, text=[texts[row] for row in chosen],
        hovertemplate="%{text}<extra></extra>", marker={"size": 7, "opacity": 0.8} | marker,
    )  # fmt: skip


def _groups(values: list[Any]) -> dict[str, list[int]]:
    """The rows by value, the most frequent values first; what is beyond the tenth goes together."""
    rows: dict[str, list[int]] = {}
    for row, value in enumerate(values):
        rows.setdefault("none" if value is None else str(value), []).append(row)
    ordered = sorted(rows, key=lambda value: (-len(rows[value]), value))
    groups = {value: rows[value] for value in ordered[:_MOST_GROUPS]}
    others = [row for value in ordered[_MOST_GROUPS:] for row in rows[value]]
    return groups | ({"others": others} if others else {})


def _hovers(projection: Projection) -> list[str]:
    """The beginning of each text, broken into lines. Plotly reads a little HTML, so the text is escaped."""
    rows = zip(projection.documents["id"].to_pylist(), projection.documents["text"].to_pylist(), strict=True)
    return [
        f"<b>{_shown(id[:60])}</b><br>"
        + "<br>".join(_shown(line) for line in textwrap.wrap(" ".join(text[:300].split()), 60)[:4])
        for id, text in rows
    ]


def _shown(text: str) -> str:
    """Text for Plotly, which knows the entities of `<`, `>` and `&` only."""
    return escaped(text).replace("&#x27;", "'").replace("&quot;", '"')


def _listed(projection: Projection, points: list[Any]) -> None:
    rows = sorted({int(point[0] if isinstance(point, list) else point) for point in points})
    rows = [row for row in rows if 0 <= row < len(projection.points)]
    if not rows:
        return
    more = f", the first {_MOST_LISTED} listed" if len(rows) > _MOST_LISTED else ""
    st.html(f'<h2 class="column">{len(rows):,} selected{more}</h2>')
    for row in projection.documents.take(rows[:_MOST_LISTED]).to_pylist():
        metadata = {
            name: value for name, value in row.items() if name not in ("id", "lang", "text", "collection")
        }
        st.html(
            card(Hit(0, 0.0, row["id"], row["text"], row["lang"], row["collection"], metadata), ranked=False)
        )
