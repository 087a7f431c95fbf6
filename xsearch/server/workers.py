"""Threads that do the work, and the queue before them.

Requests that can share work and wait at the same time are taken together. There is no timer: a lone request starts at
once, and while all threads are busy, those that arrive in these few milliseconds become the next batch. So a batch
grows with the load, which is when it pays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

MOST_TEXTS_TOGETHER = 64
"""Texts in a batch; beyond this an encoder gains nothing, and the first would wait for the last."""


class BusyError(Exception):
    """As many items wait as may, or this one has waited for too long."""


@dataclass(frozen=True, eq=False)
class _Entry:
    work: Callable[[Sequence[Any]], Sequence[Any]]
    key: Hashable
    item: Any
    texts: int
    future: asyncio.Future[Any]


class Workers:
    """`threads` threads and a queue of at most `waiting` items, none of which waits longer than `patience` seconds.

    Each thread calls `prepare` first. For one event loop, from its own thread.
    """

    def __init__(
        self, threads: int, waiting: int, patience: float, prepare: Callable[[], None] = lambda: None
    ) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="xsearch-serve", initializer=prepare)
        self._threads = self._idle = threads
        self._most = waiting
        self._patience = patience
        self._queue: list[_Entry] = []

    @property
    def waiting(self) -> int:
        """How many items wait."""
        return len(self._queue)

    @property
    def running(self) -> int:
        """How many threads work."""
        return self._threads - self._idle

    def check(self) -> None:
        """Raise BusyError if the queue is full."""
        if len(self._queue) >= self._most + self._idle:
            raise BusyError

    async def run(
        self,
        work: Callable[[Sequence[Item]], Sequence[Outcome | Exception]],
        item: Item,
        *,
        key: Hashable = None,
        texts: int = 1,
    ) -> Outcome:
        """The outcome of `work` for one item, among other waiting items of the same key unless that is None.

        `work` gives an outcome or an exception for each item; the exception is raised here. `texts` is how much the
        item adds to a batch. Raises BusyError if the queue is full, or no thread was free for too long.
        """
        self.check()
        loop = asyncio.get_running_loop()
        entry = _Entry(work, key, item, texts, loop.create_future())
        self._queue.append(entry)
        loop.call_soon(self._start)  # not at once: what else has arrived by now may come along
        timer = loop.call_later(self._patience, self._give_up, entry)
        try:
            outcome: Outcome = await entry.future
        finally:
            timer.cancel()
        return outcome

    def close(self) -> None:
        """Wait for what is running."""
        self._pool.shutdown(wait=True)

    def _start(self) -> None:
        loop = asyncio.get_running_loop()
        while self._idle and self._queue:
            batch = self._next_batch()
            self._idle -= 1
            running = loop.run_in_executor(self._pool, batch[0].work, [entry.item for entry in batch])
            running.add_done_callback(partial(self._finish, batch))

    def _next_batch(self) -> list[_Entry]:
        """The entry that has waited longest, and those that can go with it."""
        first = self._queue[0]
        batch, room = [first], MOST_TEXTS_TOGETHER - first.texts
        if first.key is not None:
            for entry in self._queue[1:]:
                if entry.key == first.key and entry.texts <= room:
                    batch.append(entry)
                    room -= entry.texts
        taken = set(map(id, batch))
        self._queue = [entry for entry in self._queue if id(entry) not in taken]
        return batch

    def _give_up(self, entry: _Entry) -> None:
        """Whoever sent it may well have gone; work on it would only make the others wait."""
        if entry in self._queue:
            self._queue.remove(entry)
            entry.future.set_exception(BusyError())

    def _finish(self, batch: list[_Entry], done: asyncio.Future[Sequence[Any]]) -> None:
        self._idle += 1
        error = done.exception()
        outcomes = [error] * len(batch) if error is not None else done.result()
        for entry, outcome in zip(batch, outcomes, strict=True):
            if entry.future.done():  # its request was given up
                continue
            if isinstance(outcome, BaseException):
                entry.future.set_exception(outcome)
            else:
                entry.future.set_result(outcome)
        self._start()
