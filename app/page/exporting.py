"""Results as files, and the command that gives the same ones."""

from __future__ import annotations

import csv
import io
import shlex
from functools import partial

import streamlit as st

from page import store
from page.answers import Request
from xsearch import SearchResult
from xsearch.answers import answer_of
from xsearch.json_lines import cell_value, json_line


def as_json(result: SearchResult) -> bytes:
    """One object, as `xsearch query --format json` prints it."""
    return (json_line(answer_of(result)) + "\n").encode()


def as_csv(result: SearchResult) -> bytes:
    """A row for each hit; metadata in columns of its own, after the hit's."""
    names = _metadata_names(result)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["rank", "score", "id", "lang", "collection", "text", *names])
    for hit in result.hits:
        cells = [cell_value(hit.metadata.get(name)) for name in names]
        writer.writerow([hit.rank, f"{hit.score:.6f}", hit.id, hit.lang, hit.collection, hit.text, *cells])
    return text.getvalue().encode("utf-8-sig")


def as_parquet(result: SearchResult) -> bytes:
    """The same table; a metadata column whose values are of different types in different collections is text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    hits = result.hits
    columns = {
        "rank": pa.array([hit.rank for hit in hits], pa.int32()),
        "score": pa.array([hit.score for hit in hits], pa.float32()),
        **{
            name: pa.array([getattr(hit, name) for hit in hits], pa.string())
            for name in ("id", "lang", "collection", "text")
        },
    }
    for name in _metadata_names(result):
        values = [hit.metadata.get(name) for hit in hits]
        try:
            column = pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            column = pa.array(
                [None if value is None else str(cell_value(value)) for value in values], pa.string()
            )
        columns[f"metadata.{name}" if name in columns else name] = column
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, compression="zstd")
    return sink.getvalue()


def command(request: Request, *, every: bool) -> str:
    """The `xsearch query` command for a request; `every`: all collections of the store are searched."""
    words = ["xsearch", "query", request.query, "--lang", request.lang]
    if request.query.startswith("-"):
        words = ["xsearch", "query", "--lang", request.lang]
    if not every:
        for version in request.versions:
            words += ["-c", version.name]
    words += ["-k", str(request.k)]
    if request.space != "auto":
        words += ["--space", request.space]
    if request.where:
        words += ["--where", request.where]
    words += ["--store", str(store.folder())]
    if request.query.startswith("-"):
        words += ["--", request.query]
    return shlex.join(words)


def take_along(result: SearchResult, shell: str | None) -> None:
    """The popover with the downloads and the command."""
    with st.popover("Export", icon=":material/download:"):
        with st.container(horizontal=True):
            for kind, make, mime in (
                ("CSV", as_csv, "text/csv"),
                ("JSON", as_json, "application/json"),
                ("Parquet", as_parquet, "application/vnd.apache.parquet"),
            ):
                st.download_button(
                    kind,
                    partial(make, result),
                    file_name=f"hits.{kind.lower()}",
                    mime=mime,
                    on_click="ignore",
                    key=f"export_{kind}",
                )
        if shell:
            st.caption("The same from the command line:")
            st.code(shell, language="bash", wrap_lines=True)
        st.caption("The address of this page holds the whole search: share it as a link.")


def _metadata_names(result: SearchResult) -> list[str]:
    return list(dict.fromkeys(name for hit in result.hits for name in hit.metadata))
