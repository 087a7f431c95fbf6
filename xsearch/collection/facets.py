"""What the metadata of collections offers to filter by, and a choice of it as the SQL of `--where`."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

from xsearch.collection.collection import Collection
from xsearch.collection.columns import parse_type
from xsearch.collection.filters import sql_name, sql_text
from xsearch.collection.snapshot import Snapshot, open_snapshot

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal["category", "number", "date", "text"]

MOST_VALUES = 40
"""A text column with more distinct values than this is searched as text, not chosen from a list."""

_BATCH_ROWS = 65_536


@dataclass(frozen=True)
class Facet:
    """A metadata column as a filter: a category has `values` (the most frequent first), a number or a date has its
    lowest and highest; `whole` says that all numbers are integers.
    """

    name: str
    kind: Kind
    values: tuple[str | bool, ...] = ()
    low: float | date | None = None
    high: float | date | None = None
    whole: bool = False


def facets(collections: Sequence[Collection]) -> tuple[Facet, ...]:
    """The columns that all the collections have, of kinds that can be filtered by, in the order of the first.

    Columns without any value, and those of lists, structs and bytes, offer nothing.
    """
    if not collections:
        return ()
    snapshots = [open_snapshot(collection.path) for collection in collections]
    types = [{column.name: column.type for column in snapshot.manifest.columns} for snapshot in snapshots]
    found = []
    for name in types[0]:
        kinds = {_kind(columns[name]) if name in columns else None for columns in types}
        kind = kinds.pop() if len(kinds) == 1 else None
        if kind is not None:
            facet = _facet(name, kind, snapshots)
            if facet is not None:
                found.append(facet)
    return tuple(found)


def one_of(facet: Facet, values: Sequence[str | bool]) -> str:
    """The condition that the column has one of the values."""
    return f"{sql_name(facet.name)} IN ({', '.join(_literal(value) for value in values)})"


def between(facet: Facet, low: float | date, high: float | date) -> str:
    """The condition that the column lies between two values, both included."""
    if facet.kind == "date":
        return f"CAST({sql_name(facet.name)} AS DATE) BETWEEN {_literal(low)} AND {_literal(high)}"
    return f"{sql_name(facet.name)} BETWEEN {_literal(low)} AND {_literal(high)}"


def containing(facet: Facet, words: str) -> str:
    """The condition that the column contains the words, whatever their case."""
    return f"contains(lower({sql_name(facet.name)}), {_literal(words.lower())})"


def all_of(conditions: Sequence[str]) -> str | None:
    """The conditions as one; None if there are none."""
    return " AND ".join(conditions) or None


def _kind(name: str) -> Kind | None:
    import pyarrow as pa

    try:
        kind = parse_type(name)
    except ValueError:
        return None
    if pa.types.is_boolean(kind):
        return "category"
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return "date"
    return "text" if pa.types.is_string(kind) else None


def _facet(name: str, kind: Kind, snapshots: Sequence[Snapshot]) -> Facet | None:
    if kind in ("number", "date"):
        return _range(name, kind, snapshots)
    counts = _counts(name, snapshots)
    if counts is None:
        return Facet(name, "text")
    values = sorted(counts, key=lambda value: (-counts[value], str(value)))
    return Facet(name, "category", tuple(values)) if values else None


def _columns(name: str, snapshots: Sequence[Snapshot]) -> "Iterator[pa.Array]":
    """The column's values, deleted documents' too, a batch at a time."""
    for snapshot in snapshots:
        for segment in snapshot.segments:
            if any(column.name == name for column in segment.record.columns):
                for batch in segment.batches(_BATCH_ROWS, [name]):
                    yield batch.column(0)


def _counts(name: str, snapshots: Sequence[Snapshot]) -> dict[str | bool, int] | None:
    """How often each value occurs, or None if there are too many to choose from."""
    counts: dict[str | bool, int] = {}
    for column in _columns(name, snapshots):
        for pair in column.value_counts().to_pylist():
            if pair["values"] not in (None, ""):
                counts[pair["values"]] = counts.get(pair["values"], 0) + pair["counts"]
        if len(counts) > MOST_VALUES:
            return None
    return counts


def _range(name: str, kind: Kind, snapshots: Sequence[Snapshot]) -> Facet | None:
    import pyarrow as pa
    import pyarrow.compute as pc

    whole = True
    ends: list[Any] = []
    for column in _columns(name, snapshots):
        if kind == "date":
            column = column.cast(pa.date32(), safe=False)
        else:
            whole = whole and pa.types.is_integer(column.type)
            column = column.cast(pa.float64(), safe=False)
        extremes = pc.min_max(column).as_py()
        ends += [end for end in extremes.values() if end is not None and not _endless(end)]
    if not ends:
        return None
    return Facet(name, kind, low=min(ends), high=max(ends), whole=kind == "number" and whole)


def _endless(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _literal(value: str | bool | float | date) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return f"DATE '{value.isoformat()}'"
    if isinstance(value, str):
        return sql_text(value)
    return str(int(value)) if float(value).is_integer() else repr(float(value))
