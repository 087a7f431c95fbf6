"""A progress bar with rate and time left, for a person who watches stderr."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bar:
    """What a command tells of its progress."""

    _update: Callable[..., None]

    def __call__(self, done: int, total: int | None = None) -> None:
        """Moves on to the number of items that are done so far, of ``total`` if that has become known."""
        self._update(completed=done, total=total)

    def describe(self, what: str) -> None:
        """Says what is being done from now on."""
        self._update(description=what)


@contextlib.contextmanager
def progress(what: str, total: int | None, items: str = "documents") -> Iterator[Bar]:
    """Shows a bar while stderr is a terminal, and nothing otherwise.

    Args:
        what: what is being done, for the left of the bar.
        total: how many items there are, if that is known.
        items: what they are called.
    """
    if not sys.stderr.isatty():
        yield Bar(lambda **changes: None)
        return
    from functools import partial

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(TextColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:,.0f} {items}/s")

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(""),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        yield Bar(partial(shown.update, shown.add_task(what, total=total)))
