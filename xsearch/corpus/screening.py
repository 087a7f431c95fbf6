"""Which rows are documents: a string for text, an id that is new, a language that is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from xsearch.corpus.source import MAX_ROW_BYTES, Rows, no_metadata
from xsearch.errors import LanguageError
from xsearch.languages import resolve

MAX_ID_LENGTH = 1000


@dataclass(frozen=True, slots=True)
class Problem:
    """A row that is no document, and why."""

    file: Path
    unit: str
    number: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}, {self.unit} {self.number}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Documents:
    """The rows that passed: lists and a table of one length; the table may have no columns."""

    ids: list[str]
    texts: list[str]
    langs: list[str] | None
    metadata: pa.Table


@dataclass(slots=True)
class SeenIds:
    """The ids so far, as 64-bit hashes in sorted runs: 8 bytes an id, so ten million take 80 MB."""

    _runs: list[NDArray[np.int64]] = field(default_factory=list)

    def repeats(self, ids: Sequence[str]) -> set[int]:
        """Positions of ids that occurred before, in earlier calls or here; then remembers all of them."""
        hashes = np.fromiter(map(hash, ids), dtype=np.int64, count=len(ids))
        unique, first = np.unique(hashes, return_index=True)
        known = np.zeros(len(unique), dtype=bool)
        for run in self._runs:
            at = np.minimum(np.searchsorted(run, unique), len(run) - 1)
            known |= run[at] == unique
        fresh = set(first[~known].tolist())
        if fresh:
            self._remember(unique[~known])
        return set(range(len(ids))) - fresh

    def _remember(self, run: NDArray[np.int64]) -> None:
        while self._runs and len(self._runs[-1]) <= 2 * len(run):
            run = np.sort(np.concatenate([self._runs.pop(), run]), kind="stable")
        self._runs.append(run)


@dataclass(slots=True)
class Screening:
    """One pass over a corpus; knows the ids that went by.

    ``default_lang`` is the code of the rows whose language is null; without one such rows are no documents.
    """

    default_lang: str | None = None
    seen: SeenIds = field(default_factory=SeenIds)
    _languages: dict[str | None, str] = field(default_factory=dict)

    def screen(self, rows: Rows, *, file: Path, unit: str, label: str) -> tuple[Documents, list[Problem]]:
        """Parts the documents from the rows that are none.

        Args:
            rows: rows of one file, in order.
            file: the file, for the problems.
            unit: what the row numbers count.
            label: what made-up ids start with, where there is no id column.
        """
        reasons: dict[int, str] = dict(rows.broken)
        kept: list[int] = []
        for position, number in enumerate(rows.numbers):
            reason = self._problem(rows, position)
            if reason is None:
                kept.append(position)
            else:
                reasons[number] = reason
        if rows.ids is None:
            ids = [f"{label}:{rows.numbers[position]}" for position in kept]
        else:
            ids = [str(rows.ids[position]) for position in kept]
            for i in sorted(self.seen.repeats(ids), reverse=True):
                reasons[rows.numbers[kept[i]]] = (
                    f"the id {ids[i][:80]!r} has occurred before; expected it once"
                )
                del ids[i], kept[i]
        metadata = rows.metadata
        if metadata.num_columns == 0:
            metadata = no_metadata(len(kept))
        elif len(kept) < len(rows.numbers):
            metadata = metadata.take(pa.array(kept, pa.int64()))
        documents = Documents(
            ids=ids,
            texts=[rows.texts[position] for position in kept],
            langs=None
            if rows.langs is None
            else [self._languages[rows.langs[position]] for position in kept],
            metadata=metadata,
        )
        return documents, [Problem(file, unit, number, reasons[number]) for number in sorted(reasons)]

    def _problem(self, rows: Rows, position: int) -> str | None:
        reason = _text_problem(rows.texts[position])
        if reason is None and rows.ids is not None:
            reason = _id_problem(rows.ids[position])
        if reason is None and rows.langs is not None:
            reason = self._language_problem(rows.langs[position])
        return reason

    def _language_problem(self, name: Any) -> str | None:
        if name is None and self.default_lang:
            self._languages[name] = self.default_lang
        elif not isinstance(name, str):
            return f"the language is {_seen(name)}; expected a code such as 'fi'"
        elif name not in self._languages:
            try:
                self._languages[name] = resolve(name).code
            except LanguageError:
                self._languages[name] = ""
        if not self._languages[name]:
            return f"the language {name[:40]!r} is unknown; expected a code such as 'fi'"
        return None


def _text_problem(text: Any) -> str | None:
    if not isinstance(text, str):
        return f"the text is {_seen(text)}; expected a string"
    if len(text) > MAX_ROW_BYTES:
        return f"the text has {len(text)} characters, more than {MAX_ROW_BYTES}; split it into passages"
    return None


def _id_problem(id: Any) -> str | None:
    if isinstance(id, bool) or not isinstance(id, (str, int)):
        return f"the id is {_seen(id)}; expected a string or a whole number"
    if isinstance(id, str) and not 0 < len(id) <= MAX_ID_LENGTH:
        return f"the id has {len(id)} characters; expected 1 to {MAX_ID_LENGTH}"
    return None


def _seen(value: Any) -> str:
    if value is None:
        return "null"
    return f"of type {type(value).__name__} ({str(value)[:40]!r})"
