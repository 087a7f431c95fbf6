"""The search page: `xsearch ui`, or `streamlit run app/main.py` with the store in XSEARCH_STORE."""

from pathlib import Path

import streamlit as st

from page.warming import warm_up
from views import collections, compare, questions, search
from views import map as map_view

# A file of our own: Streamlit fetches the icons that it knows by name from another host.
_ICON = Path(__file__).with_name("icon.svg")
_STYLE = Path(__file__).with_name("style.css").read_text(encoding="utf-8")

st.set_page_config(page_title="xsearch", page_icon=str(_ICON), layout="wide")
# With a second element the sheet comes in its place before the content, not after it.
st.html(f"<style>{_STYLE}</style><span></span>")
page = st.navigation(
    [
        st.Page(search.show, title="Search", url_path="search", default=True),
        st.Page(compare.show, title="Compare", url_path="compare"),
        st.Page(questions.show, title="Questions", url_path="questions"),
        st.Page(map_view.show, title="Map", url_path="map"),
        st.Page(collections.show, title="Collections", url_path="collections"),
    ],
    position="top",
)
page.run()
warm_up()
