"""Shows on stderr which set is being measured and how far its texts are encoded."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from xsearch.cli.printable import printable
from xsearch.cli.progress import Bar, progress

if TYPE_CHECKING:
    from xsearch.evaluation.results import Label


class EvaluationProgress:
    """What a run tells of its progress, on a bar."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar

    def measuring(self, label: Label) -> None:
        """A set is about to be read and measured."""
        self._bar.describe(printable(f"{label.task} {label.dataset} {label.split} {label.subset}"))
        self._bar(0)

    def encoding(self, lang: str, done: int, total: int) -> None:
        """`done` of `total` texts of the present set are encoded."""
        self._bar(done, total)


@contextlib.contextmanager
def showing() -> Iterator[EvaluationProgress]:
    """A bar while stderr is a terminal."""
    with progress("Reading", None, "texts") as bar:
        yield EvaluationProgress(bar)
