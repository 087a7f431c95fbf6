"""Where the documents of a corpus are encoded: some batches ahead of their being stored, in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from xsearch.collection.encoding import TextEncoder

Vectors = dict[str, NDArray[np.float32]]
"""For each space (n, d) float32, L2-normalised."""

Made = TypeVar("Made", covariant=True)


class Pending(Protocol[Made]):
    """What is being made elsewhere."""

    def result(self) -> Made:
        """Waits for it; raises what went wrong."""


class Engine(Protocol):
    """Encodes batches of texts, several at a time."""

    @property
    def ahead(self) -> int:
        """So many batches on their way keep it busy while another is stored."""

    def start(self, texts: Sequence[str], langs: Sequence[str], spaces: Sequence[str]) -> Pending[Vectors]:
        """Begin to encode texts in the languages `langs`, one for each, in every one of `spaces`."""


class Labelled(Protocol):
    """A batch of documents that each have a language."""

    @property
    def texts(self) -> list[str]:
        """The texts."""

    @property
    def langs(self) -> list[str]:
        """The language of each."""


Documents = TypeVar("Documents", bound=Labelled)


def encode_ahead(
    engine: Engine, batches: Iterable[Documents], spaces: Sequence[str]
) -> Iterator[tuple[Documents, Vectors]]:
    """Every batch with its vectors, in order, while the engine is at work on the next `engine.ahead` ones.

    An error in reading or encoding a batch is raised in its turn, after the batches before it.
    """
    running: deque[tuple[Documents, Pending[Vectors]]] = deque()
    failure: Exception | None = None
    unread = iter(batches)
    while True:
        try:
            batch = next(unread)
        except StopIteration:
            break
        except Exception as error:
            failure = error
            break
        running.append((batch, engine.start(batch.texts, batch.langs, spaces)))
        if len(running) > engine.ahead:
            first, pending = running.popleft()
            yield first, pending.result()
    while running:
        first, pending = running.popleft()
        yield first, pending.result()
    if failure is not None:
        raise failure


class StreamingEncoder(TextEncoder, Protocol):
    """An encoder that can share threads with others; `xsearch.encoder.Encoder` is one."""

    def start(self, texts: Sequence[str], space: str, pool: Executor) -> Pending[NDArray[np.float32]]:
        """Begin to encode texts, in `pool`: (n, d) float32, L2-normalised."""


class LocalEngine:
    """Encodes in this process: one thread tokenises, as many as there are cores (or `threads`) run the encoders.

    A context manager; leaving it drops what has not been encoded yet.
    """

    ahead = 4

    def __init__(self, encoder_for: Callable[[str], StreamingEncoder], threads: int | None = None) -> None:
        from xsearch.encoder.runtime import available_cores

        self._encoder_for = encoder_for
        self._tokenising = ThreadPoolExecutor(1, thread_name_prefix="xsearch-tokenise")
        self._encoding = ThreadPoolExecutor(threads or available_cores(), thread_name_prefix="xsearch-encode")

    def start(self, texts: Sequence[str], langs: Sequence[str], spaces: Sequence[str]) -> Pending[Vectors]:
        """See `Engine`."""
        return _Batch(len(texts), self._tokenising.submit(self._started, texts, langs, spaces))

    def _started(self, texts: Sequence[str], langs: Sequence[str], spaces: Sequence[str]) -> list["_Share"]:
        shares = []
        for language in dict.fromkeys(langs):
            encoder = self._encoder_for(language)
            rows = np.array([row for row, lang in enumerate(langs) if lang == language])
            chosen = [texts[row] for row in rows]
            shares += [_Share(space, rows, encoder.start(chosen, space, self._encoding)) for space in spaces]
        return shares

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        for pool in (self._tokenising, self._encoding):
            pool.shutdown(cancel_futures=True)


@dataclass(frozen=True)
class _Share:
    """The `rows` of a batch that are in one language, on their way to one space."""

    space: str
    rows: NDArray[np.int64]
    vectors: Pending[NDArray[np.float32]]


@dataclass(frozen=True)
class _Batch:
    rows: int
    _shares: Future[list[_Share]]

    def result(self) -> Vectors:
        vectors: Vectors = {}
        for share in self._shares.result():
            found = share.vectors.result()
            whole = vectors.setdefault(share.space, np.empty((self.rows, found.shape[1]), np.float32))
            whole[share.rows] = found
        return vectors
