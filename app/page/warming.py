"""Loading the language modules behind the first view, so that the first query does not wait for them."""

from __future__ import annotations

import logging
import threading

import streamlit as st

from page import store
from xsearch.encoder import encoder_for
from xsearch.errors import XsearchError

WARMING = "warming up"
"""The name of the thread."""

_MOST = 4

_logger = logging.getLogger(__name__)


@st.cache_resource(show_spinner=False)
def warm_up() -> threading.Thread:
    """Start, once in the process, a thread that loads the modules of the store's collections."""
    collections, _ = store.sound()
    wanted = {lang: None for collection in collections.values() for lang in collection.languages}
    thread = threading.Thread(target=_load, args=([*wanted][:_MOST],), daemon=True, name=WARMING)
    thread.start()
    return thread


def _load(languages: list[str]) -> None:
    for language in languages:
        try:
            encoder_for(language).encode(["."])
        except XsearchError as error:
            _logger.warning("the %s module could not be loaded ahead: %s", language, error)
