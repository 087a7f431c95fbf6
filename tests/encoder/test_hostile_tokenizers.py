"""Tokenizers from strangers: whatever they do with a text, it ends in one clear line, in bounded time and memory."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.modules import tiny_module
from xsearch.encoder.module import Module
from xsearch.encoder.tokenisation import Tokeniser
from xsearch.errors import ModuleError


def changed(folder: Path, change: Callable[[dict[str, Any]], object]) -> Module:
    """A tiny module whose parsed tokenizer.json was changed."""
    module = tiny_module(folder, "xx")
    content = json.loads(module.tokenizer_json())
    change(content)
    made = SimpleNamespace(
        config=module.config, path=module.path, tokenizer_json=lambda: json.dumps(content).encode()
    )
    return cast(Module, made)


def replacing(*contents: str) -> dict[str, Any]:
    steps = [{"type": "Replace", "pattern": {"String": "a"}, "content": content} for content in contents]
    return {"type": "Sequence", "normalizers": steps}


def charsmap(text: str) -> str:
    """SentencePiece's table of normalisation that puts `text` in the place of the letter a, in base64."""
    index = [0] * 0x300  # a double-array trie of one letter
    index[0], index[0x100 + ord("a")] = 0x100 << 10, ord("a") | 1 << 8 | (0x100 + ord("a") ^ 0x200) << 10
    trie = struct.pack(f"<{len(index)}I", *index)
    return base64.b64encode(struct.pack("<I", len(trie)) + trie + text.encode() + b"\0").decode()


def with_special_tokens(content: dict[str, Any]) -> None:
    content["post_processor"]["single"] += [{"SpecialToken": {"id": "[SEP]", "type_id": 0}}] * 31


FAILING: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "an id that no table has": (lambda c: c["model"]["vocab"].update(cat=3_000_000_000), "token 3000000000"),
    "an unknown token that is unknown": (lambda c: c["model"].update(unk_token="[NONE]"), "fails on a text"),
    "a regular expression without end": (
        lambda c: c.update(
            pre_tokenizer={
                "type": "Split", "pattern": {"Regex": "(a+a+)+y"}, "behavior": "Isolated", "invert": False
            }
        ),
        "fails on a text",
    ),
}  # fmt: skip
REFUSED: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "replacements that grow": (
        lambda c: c.update(normalizer=replacing("a" * 100, "a" * 100)),
        "10,000 times",
    ),
    "a table of long replacements": (
        lambda c: c.update(
            normalizer={"type": "Precompiled", "precompiled_charsmap": charsmap("cat" * 10_000)}
        ),
        "30,000 times",
    ),
    "a long text before each": (
        lambda c: c.update(normalizer={"type": "Prepend", "prepend": "cat" * 10_000}),
        "30,000 times",
    ),
    "special tokens without room for a text": (with_special_tokens, "special tokens leave no room"),
}


@pytest.mark.parametrize("name", FAILING)
def test_a_tokenizer_that_fails_on_a_text_is_named(tmp_path: Path, name: str) -> None:
    change, message = FAILING[name]
    tokeniser = Tokeniser(changed(tmp_path, change))

    for use in (
        lambda: tokeniser.ids(["cat", "日", "a" * 100]),
        lambda: tokeniser.tokens("cat 日 " + "a" * 100),
    ):
        with pytest.raises(ModuleError, match=message):
            use()


@pytest.mark.parametrize("name", REFUSED)
def test_a_tokenizer_that_asks_for_too_much_is_refused(tmp_path: Path, name: str) -> None:
    change, message = REFUSED[name]

    with pytest.raises(ModuleError, match=message):
        Tokeniser(changed(tmp_path, change))


def test_a_word_that_nobody_writes_is_unknown(tmp_path: Path) -> None:
    longest = Tokeniser(changed(tmp_path, lambda c: c["model"].update(max_input_chars_per_word=1_000_000)))

    few, many = longest.ids(["cat" * 3, "cat" * 300])

    assert len(few) > 3
    assert len(many) == 3


def test_short_replacements_are_used(tmp_path: Path) -> None:
    table = {"type": "Precompiled", "precompiled_charsmap": charsmap("cat")}
    first = {"type": "Prepend", "prepend": "dog "}
    normalizer = {"type": "Sequence", "normalizers": [table, first]}
    tokeniser = Tokeniser(changed(tmp_path, lambda c: c.update(normalizer=normalizer)))
    plain = Tokeniser(tiny_module(tmp_path, "yy"))

    assert tokeniser.ids(["a"])[0].tolist() == plain.ids(["dog cat"])[0].tolist()
