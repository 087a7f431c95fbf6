"""Tables and lists of pairs as plain text, laid out for the width of the terminal."""

from __future__ import annotations

import re
import shutil
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import click

from xsearch.cli.printable import printable

_WIDTH_WITHOUT_TERMINAL = 100
_WIDEST = 140
_NARROWEST_TEXT = 24
_WIDEST_CELL = 32


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; numbers stand to the right."""

    title: str
    right: bool = False


def table(columns: Sequence[Column], rows: Iterable[Sequence[str]], *, lines: int = 4) -> str:
    """Rows under a header; the last column takes the width that is left.

    Each cell of the last column may hold several paragraphs, parted by line breaks, each of which wraps into at most
    ``lines``; everything else is made printable. Widths are those of a terminal: East Asian characters take two places.
    """
    rows = list(rows)
    cells = [[_cut(printable(cell)) for cell in row[:-1]] for row in rows]
    last = [row[-1] for row in rows]
    widths = [
        max([_width(column.title), *(_width(row[i]) for row in cells)])
        for i, column in enumerate(columns[:-1])
    ]
    left = sum(widths) + 2 * len(widths)
    room = max(_NARROWEST_TEXT, min(_terminal_width(), _WIDEST) - left)
    header = _line([column.title for column in columns[:-1]], columns, widths) + columns[-1].title
    printed = [click.style(header, bold=True)]
    for row, text in zip(cells, last, strict=True):
        wrapped = [
            part for paragraph in text.split("\n") for part in _wrap(printable(paragraph), room, lines)
        ]
        first, *rest = wrapped or [""]
        printed.append((_line(row, columns, widths) + first).rstrip())
        printed += [" " * left + part for part in rest]
    return "\n".join(printed)


def pairs(rows: Iterable[tuple[str, str]]) -> str:
    """Names and values, one a line."""
    known = [(name, printable(value)) for name, value in rows]
    width = max((_width(name) for name, _ in known), default=0)
    return "\n".join(f"{click.style(name.ljust(width), bold=True)}  {value}" for name, value in known)


def _cut(cell: str) -> str:
    return cell if _width(cell) <= _WIDEST_CELL else cell[: _fitting(cell, _WIDEST_CELL - 1)] + "…"


def _line(cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    padded = []
    for cell, column, width in zip(cells, columns, widths, strict=False):
        gap = " " * (width - _width(cell))
        padded.append(gap + cell if column.right else cell + gap)
    return "".join(f"{cell}  " for cell in padded)


def _wrap(text: str, width: int, lines: int) -> list[str]:
    """Breaks at spaces, or within a word that is too long (Chinese has no spaces); … ends what was cut."""
    wrapped: list[str] = []
    current = ""
    for word in re.findall(r"\S+\s*", text):
        if current and _width(current) + _width(word.rstrip()) > width:
            wrapped.append(current.rstrip())
            current = ""
        current += word
        while _width(current.rstrip()) > width:
            at = _fitting(current, width)
            wrapped.append(current[:at])
            current = current[at:]
        if len(wrapped) >= lines:
            break
    if current.strip():
        wrapped.append(current.rstrip())
    if len(wrapped) > lines:
        end = wrapped[lines - 1]
        wrapped = [*wrapped[: lines - 1], end[: _fitting(end, width - 1)].rstrip() + "…"]
    return wrapped


def _fitting(text: str, width: int) -> int:
    """How many characters of the text fit into a width, at least one."""
    used = 0
    for i, character in enumerate(text):
        used += _width(character)
        if used > width:
            return max(1, i)
    return len(text)


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def _terminal_width() -> int:
    return shutil.get_terminal_size((_WIDTH_WITHOUT_TERMINAL, 24)).columns
