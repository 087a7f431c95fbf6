"""Many texts through a runtime: tokenised ahead, sorted by length, several batches at a time, in flat memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from xsearch.encoder.runtime import Runtime
from xsearch.encoder.tokenisation import Tokeniser

if TYPE_CHECKING:
    from xsearch.encoder.tokenising_processes import TokeniserProcesses

# Windows in progress: one whose last batches still run, and the next, so that no core waits for the tokenizer.
_AHEAD = 2


def encode_now(
    texts: Sequence[str], tokeniser: Tokeniser, runtime: Runtime, dimension: int
) -> NDArray[np.float32]:
    """Vectors (n, dimension) of a few texts, in the calling thread."""
    ids = tokeniser.ids(texts)
    vectors = np.empty((len(ids), dimension), dtype=np.float32)
    for chosen in runtime.batches([len(one) for one in ids]):
        vectors[chosen] = runtime.sentences([ids[index] for index in chosen])
    return vectors


def windows_of(texts: Sequence[str], runtime: Runtime) -> Iterator[slice]:
    """Where the runtime's windows of `texts` lie, in order; none is empty."""
    start = characters = 0
    for end, text in enumerate(texts, 1):
        if isinstance(text, str):  # what is no text is for the tokeniser to refuse
            characters += len(text)
        if end - start == runtime.window or characters >= runtime.window_characters:
            yield slice(start, end)
            start, characters = end, 0
    if start < len(texts):
        yield slice(start, len(texts))


@dataclass(frozen=True)
class Encoding:
    """Texts on their way through a runtime."""

    _vectors: NDArray[np.float32]
    _batches: list[Future[None]]

    def result(self) -> NDArray[np.float32]:
        """Their vectors (n, dimension), once all are there; raises what went wrong."""
        for batch in self._batches:
            batch.result()
        return self._vectors


def begin(ids: Sequence[NDArray[np.int32]], runtime: Runtime, dimension: int, pool: Executor) -> Encoding:
    """Leave it to `pool` to encode texts, given by their token ids."""
    vectors = np.empty((len(ids), dimension), dtype=np.float32)
    return Encoding(
        vectors,
        [
            pool.submit(_fill, vectors, chosen, [ids[index] for index in chosen], runtime)
            for chosen in runtime.batches([len(one) for one in ids])
        ],
    )


def encode_windows(
    windows: Iterable[Sequence[str]],
    tokeniser: Tokeniser | TokeniserProcesses,
    runtime: Runtime,
    dimension: int,
) -> Iterator[NDArray[np.float32]]:
    """Vectors (n, dimension) of every window of texts, in order.

    While the runtime works on one window the next is taken from `windows` and tokenised; no more is held in memory,
    but one window of token ids where other processes tokenise.
    """
    pool = ThreadPoolExecutor(runtime.workers, thread_name_prefix="xsearch-encode")
    running: deque[Encoding] = deque()
    try:
        for ids in tokeniser.windows(windows):
            running.append(begin(ids, runtime, dimension, pool))
            if len(running) == _AHEAD:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _fill(
    vectors: NDArray[np.float32],
    chosen: NDArray[np.intp],
    ids: Sequence[NDArray[np.int32]],
    runtime: Runtime,
) -> None:
    vectors[chosen] = runtime.sentences(ids)
