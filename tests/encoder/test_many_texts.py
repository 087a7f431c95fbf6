"""Many texts: batches of one length, windows in order, and no more in memory than is being worked on."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.modules import tiny_module
from xsearch.encoder import Encoder
from xsearch.encoder.batching import batches
from xsearch.encoder.runtime import CpuRuntime, Runtime
from xsearch.encoder.streaming import windows_of


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return Encoder(tiny_module(tmp_path_factory.mktemp("modules"), "xx").path, threads=3)


@given(lengths=st.lists(st.integers(1, 60), max_size=200), limit=st.integers(1, 100))
def test_batches_cover_all_texts_once_without_padding_and_within_the_limit(
    lengths: list[int], limit: int
) -> None:
    found = list(batches(lengths, limit))

    assert sorted(index for batch in found for index in batch) == list(range(len(lengths)))
    for batch in found:
        assert len({lengths[index] for index in batch}) == 1
        assert len(batch) == 1 or len(batch) * lengths[batch[0]] <= limit
    longest = [lengths[batch[0]] for batch in found]
    assert longest == sorted(longest, reverse=True)


def test_more_texts_than_a_window_come_back_in_order(encoder: Encoder) -> None:
    texts = [f"{'cat ' * (index % 7)}house {index % 3}" for index in range(CpuRuntime.window * 2 + 5)]

    vectors = encoder.encode(texts)

    for index in (0, 1, 2, CpuRuntime.window - 1, CpuRuntime.window, len(texts) - 1):
        assert np.allclose(vectors[index], encoder.encode([texts[index]])[0], atol=1e-5)


def test_windows_are_of_so_many_texts_or_fewer_with_enough_characters() -> None:
    class Small:
        window, window_characters = 3, 10

    texts = ["a", "b", "c", "d" * 10, "e" * 9, "f" * 9, "g", "h"]
    runtime = cast(Runtime, Small)
    assert [texts[part] for part in windows_of(texts, runtime)] == [
        ["a", "b", "c"],
        ["d" * 10],
        ["e" * 9, "f" * 9],
        ["g", "h"],
    ]
    assert not list(windows_of([], runtime))


def test_equal_texts_get_equal_vectors(encoder: Encoder) -> None:
    vectors = encoder.encode(["cat", "the house"] * 50)

    assert np.allclose(vectors[0::2], vectors[0], atol=1e-6)
    assert np.allclose(vectors[1::2], vectors[1], atol=1e-6)


def test_batches_are_encoded_in_turn(encoder: Encoder) -> None:
    given_batches = [["cat", "dog"], [], ["the house"] * 40, ["river"]]

    found = list(encoder.encode_batches(given_batches))

    assert [len(part) for part in found] == [2, 0, 40, 1]
    for texts, part in zip(given_batches, found, strict=True):
        assert np.allclose(part, encoder.encode(texts), atol=1e-5)


def test_only_one_batch_is_taken_ahead(encoder: Encoder) -> None:
    taken = 0

    def endless() -> Iterator[list[str]]:
        nonlocal taken
        while True:
            taken += 1
            yield ["cat house"] * 20

    stream = encoder.encode_batches(endless())
    for asked in range(1, 6):
        next(stream)
        assert taken == asked + 1
    stream.close()  # type: ignore[attr-defined]


def test_a_mistake_in_a_later_batch_is_raised_and_ends_the_stream(encoder: Encoder) -> None:
    stream = encoder.encode_batches([["cat"], ["dog"], ["house", 3]])  # type: ignore[list-item]

    assert len(next(stream)) == 1
    with pytest.raises(TypeError, match="text 1 is int"):
        list(stream)


def test_texts_need_not_be_a_list(encoder: Encoder) -> None:
    texts = np.array(["cat", "the old house"] * 30)

    assert np.allclose(encoder.encode(tuple(texts)), encoder.encode([str(t) for t in texts]), atol=1e-6)


def test_a_tokenizer_that_leaves_the_table_is_refused(tmp_path: Path) -> None:
    from xsearch.encoder import load_module
    from xsearch.errors import ModuleError

    table = load_module(tiny_module(tmp_path, "xx").path).table

    with pytest.raises(ModuleError, match="do not belong together"):
        table.rows(np.array([[1, len(table.scale)]]))


def test_a_text_in_the_place_of_a_batch_is_refused_and_not_read_letter_by_letter(encoder: Encoder) -> None:
    with pytest.raises(TypeError, match="expected a sequence of texts"):
        list(encoder.encode_batches(["first text", "second text"]))
    with ThreadPoolExecutor(1) as pool, pytest.raises(TypeError, match="expected a sequence of texts"):
        encoder.start("text", "shared", pool)
