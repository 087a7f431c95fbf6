"""Tokenising in several processes, for a GPU, which encodes faster than one process tokenises.

They are this program's own, spoken to through pipes that nothing else writes to, so pickled requests are safe.
"""

from __future__ import annotations

import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
import weakref
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xsearch.encoder.tokenisation import Tokeniser, check_sequence, not_a_text, unpacked

_logger = logging.getLogger(__name__)
# Texts to have seen before processes are started, which takes about a second, and what one is asked for at a time:
# few enough that all have work until the window's end.
_WORTH_PROCESSES = 50_000
_TEXTS_A_REQUEST = 512


class TokeniserProcesses:
    """A tokeniser in several processes.

    They are started once there were many texts; before that, and where one cannot be started or dies, this process
    tokenises. They end when this object is gone, or this process: each reads its requests until there are no more.
    """

    def __init__(self, tokeniser: Tokeniser, processes: int) -> None:
        self._tokeniser = tokeniser
        self._count = processes
        self._seen = 0
        self._pool: ThreadPoolExecutor | None = None
        self._idle: SimpleQueue[_Process] = SimpleQueue()

    def windows(self, windows: Iterable[Sequence[str]]) -> Iterator[list[NDArray[np.int32]]]:
        """As `Tokeniser.windows`, but the next window is taken and tokenised while one is worked on."""
        ahead: deque[list[Future[list[NDArray[np.int32]]]]] = deque()
        try:
            for texts in windows:
                ahead.append(self._asked(texts))
                if len(ahead) > 1:
                    yield _together(ahead.popleft())
            while ahead:
                yield _together(ahead.popleft())
        finally:
            for part in chain.from_iterable(ahead):
                part.cancel()

    def _asked(self, texts: Sequence[str]) -> list[Future[list[NDArray[np.int32]]]]:
        check_sequence(texts)
        self._seen += len(texts)
        if self._seen < _WORTH_PROCESSES:
            done: Future[list[NDArray[np.int32]]] = Future()
            done.set_result(self._tokeniser.ids(texts))
            return [done]
        for index, text in enumerate(texts):
            if not isinstance(text, str):
                raise not_a_text(text, index)
        pool = self._started()
        return [
            pool.submit(_ask, self._idle, self._tokeniser, list(texts[start : start + _TEXTS_A_REQUEST]))
            for start in range(0, len(texts), _TEXTS_A_REQUEST)
        ]

    def _started(self) -> ThreadPoolExecutor:
        with _starting:
            if self._pool is None:
                copied = pickle.dumps(self._tokeniser, protocol=5)
                processes = [_Process(copied) for _ in range(self._count)]
                for process in processes:
                    self._idle.put(process)
                self._pool = ThreadPoolExecutor(self._count, thread_name_prefix="xsearch-tokenise")
                weakref.finalize(self, _end, self._pool, processes)
            return self._pool


_starting = threading.Lock()


class _Process:
    """A process that runs `serve`, with a pickled tokeniser.

    It is sent with the first request: a pipe takes less at once, so to wait here would start one after the other.
    """

    def __init__(self, tokeniser: bytes) -> None:
        self._running: subprocess.Popen[bytes] | None = None
        self._unsent = tokeniser
        alone = dict.fromkeys(("RAYON_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        paths = os.pathsep.join(path for path in sys.path if path)
        try:
            self._running = subprocess.Popen(  # noqa: S603
                # -P: no module of the folder that it is started in
                [sys.executable, "-P", "-c", f"from {__name__} import serve; serve()"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, **alone, "PYTHONPATH": paths, "TOKENIZERS_PARALLELISM": "false"},
            )
        except OSError as error:
            self._lost(error)

    def ids(self, texts: list[str], tokeniser: Tokeniser) -> list[NDArray[np.int32]]:
        """What `tokeniser`, of which the process has a copy, gives for texts."""
        if self._running is not None:
            try:
                ids, lengths, truncated = self._reply(self._running, texts)
            except (OSError, EOFError, pickle.UnpicklingError) as error:
                self._lost(error)
            else:
                if truncated:
                    tokeniser.say_truncated()
                return unpacked(ids, lengths)
        return tokeniser.ids(texts)

    def end(self) -> None:
        """Let the process finish what it does, and end."""
        if self._running is not None:
            self._running.communicate()
            self._running = None

    def _reply(self, running: subprocess.Popen[bytes], texts: list[str]) -> Any:
        """What the process answers; before its first request it is sent the tokeniser."""
        assert running.stdin is not None and running.stdout is not None  # noqa: S101, PT018 - both are pipes
        running.stdin.write(self._unsent)
        self._unsent = b""
        pickle.dump(texts, running.stdin, protocol=5)
        running.stdin.flush()
        return pickle.load(running.stdout)  # noqa: S301

    def _lost(self, error: Exception) -> None:
        _logger.warning("a process that tokenises is lost (%r); its texts are tokenised in this one", error)
        if self._running is not None:
            self._running.kill()
            self._running.communicate()
            self._running = None


def serve() -> None:
    """What a process of `TokeniserProcesses` runs: a tokeniser, then lists of texts from stdin; `packed` to stdout."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # that is for the process that asks, whose end is ours
    logging.disable()
    requests, replies = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        tokeniser: Tokeniser = pickle.load(requests)  # noqa: S301
        while True:
            ids, lengths = tokeniser.packed(pickle.load(requests))  # noqa: S301
            pickle.dump((ids, lengths, tokeniser.truncated), replies, protocol=5)
            replies.flush()
    except (EOFError, BrokenPipeError):
        return


def _ask(idle: SimpleQueue[_Process], tokeniser: Tokeniser, texts: list[str]) -> list[NDArray[np.int32]]:
    process = idle.get()
    try:
        return process.ids(texts, tokeniser)
    finally:
        idle.put(process)


def _end(pool: ThreadPoolExecutor, processes: Sequence[_Process]) -> None:
    pool.shutdown(cancel_futures=True)
    for process in processes:
        process.end()


def _together(parts: Sequence[Future[list[NDArray[np.int32]]]]) -> list[NDArray[np.int32]]:
    return [ids for part in parts for ids in part.result()]
