"""Vectors on disk: one `.npy` of float16 rows for each space, written as a stream, opened as a memory map.

Rows are unit vectors. Rounding one to float16 moves a cosine by about 1e-4, and the score of a hit is
computed from these rows with their actual norms, so it is a cosine whatever index found the candidates.
"""

import threading
from pathlib import Path
from tokenize import TokenError
from types import TracebackType
from typing import Literal, Self

import numpy as np
from numpy.lib import format as npy
from numpy.typing import ArrayLike, NDArray

from xsearch.errors import CollectionError, QueryError

_SIGN_AND_NUMBER = np.int32(~0x70001FFF)
"""Between the sign and the moved bits stand copies of the sign, which have to go."""

_MANY = 4096
_ONE_HEADER = threading.Lock()
"""numpy parses a header with `ast.literal_eval`, which in two threads at once fails now and then on Python 3.11 ("AST
constructor recursion depth mismatch"; seen in the tests, python/cpython#106905 is of the same counter)."""


class VectorsWriter:
    """Appends rows to a `.npy` file whose row count is not known before the end."""

    def __init__(self, path: Path, dimension: int) -> None:
        self._dimension = dimension
        self._rows = 0
        self._file = path.open("wb")
        self._write_header()

    def append(self, rows: NDArray[np.float16]) -> None:
        """Add (n, d) rows."""
        self._file.write(np.ascontiguousarray(rows).data)
        self._rows += len(rows)

    def _write_header(self) -> None:
        # numpy leaves room in the header for the first axis to grow, so rewriting it in place keeps its
        # length
        shape = (self._rows, self._dimension)
        npy.write_array_header_1_0(self._file, {"descr": "<f2", "fortran_order": False, "shape": shape})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        with self._file:
            if kind is None:
                self._file.seek(0)
                self._write_header()


def open_array(path: Path, shape: tuple[int, ...], dtype: str) -> NDArray[np.generic]:
    """Map a `.npy` file that should hold `shape` and `dtype`. Raises CollectionError if it holds anything else."""
    mapped: Literal["r"] | None = "r" if np.prod(shape) else None  # nothing cannot be mapped
    try:
        with _ONE_HEADER:
            array = np.load(path, mmap_mode=mapped, allow_pickle=False)
    except FileNotFoundError:
        raise
    except (ValueError, OverflowError, OSError, EOFError, TokenError) as error:
        raise CollectionError(f"{path} is damaged: {error}; restore it or index the corpus again") from None
    if array.shape != shape or array.dtype != np.dtype(dtype):
        raise CollectionError(
            f"{path} holds {array.dtype}{list(array.shape)} where the manifest says {dtype}{list(shape)}; "
            "restore it from a backup or index the corpus again"
        )
    return np.asarray(array)


def unit_rows(vectors: ArrayLike, rows: int, dimension: int, space: str) -> NDArray[np.float32]:
    """Document vectors as (rows, d) float32 of norm 1 (a zero vector stays zero). Raises CollectionError otherwise."""
    try:
        array = _floats(vectors)
    except (TypeError, ValueError) as error:
        raise CollectionError(f"the {space} vectors are no numbers in rows of one length: {error}") from None
    if array.shape != (rows, dimension):
        raise CollectionError(
            f"the {space} vectors have shape {list(array.shape)}, expected {[rows, dimension]}: "
            "one row for each document, of the collection's dimension"
        )
    if not np.isfinite(array).all():
        raise CollectionError(f"the {space} vectors hold infinite or NaN values; encode the documents again")
    return _normalise(array)


def unit_queries(vectors: ArrayLike, dimension: int) -> NDArray[np.float32]:
    """Query vectors as (m, d) float32 of norm 1. Raises QueryError for another shape, NaN or a zero vector."""
    try:
        array = _floats(vectors)
    except (TypeError, ValueError) as error:
        raise QueryError(
            f"queries are no numbers in rows of one length: {error}; expected (m, {dimension})"
        ) from None
    if array.ndim != 2 or array.shape[1] != dimension:
        raise QueryError(f"queries have shape {list(array.shape)}, expected (m, {dimension})")
    with np.errstate(over="ignore"):
        norms: NDArray[np.float32] = np.sqrt(np.vecdot(array, array))
    if len(norms) and not 0 < norms.min() <= norms.max() < np.inf:
        raise QueryError("a query vector is zero, infinite or NaN; encode the query again")
    unit: NDArray[np.float32] = array / norms[:, None]
    return unit


def widen(vectors: NDArray[np.float16]) -> NDArray[np.float32]:
    """The same numbers in single precision, finite ones; what `astype` does, for many in a third of the time.

    The bits of sign, exponent and fraction move to where single precision has them, and the product makes up for the
    other bias of the exponent (15 and 127), also for subnormal numbers.
    """
    if vectors.size < _MANY:
        return vectors.astype(np.float32)
    bits = vectors.view(np.int16).astype(np.int32)
    np.left_shift(bits, 13, out=bits)
    np.bitwise_and(bits, _SIGN_AND_NUMBER, out=bits)
    wide: NDArray[np.float32] = bits.view(np.float32)
    return np.multiply(wide, np.float32(2.0**112), out=wide)


def _floats(vectors: ArrayLike) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # what is too large becomes infinite, which is refused
        return np.ascontiguousarray(vectors, dtype=np.float32)


def _normalise(array: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.sqrt(np.einsum("ij,ij->i", array, array, dtype=np.float64))[:, None]
    unit = np.zeros_like(array)
    np.divide(array, norms, out=unit, where=norms > 0, casting="same_kind")
    return unit
