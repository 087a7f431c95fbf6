"""Words cut anew: always the same text, in pieces of the vocabulary, repeatably."""

import numpy as np
import pytest

from train.recipe import Vocabulary
from train.resegmentation import Resegmentation
from train.sequences import tokenise
from train.vocabulary import train_tokenizer

TEXTS = [
    "the walkers walked and talked",
    "a talker talks while walking",
    "walking is talking [SEP] slowly",
] * 20


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(TEXTS, "en", Vocabulary(size=120))


def spelled(tokenizer, ids):
    return " ".join(tokenizer.id_to_token(int(i)) for i in ids).replace(" ##", "")


def test_the_text_stays_the_same_in_other_pieces(tokenizer):
    before = tokenise(tokenizer, TEXTS, 256)
    after = Resegmentation(tokenizer, 0.3, 256)(before, [1])
    assert [spelled(tokenizer, ids) for ids in after] == [spelled(tokenizer, ids) for ids in before]
    assert any(len(a) > len(b) for a, b in zip(after, before, strict=True))


def test_without_dropout_it_cuts_as_the_tokenizer(tokenizer):
    before = tokenise(tokenizer, TEXTS, 256)
    after = Resegmentation(tokenizer, 0.0, 256)(before, [1])
    assert all(np.array_equal(a, b) for a, b in zip(after, before, strict=True))


def test_a_seed_cuts_alike_and_another_differs(tokenizer):
    before = tokenise(tokenizer, TEXTS, 256)
    cut = Resegmentation(tokenizer, 0.5, 256)
    first, again, other = cut(before, [1, 2]), cut(before, [1, 2]), cut(before, [1, 3])
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_special_tokens_and_unknown_words_stay(tokenizer):
    ids = tokenise(tokenizer, ["walking 語 talks"], 256)[0]
    after = Resegmentation(tokenizer, 0.9, 256)([ids], [1])[0]
    assert [after[0], after[-1]] == [ids[0], ids[-1]]
    assert tokenizer.token_to_id("[UNK]") in ids
    assert tokenizer.token_to_id("[UNK]") in after


def test_no_longer_than_allowed_and_still_ended(tokenizer):
    ids = tokenise(tokenizer, ["walking " * 20], 16)[0]
    after = Resegmentation(tokenizer, 0.9, 16)([ids], [1])[0]
    assert len(after) == 16
    assert after[-1] == tokenizer.token_to_id("[SEP]")
