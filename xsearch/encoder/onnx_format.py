"""Just enough of the ONNX file format to write a graph: protocol buffers by hand.

The `onnx` package (18 MB, and protobuf with it) would be installed for a few hundred bytes around the weights.
Field numbers are those of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

_DATA_TYPES = {np.dtype(np.float32): 1, np.dtype(np.uint8): 2, np.dtype(np.int8): 3, np.dtype(np.int32): 6,
               np.dtype(np.int64): 7, np.dtype(np.float16): 10}  # fmt: skip

Attribute = int | float | str | Sequence[int]
Dimension = int | str


def tensor(name: str, value: NDArray[np.generic]) -> bytes:
    """A TensorProto holding `value`."""
    body = b"".join(_integer(1, size) for size in value.shape)
    body += _integer(2, _DATA_TYPES[value.dtype]) + _text(8, name)
    return body + _bytes(9, np.ascontiguousarray(value).tobytes())


def node(
    operator: str, inputs: Sequence[str], outputs: Sequence[str], domain: str = "", **attributes: Attribute
) -> bytes:
    """A NodeProto, named after its first output."""
    body = b"".join(_text(1, name) for name in inputs) + b"".join(_text(2, name) for name in outputs)
    body += _text(3, outputs[0]) + _text(4, operator)
    body += b"".join(_bytes(5, _attribute(name, value)) for name, value in attributes.items())
    return body + (_text(7, domain) if domain else b"")


def value_info(name: str, dtype: type[np.generic], shape: Sequence[Dimension]) -> bytes:
    """A ValueInfoProto for a graph's input or output; a text in `shape` names a free dimension."""
    dimensions = b"".join(
        _bytes(1, _integer(1, size) if isinstance(size, int) else _text(2, size)) for size in shape
    )
    tensor_type = _integer(1, _DATA_TYPES[np.dtype(dtype)]) + _bytes(2, dimensions)
    return _text(1, name) + _bytes(2, _bytes(1, tensor_type))


def model(
    nodes: Iterable[bytes],
    initializers: Iterable[bytes],
    inputs: Iterable[bytes],
    outputs: Iterable[bytes],
    opsets: dict[str, int],
) -> bytes:
    """A ModelProto; `opsets` is domain -> version ("" is ONNX itself)."""
    parts = [_bytes(1, part) for part in nodes]
    parts.append(_text(2, "encoder"))
    parts += [_bytes(5, part) for part in initializers]
    parts += [_bytes(11, part) for part in inputs]
    parts += [_bytes(12, part) for part in outputs]
    header = _integer(1, 9) + _text(2, "xsearch")
    imports = b"".join(
        _bytes(8, _text(1, domain) + _integer(2, version)) for domain, version in opsets.items()
    )
    return header + _bytes(7, b"".join(parts)) + imports


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, int):
        return _text(1, name) + _integer(3, value) + _integer(20, 2)
    if isinstance(value, float):
        return _text(1, name) + _key(2, 5) + struct.pack("<f", value) + _integer(20, 1)
    if isinstance(value, str):
        return _text(1, name) + _text(4, value) + _integer(20, 3)
    return _text(1, name) + b"".join(_integer(8, item) for item in value) + _integer(20, 7)


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _key(number: int, wire_type: int) -> bytes:
    return _varint(number << 3 | wire_type)


def _integer(number: int, value: int) -> bytes:
    return _key(number, 0) + _varint(value)


def _bytes(number: int, value: bytes) -> bytes:
    return _key(number, 2) + _varint(len(value)) + value


def _text(number: int, value: str) -> bytes:
    return _bytes(number, value.encode())
