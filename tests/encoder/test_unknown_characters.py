from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import Tokenizer

from tests.modules import tiny_module
from xsearch.encoder import Encoder, available_modules, find_module
from xsearch.encoder.tokenisation import Tokeniser
from xsearch.encoder.unknown_characters import bear_unknown_characters


def tokenizer_of(path: Path) -> Tokenizer:
    return Tokenizer.from_file(str(path / "tokenizer.json"))


def test_an_unknown_character_leaves_the_words_around_it_known(tmp_path: Path) -> None:
    module = tiny_module(tmp_path, "xx")
    known = Tokeniser(module)
    unknown = tokenizer_of(module.path).token_to_id("[UNK]")
    (plain, beside, within) = known.ids(["cat house", "cat😊 house", "ca😊t house"])

    assert unknown not in plain
    assert [index for index in beside.tolist() if index != unknown] == plain.tolist()
    assert within.tolist().count(unknown) == 1
    assert known.tokens("cat😊 house").spans.tolist()[1:-1] == [[0, 3], [3, 4], [5, 10]]


def test_invisible_characters_change_nothing(tmp_path: Path) -> None:
    encoder = Encoder(tiny_module(tmp_path, "xx").path)
    plain, marked = encoder.encode(["the old house", "\u200fthe\u200f o\u00adld\u2069 house\ufeff"])

    assert plain.tolist() == marked.tolist()


def test_it_is_done_once(tmp_path: Path) -> None:
    tokenizer = tokenizer_of(tiny_module(tmp_path, "xx").path)
    bear_unknown_characters(tokenizer)
    once = tokenizer.to_str()
    bear_unknown_characters(tokenizer)

    assert tokenizer.to_str() == once


@pytest.mark.parametrize("language", sorted(available_modules()))
def test_shipped_modules_read_sentences_with_emoji_and_marks_of_direction(language: str) -> None:
    module = find_module(language)
    tokeniser, before = Tokeniser(module), tokenizer_of(module.path)
    word = next(piece for piece in sorted(before.get_vocab()) if piece.isalpha() and len(piece) > 3)
    plain, marked = tokeniser.ids([f"{word} {word}", f"\u200f{word}\u200f \u202a{word}\U0001f9a6"])

    assert marked.tolist()[: len(plain) - 1] == plain.tolist()[:-1]
