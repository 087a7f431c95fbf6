"""Tokenising in other processes gives what one process gives, and they end."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.modules import tiny_module
from xsearch.encoder import Encoder, tokenising_processes
from xsearch.encoder.tokenisation import Tokeniser
from xsearch.encoder.tokenising_processes import TokeniserProcesses

TEXTS = ["kissa joki talvi", "the old house", "", "мир 猫", "a lone \ud800 surrogate", "cat " * 5]


@pytest.fixture
def tokeniser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tokeniser:
    monkeypatch.setattr(tokenising_processes, "_WORTH_PROCESSES", 3 * len(TEXTS))
    monkeypatch.setattr(tokenising_processes, "_TEXTS_A_REQUEST", 4)
    return Tokeniser(tiny_module(tmp_path, "xx"))


def running(processes: TokeniserProcesses) -> list:
    """The processes that wait for work: all, between calls."""
    waiting = [processes._idle.get() for _ in range(processes._idle.qsize())]
    for process in waiting:
        processes._idle.put(process)
    return [process._running for process in waiting]


def tokenised(processes: TokeniserProcesses, texts: list[str]) -> list[np.ndarray]:
    """The token ids of one window."""
    [ids] = processes.windows([texts])
    return ids


def same(ours: list[np.ndarray], theirs: list[np.ndarray]) -> bool:
    return len(ours) == len(theirs) and all(map(np.array_equal, ours, theirs))


def test_windows_come_in_order_before_and_after_the_processes_start(tokeniser: Tokeniser) -> None:
    processes = TokeniserProcesses(tokeniser, 2)
    windows = [TEXTS, TEXTS[::-1], [], TEXTS * 3, TEXTS[:1]]

    found = list(processes.windows(windows))

    assert len(running(processes)) == 2
    assert len(found) == len(windows)
    assert all(same(ours, tokeniser.ids(texts)) for ours, texts in zip(found, windows, strict=True))
    assert same(tokenised(processes, TEXTS), tokeniser.ids(TEXTS))


def test_few_texts_start_none(tokeniser: Tokeniser) -> None:
    processes = TokeniserProcesses(tokeniser, 2)

    assert same(tokenised(processes, TEXTS), tokeniser.ids(TEXTS))
    assert running(processes) == []


def test_processes_end_with_what_started_them(tokeniser: Tokeniser) -> None:
    processes = TokeniserProcesses(tokeniser, 2)
    tokenised(processes, TEXTS * 4)
    started = running(processes)

    del processes
    gc.collect()

    assert [process.poll() for process in started] == [0, 0]


def test_a_process_that_dies_is_done_without(tokeniser: Tokeniser, caplog: pytest.LogCaptureFixture) -> None:
    processes = TokeniserProcesses(tokeniser, 2)
    tokenised(processes, TEXTS * 4)
    for process in running(processes):
        process.kill()

    assert same(tokenised(processes, TEXTS * 4), tokeniser.ids(TEXTS * 4))
    assert "tokenised in this one" in caplog.text


def test_a_cut_text_is_said_once_by_this_process(
    tokeniser: Tokeniser, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        tokenised(TokeniserProcesses(tokeniser, 2), [*TEXTS * 4, "cat " * 50, "dog " * 50])

    assert caplog.text.count("longer than the 32 tokens") == 1


def test_what_is_no_text_is_refused_with_its_place(tokeniser: Tokeniser) -> None:
    with pytest.raises(TypeError, match="text 25 is int"):
        tokenised(TokeniserProcesses(tokeniser, 2), [*TEXTS * 4, "cat", 3])  # type: ignore[list-item]


def test_only_one_window_is_taken_ahead(tokeniser: Tokeniser) -> None:
    taken = 0

    def endless() -> Iterator[list[str]]:
        nonlocal taken
        while True:
            taken += 1
            yield TEXTS * 4

    windows = TokeniserProcesses(tokeniser, 2).windows(endless())
    for asked in range(1, 4):
        next(windows)
        assert taken == asked + 1
    windows.close()  # type: ignore[attr-defined]


def test_an_encoder_whose_runtime_outruns_a_tokeniser_uses_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    from xsearch.encoder.torch_runtime import TorchRuntime

    monkeypatch.setattr(tokenising_processes, "_WORTH_PROCESSES", 0)
    module = tiny_module(tmp_path, "xx")
    encoder = Encoder(module.path, device="cpu", threads=4)
    encoder._runtimes["shared", "cpu"] = TorchRuntime(module, "shared", device="cpu")

    vectors = encoder.encode(TEXTS * 5)

    assert encoder._processes is not None
    assert len(running(encoder._processes)) == 2
    assert np.allclose(vectors, Encoder(module.path).encode(TEXTS * 5), atol=1e-4)
