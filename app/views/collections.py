"""Collections: what is in the store, whether it is whole, and new ones from uploaded files."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import streamlit as st

from page import store
from page.notices import error, no_collections
from page.safe import escaped, plain
from page.uploading import announce, upload
from xsearch import Collection
from xsearch.cli.printable import megabytes
from xsearch.collection import Info
from xsearch.collection.verification import verify
from xsearch.errors import XsearchError


def show() -> None:
    """The view."""
    announce()
    good, bad = store.sound()
    if not good and not bad:
        no_collections()
    for name, collection in good.items():
        _collection(name, collection)
    for name, problem in bad.items():
        with st.container(border=True, key=f"collection_{name}"):
            st.html(f'<h3 class="name">{escaped(name)}</h3>', width="content")
            error(f"It cannot be opened. {problem}")
            _verify(name)
    upload()


def _collection(name: str, collection: Collection) -> None:
    with st.container(border=True, key=f"collection_{name}"):
        info = _described(store.version(name))
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.html(f'<h3 class="name">{escaped(name)}</h3>', width="content")
            st.html(f'<a class="go" href="/?c={quote(name)}" target="_self">Search it</a>', width="content")
        st.html(_sheet(_rows(info)))
        for advice in info.advice:
            st.caption(plain(advice[:1].upper() + advice[1:]))
        with st.expander("Modules, columns and index"):
            st.html(_sheet(_details(info)))
            st.code(f"xsearch info {name} --store {store.folder()}", language="bash", wrap_lines=True)
        _verify(name)


@st.cache_data(max_entries=64, show_spinner=False)
def _described(version: store.Version) -> Info:
    return store.opened(version).info()


@st.fragment
def _verify(name: str) -> None:
    if not st.button("Verify every file", key=f"verify_{name}"):
        return
    try:
        with st.spinner("Reading every file …"):
            found = verify(Path(store.version(name).path))
    except (XsearchError, OSError) as problem:  # dropped since the page was drawn
        error(problem)
        return
    if found.ok:
        st.html(f'<p class="status">Whole: {found.files} files, {escaped(megabytes(found.bytes))} read.</p>')
    for damage in found.damage:
        error(f"{damage.file} {damage.problem}", command=f"xsearch verify {name} --store {store.folder()}")


def _rows(info: Info) -> dict[str, str]:
    recalls = [part.index.recall_at_10 for part in info.parts]
    rows = {
        "documents": f"{info.documents:,}",
        "languages": ", ".join(
            f"{store.language_name(lang)} {count:,}" for lang, count in info.languages.items()
        ),
        "spaces": ", ".join(info.spaces),
        "index": info.index,
        "recall@10": f"{min(recalls):.3f}, measured" if recalls else "1, exact search",
        "size": megabytes(info.bytes),
        "updated": info.updated.replace("T", " ")[:16],
    }
    timings, names = st.session_state.get("last", (None, []))
    if timings is not None and info.name in names:
        rows["last query"] = (
            f"{timings.encode * 1000:.0f} ms encoding, {timings.search * 1000:.1f} ms searching, "
            f"{timings.fetch * 1000:.1f} ms fetching"
        )
    return rows


def _details(info: Info) -> dict[str, str]:
    rows = {
        f"module {lang}": record.content_hash[:12] + (", one space" if record.one_space else "")
        for lang, record in info.modules.items()
    }
    rows |= {f"column {name}": kind for name, kind in info.columns.items()}
    for part in info.parts:
        rows[f"index, {part.space}"] = f"{part.index.factory} over {part.rows:,}"
    rows |= {"dimension": str(info.dimension), "segments": str(info.segments), "deleted": f"{info.deleted:,}"}
    return rows


def _sheet(rows: dict[str, str]) -> str:
    cells = "".join(
        f"<div><dt>{escaped(name)}</dt><dd>{escaped(value)}</dd></div>" for name, value in rows.items()
    )
    return f'<dl class="sheet">{cells}</dl>'
