"""Licences of the training data, read from `SOURCES.md`, where they are stated once."""

from __future__ import annotations

from functools import cache
from pathlib import Path

SOURCES = Path(__file__).parent / "SOURCES.md"
UNKNOWN = "licence not known"


def licence_of(source: str) -> str:
    """The licence of a source by its name in the data; `UNKNOWN` for a user's own."""
    return _licences().get(source, UNKNOWN)


@cache
def _licences() -> dict[str, str]:
    lines = SOURCES.read_text(encoding="utf-8").splitlines()
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    header, _, *rows = table
    column = header.index("licence")
    return {name: row[column] for row in rows for name in row[0].split(", ")}
