"""What the page says when there is nothing to show: what happened and what to do, with the command to run."""

from __future__ import annotations

import streamlit as st

from page.safe import escaped


def notice(title: str, text: str, *, command: str = "", kind: str = "empty") -> None:
    """A quiet box; `kind` is empty or error. The command can be copied."""
    st.html(
        f'<section class="notice {escaped(kind)}" role="{"alert" if kind == "error" else "status"}">'
        f"<h2>{escaped(title)}</h2><p>{escaped(text)}</p></section>"
    )
    if command:
        st.code(command, language="bash", wrap_lines=True)


def error(problem: Exception | str, *, command: str = "") -> None:
    """A mistake or a condition that the user can do something about."""
    notice("That did not work", _sentence(str(problem)), command=command, kind="error")


def no_collections() -> None:
    """The store is empty."""
    notice(
        "No collections yet",
        "There is nothing to search in this store. Upload a small corpus in the Collections view, or index a file "
        "from the command line:",
        command="xsearch index CORPUS.parquet --lang fi --collection news",
    )


def no_modules() -> None:
    """No language can be encoded."""
    notice(
        "No language modules",
        "No language module is installed, so no text can be encoded. Train one, or name the folder that holds modules "
        "in XSEARCH_MODULES:",
        command="python -m train fi --data DATA",
        kind="error",
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
