"""Frozen dataclasses to JSON and back, checking every type on the way in.

A manifest comes from a disk that anyone may have written to, so nothing of it is believed before its type is.
"""

import dataclasses
import types
import typing
from typing import Any, TypeVar

T = TypeVar("T")


def to_json(value: Any) -> Any:
    """A dataclass as plain dictionaries and lists, ready for `json.dumps`."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    return value


def from_json(kind: type[T], value: Any, where: str = "") -> T:
    """Build the dataclass `kind` from parsed JSON; a field with a default may be missing.

    Raises ValueError naming the field that does not fit.
    """
    return typing.cast(T, _read(kind, value, where))


def _read(kind: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(kind)
    if dataclasses.is_dataclass(kind):
        return _read_record(typing.cast(type, kind), value, where)
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in typing.get_args(kind):
            return None
        return _read(next(arm for arm in typing.get_args(kind) if arm is not type(None)), value, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise ValueError(f"{where} should be a list, not {type(value).__name__}")
        return tuple(_read(typing.get_args(kind)[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin is dict:
        if not isinstance(value, dict):
            raise ValueError(f"{where} should be an object, not {type(value).__name__}")
        return {key: _read(typing.get_args(kind)[1], item, f"{where}.{key}") for key, item in value.items()}
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise ValueError(f"{where} should be of type {kind.__name__}, not {type(value).__name__}")
    return value


def _read_record(kind: type, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f"{where or 'the document'} should be an object, not {type(value).__name__}")
    hints = typing.get_type_hints(kind)
    names = {field.name for field in dataclasses.fields(kind)}
    needed = {field.name for field in dataclasses.fields(kind) if field.default is dataclasses.MISSING}
    prefix = f"{where}." if where else ""
    if missing := sorted(needed - value.keys()):
        raise ValueError(f"{prefix}{missing[0]} is missing")
    if unknown := sorted(value.keys() - names):
        raise ValueError(f"{prefix}{unknown[0]} is not a known field")
    return kind(**{name: _read(hints[name], value[name], f"{prefix}{name}") for name in names & value.keys()})
