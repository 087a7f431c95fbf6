"""Types for the metadata of formats that declare none, found by looking at every value.

A column gets the narrowest type that holds all of its values; where nothing fits all of them it is text
(JSON text for values that are no strings). Types of several files are joined the same way.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from xsearch.corpus.source import no_metadata
from xsearch.errors import CorpusError

# Python's dates have no year 0, and a float keeps 15 digits: an identifier of 20 is text, or it would be another one.
_DATE = r"(000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})-[0-9]{2}-[0-9]{2}"
_CELL_PATTERNS: tuple[tuple[pa.DataType, str], ...] = (
    (pa.int64(), r"^-?(0|[1-9][0-9]{0,18})$"),
    (pa.float64(), r"^-?(0|[1-9][0-9]{0,14})(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$"),
    (pa.bool_(), r"^(true|false|True|False|TRUE|FALSE)$"),
    (pa.date32(), f"^{_DATE}$"),
    (pa.timestamp("us"), f"^{_DATE}[T ][0-9]{{2}}:[0-9]{{2}}(:[0-9]{{2}}(\\.[0-9]{{1,6}})?)?$"),
)

# What a field says of integers that no float holds: beside fractions they are text, as in one CSV file.
_LONG = {"integers": "long"}
_LONGEST_IN_FLOAT = 2**53

_MAX_DEPTH = 16  # of lists and objects in one value; deeper ones are kept as JSON text


@dataclass(slots=True)
class JsonTypes:
    """Types of the keys of JSON objects, in the order of their first appearance."""

    found: dict[str, pa.Field] = field(default_factory=dict)

    def observe(self, name: str, values: Sequence[Any]) -> None:
        """Widens the type of a column so that it holds these values too."""
        known = self.found.get(name, pa.field(name, pa.null()))
        if known.type != pa.string():
            self.found[name] = _join(known, _json_field(name, values))

    def schema(self) -> pa.Schema:
        """The columns seen; those that were null throughout have the type null."""
        return pa.schema(list(self.found.values()))


@dataclass(slots=True)
class CellTypes:
    """Types of CSV columns, from the patterns that all their cells follow; a leading zero makes text."""

    possible: dict[str, list[pa.DataType]] = field(default_factory=dict)

    def observe(self, name: str, cells: pa.Array) -> None:
        """Strikes out the types that do not fit these cells (strings, or null where empty)."""
        filled = cells.drop_null()
        left = self.possible.get(name)
        if len(filled):
            patterns = [pair for pair in _CELL_PATTERNS if left is None or pair[0] in left]
            self.possible[name] = [kind for kind, pattern in patterns if _follows(filled, pattern, kind)]

    def schema(self, names: Iterable[str]) -> pa.Schema:
        """The types of these columns: text where none is left, null where every cell was empty."""
        return pa.schema([self._field(name) for name in names])

    def _field(self, name: str) -> pa.Field:
        left = self.possible.get(name, [pa.null()])
        long = pa.int64() in left and pa.float64() not in left
        return pa.field(name, next(iter(left), pa.string()), metadata=_LONG if long else None)


def join_schemas(schemas: Iterable[pa.Schema]) -> pa.Schema:
    """All columns of all files, each with a type that holds its values in every file; text if it has none anywhere."""
    joined: dict[str, pa.Field] = {}
    for schema in schemas:
        for column in schema:
            joined[column.name] = _join(joined.get(column.name, column), column)
    return pa.schema(
        [(name, pa.string() if pa.types.is_null(one.type) else one.type) for name, one in joined.items()]
    )


def json_array(values: Sequence[Any], kind: pa.DataType, name: str) -> pa.Array:
    """JSON values as a column of this type; for text, anything but strings is written as JSON.

    Raises:
        CorpusError: the values do not fit, which a type found by ``join_schemas`` excludes for most types.
    """
    if kind == pa.string():
        values = [value if value is None or isinstance(value, str) else _json_text(value) for value in values]
    try:
        return pa.array(values, type=kind)
    except (
        pa.ArrowInvalid,
        pa.ArrowTypeError,
        OverflowError,
    ) as error:  # lists of long integers and of fractions
        raise _misfit(name, kind, error) from error


def cast_array(column: pa.Array, kind: pa.DataType, name: str) -> pa.Array:
    """A column of one file as the type that it has in the whole corpus.

    Raises:
        CorpusError: as ``json_array``.
    """
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if column.type == kind:
        return column
    if column.null_count == len(column):  # which may be of a type that cannot be cast
        return pa.nulls(len(column), kind)
    try:
        return column.cast(kind)
    except pa.ArrowNotImplementedError:
        return json_array(column.to_pylist(), kind, name)
    except pa.ArrowInvalid as error:
        raise _misfit(name, kind, error) from error


def conform(rows: pa.Table | pa.RecordBatch, schema: pa.Schema) -> pa.Table:
    """The columns of ``schema`` in its types; null where the rows lack one.

    Raises:
        CorpusError: as ``json_array``.
    """
    if not schema.names:
        return no_metadata(rows.num_rows)
    present = set(rows.schema.names)
    arrays = [
        cast_array(rows.column(column.name), column.type, column.name)
        if column.name in present
        else pa.nulls(rows.num_rows, column.type)
        for column in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _misfit(name: str, kind: pa.DataType, error: Exception) -> CorpusError:
    return CorpusError(
        f"column {name!r} cannot be read as {kind} throughout: {error}; write its values alike, or leave it out"
    )


def _join(one: pa.Field, other: pa.Field) -> pa.Field:
    """The narrowest type that holds both; text if there is none."""
    long = _is_long(one) or _is_long(other)
    if long and (pa.types.is_floating(one.type) or pa.types.is_floating(other.type)):
        return pa.field(one.name, pa.string())
    kind = one.type
    if kind != other.type:
        schemas = [pa.schema([("value", kind)]), pa.schema([("value", other.type)])]
        try:
            kind = pa.unify_schemas(schemas, promote_options="permissive").field(0).type
        except (pa.ArrowTypeError, pa.ArrowInvalid):
            kind = pa.string()
    if pa.types.is_floating(kind) and (pa.types.is_decimal(one.type) or pa.types.is_decimal(other.type)):
        kind = pa.float64()  # Arrow would keep a float of seven digits or fewer
    return pa.field(one.name, kind, metadata=_LONG if long else None)


def _is_long(column: pa.Field) -> bool:
    return (column.metadata or {}).get(b"integers") == b"long"


def _json_field(name: str, values: Sequence[Any]) -> pa.Field:
    kind = _json_type(values)
    long = pa.types.is_int64(kind) and max(map(abs, filter(None, values)), default=0) > _LONGEST_IN_FLOAT
    return pa.field(name, kind, metadata=_LONG if long else None)


def _json_type(values: Sequence[Any]) -> pa.DataType:
    try:
        kind = pa.array(values).type
    except (pa.ArrowException, OverflowError, ValueError, TypeError):
        return pa.string()
    if pa.types.is_floating(kind) and any(isinstance(value, bool) for value in values):
        return pa.string()  # Arrow would make true 1.0
    return kind if _storable(kind) else pa.string()


def _storable(kind: pa.DataType, depth: int = 0) -> bool:
    """Parquet has no place for a struct without fields, which an empty JSON object would be."""
    if pa.types.is_struct(kind):
        fields = [kind.field(i).type for i in range(kind.num_fields)]
        return bool(fields) and depth < _MAX_DEPTH and all(_storable(field, depth + 1) for field in fields)
    return not pa.types.is_list(kind) or (depth < _MAX_DEPTH and _storable(kind.value_type, depth + 1))


def _follows(cells: pa.Array, pattern: str, kind: pa.DataType) -> bool:
    if not pc.all(pc.match_substring_regex(cells, pattern)).as_py():
        return False
    try:
        cells.cast(kind)
    except pa.ArrowInvalid:  # 31 February, or more than 64 bits
        return False
    return True


def _json_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
