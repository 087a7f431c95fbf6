"""Tokenizers from strangers: whatever they do with a text, it ends in one clear line, in bounded time and memory."""

from __future__ import annotations

import json
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
