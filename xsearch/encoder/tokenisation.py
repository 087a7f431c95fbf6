"""Texts to token ids with the module's own tokenizer."""

from __future__ import annotations

import base64
import json
import logging
import math
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xsearch.encoder.module import TOKENIZER_FILE, Module
from xsearch.encoder.unknown_characters import bear_unknown_characters
from xsearch.errors import ModuleError
from xsearch.surrogates import replace_surrogates

_logger = logging.getLogger(__name__)
# No tokenizer takes this many characters for a token on average, so a longer text is cut before it is tokenised:
# a book of a million words costs no more than its first pages.
_CHARACTERS_A_TOKEN = 16
# WordPiece needs time with the cube of a word's length: a thousand letters take 0.3 s, these some milliseconds. What is
# longer is an unknown word.
_LONGEST_WORD = 200
# How many times as long the replacements of a normalizer may make a text: those of a stranger could fill the memory.
_MOST_GROWTH = 4096


@dataclass(frozen=True)
class Tokens:
    """One text's tokens: `ids` (t,) int32, `spans` (t, 2) character positions in the text, `special` (t,) bool."""

    ids: NDArray[np.int32]
    spans: NDArray[np.int64]
    special: NDArray[np.bool_]


class Tokeniser:
    """A module's tokenizer. Texts longer than the module's maximum are cut, which is logged once as a warning.

    A lone surrogate, which no tokenizer takes, is read as U+FFFD, the replacement character. Thread-safe.
    """

    def __init__(self, module: Module) -> None:
        self._max_length = module.config.max_length
        self._prefix = module.config.prefix
        self._language = module.config.language
        self._vocabulary = module.config.architecture.vocab_size
        self._where = module.path / TOKENIZER_FILE
        self._tokenizer = self._load(module)
        self.truncated = False
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())

    def ids(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """Token ids of every text, special tokens included, at most the module's maximum length each.

        Raises:
            TypeError: an item is not a text; the message has its index.
            ModuleError: the tokenizer fails, or yields an id outside the embedding table.
        """
        return unpacked(*self.packed(texts))

    def packed(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """The same in one piece: ids (tokens,) of all texts, one after the other, and how many each has (n,)."""
        encodings = self._encode(texts, spans=False)
        lengths = np.array([len(encoding) for encoding in encodings], dtype=np.int64)
        chained = chain.from_iterable(encoding.ids for encoding in encodings)
        return self._checked(np.fromiter(chained, dtype=np.int64, count=int(lengths.sum()))), lengths

    def windows(self, windows: Iterable[Sequence[str]]) -> Iterator[list[NDArray[np.int32]]]:
        """The token ids of every window of texts in turn, each taken when the last is done with."""
        return map(self.ids, windows)

    def tokens(self, text: str) -> Tokens:
        """The tokens of one text, with their places in it."""
        encoding = self._encode([text], spans=True)[0]
        spans = np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2) - len(self._prefix)
        special = np.array(encoding.special_tokens_mask, dtype=bool) | (spans[:, 1] <= 0)
        return Tokens(self._checked(np.array(encoding.ids)), np.clip(spans, 0, None), special)

    def _encode(self, texts: Sequence[str], *, spans: bool) -> list[Any]:
        check_sequence(texts)
        for index, text in enumerate(texts):
            if not isinstance(text, str):
                raise not_a_text(text, index)
        prepared = [self._prefix + replace_surrogates(text) for text in texts]
        limit = self._max_length * _CHARACTERS_A_TOKEN
        cut = [text[:limit] for text in prepared]
        run = self._tokenizer.encode_batch if spans else self._tokenizer.encode_batch_fast
        with self._blamed("fails on a text"):
            encodings: list[Any] = run(cut)
            for index, encoding in enumerate(encodings):
                if len(encoding) < self._max_length:
                    if len(cut[index]) < len(prepared[index]):  # long runs of blanks: the cut was too early
                        [encodings[index]] = run([prepared[index]])
                elif not self.truncated and (encoding.overflowing or len(cut[index]) < len(prepared[index])):
                    self.say_truncated()
        return encodings

    def _checked(self, ids: NDArray[np.int64]) -> NDArray[np.int32]:
        if len(ids) and (largest := int(ids.max())) >= self._vocabulary:
            raise ModuleError(
                f"{self._where}: token {largest}, but the embedding table has {self._vocabulary} rows; export the "
                "module again"
            )
        return ids.astype(np.int32)

    @contextmanager
    def _blamed(self, what: str) -> Iterator[None]:
        """The library raises bare Exception, and its panics derive from BaseException."""
        try:
            yield
        except (ModuleError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            raise ModuleError(f"{self._where}: {what} ({error}); export the module again") from error

    def say_truncated(self) -> None:
        """Log that texts are cut, unless that was logged before."""
        with self._lock:
            if self.truncated:
                return
            self.truncated = True
        _logger.warning(
            "some texts are longer than the %d tokens that the %s module reads; the rest of each is not seen",
            self._max_length,
            self._language,
        )

    def _load(self, module: Module) -> Any:
        from tokenizers import Tokenizer

        where = self._where
        with self._blamed("not a valid tokenizer"):
            tokenizer = Tokenizer.from_buffer(module.tokenizer_json())
            bear_unknown_characters(tokenizer)
            tokenizer.no_padding()
            tokenizer.enable_truncation(self._max_length)
            _bound(tokenizer, where)
            sample = tokenizer.encode("")
        if tokenizer.get_vocab_size() > self._vocabulary:
            raise ModuleError(
                f"{where}: {tokenizer.get_vocab_size()} tokens, but the embedding table has {self._vocabulary} rows; "
                "export the module again"
            )
        if not sample.ids:
            raise ModuleError(
                f"{where}: no special tokens are added, so an empty text has no tokens; export the module with "
                "the tokenizer's post-processor"
            )
        if len(sample.ids) >= self._max_length:
            raise ModuleError(
                f"{where}: {len(sample.ids)} special tokens leave no room for a text among {self._max_length} tokens; "
                "export the module again"
            )
        return tokenizer


def _bound(tokenizer: Any, where: Path) -> None:
    """Bound what a text can cost.

    Raises:
        ModuleError: the tokenizer's replacements could make a short text fill the memory.
    """
    if hasattr(tokenizer.model, "max_input_chars_per_word"):
        tokenizer.model.max_input_chars_per_word = min(
            tokenizer.model.max_input_chars_per_word, _LONGEST_WORD
        )
    settings = json.loads(tokenizer.normalizer.__getstate__()) if tokenizer.normalizer else {}
    if (growth := _growth(settings)) > _MOST_GROWTH:
        raise ModuleError(
            f"{where}: its normalizer can make a text {growth:,} times as long, at most {_MOST_GROWTH:,} is expected; "
            "do not use this module"
        )


def _growth(settings: dict[str, Any]) -> int:
    """How many characters a normalizer can make of one: what is put in its place, or before it."""
    inner = math.prod(map(_growth, settings.get("normalizers", [])))
    added = len(settings.get("content", "")), len(settings.get("prepend", ""))
    return inner * max(1, *added, _longest_replacement(settings.get("precompiled_charsmap") or ""))


def _longest_replacement(charsmap: str) -> int:
    """The bytes of the longest text in SentencePiece's table of normalisation, which is in base64.

    The size of an index in four bytes, the index, then the texts with a zero after each.
    """
    table = base64.b64decode(charsmap)
    return max(map(len, table[4 + int.from_bytes(table[:4], "little") :].split(b"\0")))


def unpacked(ids: NDArray[np.int32], lengths: NDArray[np.int64]) -> list[NDArray[np.int32]]:
    """The ids of every text, of what `Tokeniser.packed` gives."""
    ends = lengths.cumsum().tolist()
    return [ids[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def check_sequence(texts: Sequence[str]) -> None:
    """Raise TypeError for a single text, which is a sequence of letters."""
    if isinstance(texts, str):
        raise TypeError("expected a sequence of texts; for one text, pass a list with it")


def not_a_text(value: object, index: int) -> TypeError:
    """The error of an item that is no text."""
    return TypeError(f"text {index} is {type(value).__name__}, expected str")
