"""A small corpus from the browser into a collection of its own."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from page import store
from page.notices import error
from page.safe import escaped
from xsearch import Corpus
from xsearch.errors import CorpusError, XsearchError
from xsearch.search import IndexingReport, Progress, index_corpus
from xsearch.store import collection_path, name_for

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

MOST_DOCUMENTS = 20_000
"""Larger corpora belong to `xsearch index`, which goes on after an interruption."""

_KINDS = ["parquet", "jsonl", "csv", "tsv"]


def upload() -> None:
    """The form, and the indexing when it is sent."""
    with st.form("upload", clear_on_submit=False):
        st.html('<h3 class="name">Add a corpus</h3>')
        file = st.file_uploader(
            f"A Parquet, JSONL or CSV file with a column of texts, up to {MOST_DOCUMENTS:,} documents",
            type=_KINDS,
        )
        left, middle, right = st.columns(3)
        lang = left.selectbox(
            "Language", store.languages(), format_func=store.language_name, key="upload_lang", index=None
        )
        column = middle.text_input("Text column", key="upload_column", placeholder="found by its name")
        name = right.text_input("Collection", key="upload_name", placeholder="the file's name")
        sent = st.form_submit_button("Index", type="primary")
    if not sent:
        return
    if file is None or lang is None:
        error("Choose a file and the language that its texts are in.")
        return
    try:
        made = _index(file, lang, column.strip() or None, name.strip())
    except (XsearchError, OSError) as problem:  # a full disk, a store that cannot be written
        error(problem)
        return
    st.session_state["uploaded"] = made
    st.rerun()


def announce() -> None:
    """Tell, once, what the last upload has become."""
    made = st.session_state.pop("uploaded", None)
    if made is not None:
        name, report = made
        st.html(
            f'<p class="status" role="status">Indexed {report.documents:,} documents into <b>{escaped(name)}</b> '
            f"in {report.seconds:.1f} s.</p>"
        )


def _index(file: UploadedFile, lang: str, column: str | None, name: str) -> tuple[str, IndexingReport]:
    """Index the file; returns the collection's name and what was done."""
    # The browser's name is a stranger's: the copy gets a name of our own, in the characters of collection names.
    stem = name_for([Path(file.name).name])
    name = name or stem
    path = collection_path(store.folder(), name)
    bar = st.progress(0.0, "Reading the file")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / f"{stem}{Path(file.name).suffix.lower()}"
        copy.write_bytes(file.getbuffer())
        try:
            corpus = Corpus.open(copy, text_column=column, lang=lang)
            if corpus.row_count > MOST_DOCUMENTS:
                raise CorpusError(
                    f"the file has {corpus.row_count:,} documents, the page takes up to {MOST_DOCUMENTS:,}; "
                    "index it with `xsearch index`"
                )
            report = index_corpus(corpus, path, lang=lang, progress=lambda state: _show(bar, state))
        except CorpusError as problem:  # where the copy stood means nothing to whoever sent the file
            raise CorpusError(str(problem).replace(f"{folder}{os.sep}", "")) from None
    bar.empty()
    return name, report


def _show(bar: st.delta_generator.DeltaGenerator, state: Progress) -> None:
    share = min(state.done / state.total, 1.0)
    doing = "Encoding" if state.stage == "encode" else "Building the index of"
    bar.progress(share, f"{doing} {state.done:,} of {state.total:,} documents")
