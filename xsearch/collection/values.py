"""Metadata values as JSON and back without losing their types.

JSON has no dates, decimals or bytes: such a value becomes an object with the one key `$` that names its type.
A real one-key object `{"$": ...}` is wrapped the same way, so that no document can pass for something that it
is not.
"""

import json
from base64 import b64decode, b64encode
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

_TAG = "$"


def dumps(values: list[Any]) -> bytes:
    """One line of JSON (no line break inside) for the values of one document."""
    return json.dumps([_tagged(value) for value in values], ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )


def loads(line: bytes) -> list[Any]:
    """The values of one document. Raises ValueError when the line is not what `dumps` writes."""
    text = line.decode("utf-8", "surrogatepass")
    values, end = _DECODER.raw_decode(text)
    if not isinstance(values, list) or end != len(text):
        raise ValueError("a document's record should be one list")
    return values


def _tagged(value: Any) -> Any:
    match value:
        case None | str() | bool() | int() | float():
            return value
        case list() | tuple():
            return [_tagged(item) for item in value]
        case dict():
            plain = {str(key): _tagged(item) for key, item in value.items()}
            return {_TAG: ["object", plain[_TAG]]} if plain.keys() == {_TAG} else plain
        case datetime():
            return {_TAG: ["datetime", value.isoformat()]}
        case date():
            return {_TAG: ["date", value.isoformat()]}
        case time():
            return {_TAG: ["time", value.isoformat()]}
        case timedelta():
            return {_TAG: ["duration", [value.days, value.seconds, value.microseconds]]}
        case Decimal():
            return {_TAG: ["decimal", str(value)]}
        case bytes():
            return {_TAG: ["bytes", b64encode(value).decode()]}
        case UUID():
            return {_TAG: ["uuid", str(value)]}
    raise TypeError(f"a metadata value of type {type(value).__name__} cannot be stored")


_READERS: dict[str, Any] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "duration": lambda parts: timedelta(*parts),
    "decimal": Decimal,
    "bytes": b64decode,
    "uuid": UUID,
    "object": lambda inner: {_TAG: inner},
}


def _untagged(value: dict[str, Any]) -> Any:
    if value.keys() != {_TAG}:
        return value
    match value[_TAG]:
        case [str() as kind, inner] if kind in _READERS:
            return _READERS[kind](inner)
    raise ValueError(f"an unknown kind of value: {str(value[_TAG])[:40]!r}")


_DECODER = json.JSONDecoder(object_hook=_untagged)
