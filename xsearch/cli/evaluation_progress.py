"""Shows on stderr which set is being measured and how far its texts are encoded."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from xsearch.cli.printable import printable

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from xsearch.evaluation.results import Label


class EvaluationProgress:
    """Nothing is shown without a bar: stderr is no terminal."""

    def __init__(self, bar: Progress | None = None) -> None:
        self._bar = bar
        self._task: TaskID | None = None if bar is None else bar.add_task("Reading", total=None)

    def measuring(self, label: Label) -> None:
        """A set is about to be read and measured."""
        self._show(f"{label.task} {label.dataset} {label.split} {label.subset}", 0, None)

    def encoding(self, lang: str, done: int, total: int) -> None:
        """`done` of `total` texts of the present set are encoded."""
        self._show(None, done, total)

    def _show(self, what: str | None, done: int, total: int | None) -> None:
        if self._bar is not None and self._task is not None:
            description = {} if what is None else {"description": printable(what)}
            self._bar.update(self._task, completed=done, total=total, **description)  # type: ignore[arg-type]


@contextlib.contextmanager
def showing() -> Iterator[EvaluationProgress]:
    """A bar while stderr is a terminal."""
    if not sys.stderr.isatty():
        yield EvaluationProgress()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = [
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    ]
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield EvaluationProgress(bar)
