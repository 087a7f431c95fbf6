"""The metadata columns of a collection: what may be stored, and how a later batch is made to fit the earlier ones."""

from typing import TYPE_CHECKING

from xsearch.collection.documents import INTERNAL
from xsearch.collection.manifest import ColumnRecord
from xsearch.errors import CollectionError

if TYPE_CHECKING:
    import pyarrow as pa


def storable(metadata: "pa.Table") -> "pa.Table":
    """The table with dictionaries decoded and nanoseconds cut to microseconds, which is what Python's datetime holds.

    Raises CollectionError for names that the filter could not tell apart, for types that have no value in
    Python, and for times that microseconds do not reach.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    seen: dict[str, str] = {}
    for name in metadata.column_names:
        if name.lower() in INTERNAL or not name:
            raise CollectionError(f"a metadata column may not be called {name!r}; rename it")
        if name.lower() in seen:
            raise CollectionError(
                f"the metadata columns {seen[name.lower()]!r} and {name!r} are one name to SQL, which ignores case; "
                "rename one"
            )
        seen[name.lower()] = name
    fields = [pa.field(field.name, _storable_type(field.name, field.type)) for field in metadata.schema]
    columns = []
    for field, column in zip(fields, metadata.columns, strict=True):
        try:
            columns.append(pc.cast(column, options=pc.CastOptions(field.type, allow_time_truncate=True)))
        except pa.ArrowInvalid as error:
            raise CollectionError(
                f"the metadata column {field.name!r} has values that cannot be stored ({error}); mend or drop it"
            ) from error
    return pa.table(columns, schema=pa.schema(fields)) if columns else metadata


def fit(metadata: "pa.Table", columns: tuple[ColumnRecord, ...]) -> "pa.Table":
    """Cast the columns that the collection knows already to the types that it knows them by.

    New columns pass (earlier documents have NULL there), missing ones stay away. Raises CollectionError when
    a column's values do not fit its known type.
    """
    import pyarrow as pa

    known = {column.name.lower(): column for column in columns}
    for position, field in enumerate(metadata.schema):
        column = known.get(field.name.lower())
        # as collections that were compacted by xsearch 0.1 call the values of a list
        known_type = None if column is None else column.type.replace("<element: ", "<item: ")
        if column is None or (column.name == field.name and known_type == str(field.type)):
            continue
        try:
            if column.name != field.name:
                raise ValueError("the names differ in case")
            cast = metadata.column(position).cast(parse_type(column.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
            raise CollectionError(
                f"the metadata column {field.name!r} is {field.type} here and {column.name!r} is {column.type} in the "
                f"collection ({error}); convert or rename the column"
            ) from None
        metadata = metadata.set_column(position, field.name, cast)
    return metadata


def parse_type(name: str) -> "pa.DataType":
    """The Arrow type of a simple type as Arrow prints it (timestamp[us, tz=UTC]). Raises ValueError otherwise."""
    import re

    import pyarrow as pa

    if match := re.fullmatch(r"timestamp\[us(?:, tz=(.+))?\]", name):
        return pa.timestamp("us", match[1])
    if match := re.fullmatch(r"decimal(128|256)\((\d+), (\d+)\)", name):
        return (pa.decimal128 if match[1] == "128" else pa.decimal256)(int(match[2]), int(match[3]))
    return pa.type_for_alias(re.sub(r"\[day\]$", "", name))


def merge_columns(
    known: tuple[ColumnRecord, ...], more: tuple[ColumnRecord, ...]
) -> tuple[ColumnRecord, ...]:
    """The known columns followed by the new ones among `more`."""
    names = {column.name for column in known}
    return known + tuple(column for column in more if column.name not in names)


def _storable_type(name: str, kind: "pa.DataType") -> "pa.DataType":
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return _storable_type(name, kind.value_type)
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", kind.tz)
    if pa.types.is_time(kind):
        return pa.time64("us")
    if pa.types.is_duration(kind):
        return pa.duration("us")
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return pa.list_(_storable_type(name, kind.value_type))
    if pa.types.is_struct(kind) and kind.num_fields:
        return pa.struct([pa.field(inner.name, _storable_type(name, inner.type)) for inner in kind])
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind) or pa.types.is_fixed_size_binary(kind):
        return pa.binary()
    if pa.types.is_null(kind):
        return pa.string()
    plain = (
        pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_string, pa.types.is_binary,
        pa.types.is_date, pa.types.is_decimal,
    )  # fmt: skip
    # Parquet has no place for a struct without fields, nor for tens and hundreds
    if any(check(kind) for check in plain) and getattr(kind, "scale", 0) >= 0:
        return kind
    raise CollectionError(
        f"the metadata column {name!r} has type {kind}, which cannot be stored; convert or drop it"
    )
