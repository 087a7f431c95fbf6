"""Windows of long passages."""

import re
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsearch.qa.windows import windows

SENTENCES = [f"Sentence number {number} says something short." for number in range(30)]


def test_a_short_passage_is_its_own_window():
    assert windows("  One sentence. Another. ") == ["One sentence. Another."]


def test_windows_cover_every_sentence_and_neighbours_meet_in_one():
    found = windows(" ".join(SENTENCES), width=120)
    assert all(len(window) <= 130 for window in found)
    for first, second in pairwise(SENTENCES):
        assert any(first in window and second in window for window in found)


def test_text_without_spaces_is_cut_and_wide_characters_count_more():
    assert max(map(len, windows("漢" * 500, width=300))) <= 100
    assert max(map(len, windows("a" * 500, width=300))) <= 300


@given(st.text(max_size=400), st.integers(min_value=3, max_value=100))
def test_no_character_but_white_space_is_lost(passage, width):
    found = windows(passage, width=width)
    assert set("".join(passage.split())) <= set("".join(found)) | {""}
    assert 1 <= len(found) <= max(len(passage), 1)


def width_of(text):
    return sum(3 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def cut_one_by_one(sentence, width):
    """The pieces as one would cut them by hand: each from the rest, which is measured anew."""
    rest = sentence.strip()
    while width_of(rest) > width:
        end = max((n for n in range(len(rest)) if width_of(rest[:n]) <= width), default=0) or 1
        space = rest.rfind(" ", end // 2, end)
        end = space if space > 0 else end
        yield rest[:end].strip()
        rest = rest[end:].strip()
    if rest:
        yield rest


def windows_of(pieces, width):
    first = 0
    while first < len(pieces):
        last = first + 1
        while last < len(pieces) and sum(map(width_of, pieces[first : last + 1])) <= width:
            last += 1
        yield " ".join(pieces[first:last])
        if last == len(pieces):
            return
        first = max(last - 1, first + 1)


@given(st.text("ab漢字 \t\n\u3000.。", max_size=150) | st.text(max_size=150), st.integers(1, 40))
def test_windows_are_those_of_cutting_one_by_one(passage, width):
    found = windows(passage, width=width)
    if width_of(passage.strip()) <= width:
        assert found == [passage.strip()]
        return
    sentences = re.split(r"(?<=[.!?…።।؟۔])\s+|(?<=[。！？])|\n+", passage.strip())
    pieces = [piece for sentence in sentences for piece in cut_one_by_one(sentence, width)]
    assert found == list(windows_of(pieces, width))


@pytest.mark.parametrize("words", ["漢" * 4000, "漢字漢字漢字漢 " * 500], ids=["no spaces", "spaces"])
def test_a_long_text_without_sentence_ends_is_looked_at_a_few_times(words, monkeypatch):
    looked_at = 0
    real = unicodedata.east_asian_width

    def counted(character):
        nonlocal looked_at
        looked_at += 1
        return real(character)

    monkeypatch.setattr(unicodedata, "east_asian_width", counted)
    windows(words)
    assert looked_at <= 7 * len(words)
