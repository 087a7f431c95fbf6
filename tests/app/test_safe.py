import re
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from page.safe import Mark, escaped, marked, plain


class Reader(HTMLParser):
    """Collects the tags and the text of HTML."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text = set(), ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)

    def handle_data(self, data):
        self.text += data


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["C"]))


@given(TEXTS)
def test_escaped_text_has_no_tags_and_reads_as_it_was(text):
    read = Reader(escaped(text))
    assert read.tags == set()
    assert read.text == text


@given(TEXTS, st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30))))
def test_marks_may_overlap_and_never_change_the_text(text, places):
    marks = [Mark(min(a, b, len(text)), min(max(a, b), len(text)), "best", text) for a, b in places]
    read = Reader(marked(text, marks))
    assert read.tags <= {"mark"}
    assert read.text == text


@given(st.text())
def test_plain_text_escapes_every_mark_of_markdown(text):
    shown = plain(text)
    assert "\n" not in shown
    assert re.search(r"[!-/:-@\[-`{-~]", re.sub(r"\\[!-/:-@\[-`{-~]", "", shown)) is None


def test_addresses_do_not_become_links():
    assert "http\u2060" in plain("http://x.test").replace("\\", "")
    assert "www\u2060" in plain("www.x.test").replace("\\", "")


def test_overrides_of_direction_are_shown_not_obeyed():
    assert escaped("a\u202eb") == "a\N{REPLACEMENT CHARACTER}b"
