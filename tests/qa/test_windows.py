"""Windows of long passages."""

from itertools import pairwise

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
