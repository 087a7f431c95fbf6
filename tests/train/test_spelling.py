import numpy as np
import pytest

from train.spelling import predicted_by_spelling

STEMS = ["walk", "speak", "garden", "river", "story", "winter"]
ENDINGS = ["", "s", "ed", "ing", "er"]


def nearest(vector, table):
    return int((table @ vector / np.linalg.norm(table, axis=1)).argmax())


def test_a_form_never_seen_is_guessed_from_its_word():
    rng = np.random.default_rng(0)
    meanings = rng.standard_normal((len(STEMS), 32)).astype(np.float32)
    pieces = [(stem + ending, True) for stem in STEMS for ending in ENDINGS]
    table = np.repeat(meanings, len(ENDINGS), axis=0)
    seen = np.full(len(pieces), 5.0)
    unseen = np.arange(len(STEMS)) * len(ENDINGS) + np.arange(len(STEMS)) % len(ENDINGS)
    table[unseen], seen[unseen] = rng.standard_normal((len(unseen), 32)), 0  # noise must not count
    guess = predicted_by_spelling(pieces, table, seen)
    assert guess.shape == table.shape
    assert guess.dtype == np.float32
    assert [nearest(guess[row], meanings) for row in unseen] == list(range(len(STEMS)))


@pytest.mark.parametrize(
    ("seen", "unseen", "other"),
    [
        ("ሰላም", "ሰሎም", "ቀርቦ"),  # the same consonants, another vowel
        ("한국은", "한국을", "바다는"),  # syllables that share their first letters
        ("école", "ecole", "jardin"),
    ],
)
def test_letters_are_compared_in_their_parts(seen, unseen, other):
    pieces = [(seen, True), (other, True), (unseen, True)]
    table = np.eye(3, 8, dtype=np.float32)
    guess = predicted_by_spelling(pieces, table, np.array([9.0, 9.0, 0.0]))
    assert nearest(guess[2], table[:2]) == 0


def test_what_starts_a_word_says_less_about_what_ends_one():
    pieces = [("ate", True), ("ate", False), ("ates", True), ("ates", False)]
    table = np.eye(4, 8, dtype=np.float32)
    guess = predicted_by_spelling(pieces, table, np.array([9.0, 9.0, 0.0, 0.0]))
    assert [nearest(row, table[:2]) for row in guess[2:]] == [0, 1]


def test_without_a_spelling_or_a_known_letter_the_guess_is_the_mean():
    pieces = [("walk", True), ("walks", True), None, ("ξ", True)]
    table = np.random.default_rng(1).standard_normal((4, 8)).astype(np.float32)
    guess = predicted_by_spelling(pieces, table, np.array([3.0, 1.0, 0.0, 0.0]))
    mean = (3 * table[0] + table[1]) / 4
    np.testing.assert_allclose(guess[2:], [mean, mean], rtol=1e-5)


def test_the_same_pieces_give_the_same_guess():
    rng = np.random.default_rng(2)
    pieces = [(f"{stem}{ending}", True) for stem in STEMS for ending in ENDINGS]
    table = rng.standard_normal((len(pieces), 130)).astype(np.float32)
    seen = rng.random(len(pieces)) * 30
    one, two = (predicted_by_spelling(pieces, table, seen) for _ in range(2))
    np.testing.assert_array_equal(one, two)
