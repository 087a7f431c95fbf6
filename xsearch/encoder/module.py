"""A language module on disk: `config.json`, `tokenizer.json`, `model.safetensors` and a `README.md`.

Loading reads and checks the configuration only; the weights stay in the file until something asks for them.
A folder may be hostile: sizes are bounded, names cannot leave the folder, every tensor's type and shape is
compared with the configuration, and `verify` compares the content hash.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xsearch.encoder.config import ModuleConfig, is_content_hash
from xsearch.encoder.tensors import TABLE, TABLE_SCALE, Shape, layout
from xsearch.errors import ModuleError

CONFIG_FILE = "config.json"
TOKENIZER_FILE = "tokenizer.json"
WEIGHTS_FILE = "model.safetensors"
CARD_FILE = "README.md"
CALIBRATION_FILE = "calibration.safetensors"  # optional, and no part of the content hash

MAX_CALIBRATION_BYTES = 64 << 20
_MAX_CONFIG_BYTES = 1 << 20
_MAX_TOKENIZER_BYTES = 64 << 20
_MAX_HEADER_BYTES = 8 << 20
_HASHED_CHUNK = 1 << 20
# Embeddings reach as far as the numbers of the other tensors, which are float16: their squares fit into float32.
_LARGEST_SCALE = np.finfo(np.float16).max / 127


@dataclass(frozen=True)
class EmbeddingTable:
    """The word embeddings, quantised by rows and mapped from the file: row i is `codes[i] * scale[i]`."""

    codes: NDArray[np.int8]
    scale: NDArray[np.float32]

    def rows(self, ids: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Embeddings of `ids` (any shape) as float32, shape `ids.shape + (d,)`. Reads only the rows it needs."""
        self.check(ids)
        vectors: NDArray[np.float32] = self.codes[ids].astype(np.float32)
        vectors *= self.scale[ids][..., None]
        return vectors

    def check(self, ids: NDArray[np.integer[Any]]) -> None:
        """Raise ModuleError if an id has no row."""
        if ids.max(initial=0) >= len(self.scale):
            raise ModuleError(
                f"the tokenizer yields the id {ids.max()}, the embedding table has {len(self.scale)} rows: "
                "they do not belong together; export the module again"
            )


@dataclass(frozen=True)
class Module:
    """A module folder whose configuration has been checked. Get one from `load_module`.

    `identity` is the configuration as it enters the content hash.
    """

    path: Path
    config: ModuleConfig
    content_hash: str
    identity: str

    @property
    def weights_path(self) -> Path:
        """The file that holds the tensors."""
        return self.path / WEIGHTS_FILE

    @cached_property
    def _header(self) -> dict[str, tuple[str, Shape, int, int]]:
        """Name -> (dtype, shape, first byte, end byte in the file), checked against the configuration."""
        header = _read_header(self.weights_path)
        required, optional = layout(self.config)
        allowed = required | optional
        where = self.weights_path
        missing = [name for name in required if name not in header]
        unknown = [name for name in header if name not in allowed]
        if missing or unknown:
            kind, names = ("lacks", missing) if missing else ("holds unexpected", unknown)
            raise ModuleError(
                f"{where}: the file {kind} {len(names)} tensor(s), the first is {names[0][:200]!r}, by what "
                "config.json announces; export the module again"
            )
        for name, (dtype, shape, start, end) in header.items():
            if (dtype, shape) != allowed[name]:
                raise ModuleError(
                    f"{where}: tensor {name!r} is {dtype} {shape}, config.json asks for "
                    f"{allowed[name][0]} {allowed[name][1]}; export the module again"
                )
            if end - start != math.prod(shape) * _ITEM_BYTES[dtype]:
                raise ModuleError(
                    f"{where}: tensor {name!r} has {end - start} bytes; the file is damaged, copy it again"
                )
        return header

    def __contains__(self, tensor: str) -> bool:
        return tensor in self._header

    @cached_property
    def table(self) -> EmbeddingTable:
        """The embedding table, memory-mapped: opening it reads nothing but the file's header and the scales.

        Raises:
            ModuleError: a scale is below 0, not a number, or gives embeddings beyond what float16 holds.
        """
        scale = self._map(TABLE_SCALE)
        if not ((scale >= 0) & (scale <= _LARGEST_SCALE)).all():
            raise ModuleError(
                f"{self.weights_path}: tensor {TABLE_SCALE!r} holds nan, inf or numbers that are no scale of "
                "embeddings; export the module again"
            )
        return EmbeddingTable(codes=self._map(TABLE), scale=scale)

    def tensors(self, names: Iterable[str]) -> dict[str, NDArray[np.float32]]:
        """The named tensors as float32, in the shapes of the configuration.

        Raises:
            ModuleError: a tensor holds an infinite number or one that is not a number.
        """
        values = {}
        for name in names:
            value = np.asarray(self._map(name), dtype=np.float32)
            if not np.isfinite(value).all():
                raise ModuleError(
                    f"{self.weights_path}: tensor {name!r} holds nan or inf; export the module again"
                )
            values[name] = value
        return values

    def _map(self, name: str) -> NDArray[Any]:
        dtype, shape, start, _ = self._header[name]
        return np.memmap(self.weights_path, _NUMPY[dtype], "r", start, shape)  # type: ignore[no-any-return, call-overload]

    def tokenizer_json(self) -> bytes:
        """The tokenizer file's bytes, of bounded size."""
        return read_bounded(self.path / TOKENIZER_FILE, _MAX_TOKENIZER_BYTES)

    def verify(self) -> None:
        """Check the tensors and recompute the content hash from the files (reads them fully).

        Raises:
            ModuleError: the files are not those that the module was written with.
        """
        found = content_hash(self.identity, self.tokenizer_json(), _chunks(self.weights_path))
        if found != self.content_hash:
            raise ModuleError(
                f"{self.path}: the files have the content hash {found[:12]}, config.json says "
                f"{self.content_hash[:12]}: they were changed or damaged after export; install the module again"
            )
        self.table  # noqa: B018 - reading it and the header is the check


def load_module(path: str | Path) -> Module:
    """Open the module folder `path`, reading its configuration only.

    Raises:
        ModuleError: no such folder, a missing file, or a configuration that is damaged or of another format.
    """
    folder = Path(path)
    for name in (CONFIG_FILE, TOKENIZER_FILE, WEIGHTS_FILE):
        if not (folder / name).is_file():
            raise ModuleError(
                f"{folder} is not a language module: it has no file {name}; expected a folder with "
                f"{CONFIG_FILE}, {TOKENIZER_FILE} and {WEIGHTS_FILE}"
            )
    where = str(folder / CONFIG_FILE)
    try:
        data = json.loads(read_bounded(folder / CONFIG_FILE, _MAX_CONFIG_BYTES))
    except (ValueError, RecursionError) as error:
        raise ModuleError(f"{where}: not valid JSON ({error}); export the module again") from error
    config = ModuleConfig.from_json(data, where)
    digest = data.get("content_hash")
    if not is_content_hash(digest):
        raise ModuleError(f"{where}: field 'content_hash' is missing or no sha256; export the module again")
    return Module(path=folder, config=config, content_hash=digest, identity=identity(data))


def identity(described: Mapping[str, Any]) -> str:
    """The part of `config.json` that decides the vectors, as canonical text: provenance and scores may be amended."""
    apart = ("content_hash", "provenance", "scores")
    return json.dumps({key: value for key, value in described.items() if key not in apart}, sort_keys=True)


def content_hash(identity: str, tokenizer: bytes, weights: Iterable[bytes]) -> str:
    """The sha256 that names a module's content: tokenizer file, weights file, configuration's identity."""
    digest = hashlib.sha256(tokenizer)
    for chunk in weights:
        digest.update(chunk)
    digest.update(identity.encode())
    return digest.hexdigest()


def read_bounded(path: Path, limit: int) -> bytes:
    """The bytes of `path`, or ModuleError when it cannot be read or is larger than `limit` bytes."""
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise ModuleError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(data) > limit:
        raise ModuleError(
            f"{path} is larger than {limit >> 20} MB, more than any module needs; export the module again"
        )
    return data


_ITEM_BYTES = {"I8": 1, "F16": 2, "F32": 4}
_NUMPY = {"I8": np.dtype("<i1"), "F16": np.dtype("<f2"), "F32": np.dtype("<f4")}


def _read_header(path: Path) -> dict[str, tuple[str, Shape, int, int]]:
    """The safetensors header with absolute byte positions.

    The safetensors library validates the file (bounds, overlaps, header size); it does not tell where a tensor
    lies, which mapping the embedding table needs, so the positions are read from the header here.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > _MAX_HEADER_BYTES:
                raise ModuleError(
                    f"{path}: the header claims {length} bytes, more than any module's; copy it again"
                )
            with safe_open(path, framework="np"):
                entries: dict[str, Any] = json.loads(file.read(length))
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise ModuleError(
            f"{path}: not a valid safetensors file ({error}); copy or export the module again"
        ) from error
    entries.pop("__metadata__", None)
    first = 8 + length
    header = {}
    for name, entry in entries.items():
        start, end = entry["data_offsets"]
        header[name] = (str(entry["dtype"]), tuple(entry["shape"]), first + start, first + end)
    return header


def _chunks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while chunk := file.read(_HASHED_CHUNK):
                yield chunk
    except OSError as error:
        raise ModuleError(f"{path} cannot be read: {error.strerror or error}") from error
