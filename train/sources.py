"""Sources of a module's training data, and their licences as `SOURCES.md` states them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

SOURCES = Path(__file__).parent / "SOURCES.md"
UNKNOWN = "licence not known"


def licence_of(source: str) -> str:
    """The licence of a source by its name in the data; `UNKNOWN` for a user's own."""
    return _licences().get(source, UNKNOWN)


def sources_of(made: Mapping[str, Any]) -> list[str]:
    """The sources that a module's provenance counts, those of its relatives' translations (`ky:SOURCE`) last."""
    kinds = ("translations", "paraphrases", "scored_pairs", "english_paraphrases", "relatives")
    return [name.rpartition(":")[2] for kind in kinds for name in made.get(kind, {})]


@cache
def _licences() -> dict[str, str]:
    lines = SOURCES.read_text(encoding="utf-8").splitlines()
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    header, _, *rows = table
    column = header.index("licence")
    return {name: row[column] for row in rows for name in row[0].split(", ")}
