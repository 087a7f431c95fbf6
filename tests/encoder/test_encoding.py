"""What a caller of `Encoder.encode` may rely on."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.modules import tiny_module
from xsearch.encoder import Encoder
from xsearch.errors import LanguageError, ModuleError


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return Encoder(tiny_module(tmp_path_factory.mktemp("modules"), "xx").path)


def test_order_is_kept_whatever_the_lengths(encoder: Encoder) -> None:
    texts = ["cat " * n + "house" for n in (9, 1, 17, 0, 3, 28, 2)]

    together = encoder.encode(texts)

    alone = np.concatenate([encoder.encode([text]) for text in texts])
    assert np.allclose(together, alone, atol=2e-3)


def test_vectors_are_float32_and_of_unit_length(encoder: Encoder) -> None:
    vectors = encoder.encode(["cat", "dog and house"])

    assert vectors.dtype == np.float32
    assert vectors.shape == (2, encoder.dimension)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_no_texts_give_no_vectors(encoder: Encoder) -> None:
    assert encoder.encode([]).shape == (0, encoder.dimension)


def test_a_single_string_is_refused_because_it_would_be_read_letter_by_letter(encoder: Encoder) -> None:
    with pytest.raises(TypeError, match="list"):
        encoder.encode("cat")


def test_what_is_not_a_text_is_named_by_its_index(encoder: Encoder) -> None:
    with pytest.raises(TypeError, match="text 1 is NoneType"):
        encoder.encode(["cat", None])  # type: ignore[list-item]


def test_a_long_text_is_cut_and_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    encoder = Encoder(tiny_module(tmp_path, "xx", max_length=16).path)
    with caplog.at_level(logging.WARNING, logger="xsearch"):
        once = encoder.encode(["cat " * 100_000])
        encoder.encode(["cat " * 50])

    assert np.allclose(once, encoder.encode(["cat " * 14]), atol=2e-3)
    assert sum("longer than the 16 tokens" in record.message for record in caplog.records) == 1


@settings(max_examples=40, deadline=None)
@given(text=st.text(alphabet=st.characters(), max_size=60))
def test_any_unicode_has_a_vector(encoder: Encoder, text: str) -> None:
    vector = encoder.encode([text])[0]

    assert np.isfinite(vector).all()
    assert abs(float(np.linalg.norm(vector)) - 1) < 1e-4


def test_a_lone_surrogate_is_read_as_the_replacement_character(encoder: Encoder) -> None:
    assert np.allclose(encoder.encode(["cat \ud800"]), encoder.encode(["cat \ufffd"]))


def test_threads_share_an_encoder(encoder: Encoder) -> None:
    expected = encoder.encode(["cat house", "dog"])
    results: list[np.ndarray] = []
    threads = [
        threading.Thread(target=lambda: results.append(encoder.encode(["cat house", "dog"])))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(results) == 4
    assert all(np.allclose(result, expected, atol=2e-3) for result in results)


def test_token_vectors_point_into_the_text(encoder: Encoder) -> None:
    text = "the old house"

    tokens = encoder.token_vectors(text)

    assert [text[start:end] for start, end in tokens.spans] == ["the", "old", "house"]
    assert np.allclose(np.linalg.norm(tokens.vectors, axis=1), 1, atol=1e-4)


def test_a_space_that_the_module_lacks_is_refused(encoder: Encoder) -> None:
    with pytest.raises(ModuleError, match="native, shared"):
        encoder.encode(["cat"], space="french")


def test_a_language_without_a_module_is_named_with_those_there_are() -> None:
    with pytest.raises(LanguageError, match=r"installed: .*en"):
        Encoder("tlh")


@pytest.mark.parametrize(
    "setting", [{"precision": "fp32"}, {"precision": None}, {"threads": 0}, {"threads": -1}]
)
def test_a_setting_that_there_is_not_is_refused(tmp_path: Path, setting: dict[str, Any]) -> None:
    path = tiny_module(tmp_path, "xx").path

    with pytest.raises(ValueError, match=f"{next(iter(setting))} is .*expected"):
        Encoder(path, **setting)
