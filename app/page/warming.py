"""Loading the language modules behind the first view, so that the first query does not wait for them."""

from __future__ import annotations

import threading

import streamlit as st

from page import store
from xsearch.encoder import load_ahead

WARMING = "warming up"
"""The name of the thread."""


@st.cache_resource(show_spinner=False)
def warm_up() -> threading.Thread:
    """Start, once in the process, a thread that loads the modules of the store's collections."""
    collections, _ = store.sound()
    wanted = [lang for collection in collections.values() for lang in collection.languages]
    thread = threading.Thread(target=load_ahead, args=(wanted,), daemon=True, name=WARMING)
    thread.start()
    return thread
