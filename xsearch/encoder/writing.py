"""Writing a module folder: what `train/` calls at the end, and nothing else does."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xsearch.encoder.calibration import calibrate_module
from xsearch.encoder.config import ModuleConfig
from xsearch.encoder.module import (
    CALIBRATION_FILE,
    CARD_FILE,
    CONFIG_FILE,
    TOKENIZER_FILE,
    WEIGHTS_FILE,
    Module,
    content_hash,
    identity,
    load_module,
)
from xsearch.encoder.tensors import TABLE, TABLE_SCALE, layout, quantise_rows
from xsearch.errors import ModuleError

_FILES = {CARD_FILE, CONFIG_FILE, TOKENIZER_FILE, WEIGHTS_FILE, CALIBRATION_FILE}


def write_module(
    path: str | Path,
    config: ModuleConfig,
    tensors: Mapping[str, NDArray[Any]],
    tokenizer_json: str,
    readme: str,
    *,
    calibration: Sequence[str] = (),
) -> Module:
    """Write a module folder at `path`, replacing one that stands there, and return it loaded.

    Args:
        config: the description; checked as when it is read.
        tensors: by the names of `xsearch.encoder.tensors`, of any float type: stored as float16. The embedding
            table (vocabulary, hidden) is stored as int8 rows with a scale each; it may also be given so already,
            as int8 with `embeddings.word_embeddings.scale`.
        tokenizer_json: a Hugging Face tokenizers file with its post-processor.
        readme: the model card.
        calibration: some hundred texts of the language, short and long, on which the ranges for 8-bit rounding are
            observed (`calibrate_module`); without them the module runs in float32, at half the speed.

    Everything is written beside `path` first and renamed into place, so `path` never holds half a module.

    Raises:
        ModuleError: a tensor is missing, unexpected, of the wrong shape or not finite; or the configuration
            contradicts itself; or the folder cannot be written, or holds something else than a module.
    """
    target = Path(path)
    check_target(target)
    # Reading back what will be written applies every check of a foreign module to our own.
    ModuleConfig.from_json(json.loads(json.dumps(config.to_json())), f"the configuration for {target}")
    stored = _stored_form(config, tensors)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise ModuleError(f"{target} cannot be written: {error.strerror or error}") from error
    try:
        _write_files(staging, config, stored, tokenizer_json, readme)
        load_module(staging).verify()
        if calibration:
            calibrate_module(staging, calibration)
        _swap(staging, target)
    except OSError as error:
        raise ModuleError(f"{target} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return load_module(target)


def _stored_form(config: ModuleConfig, tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    given = dict(tensors)
    if TABLE in given and given[TABLE].dtype != np.int8:
        given[TABLE], given[TABLE_SCALE] = quantise_rows(_finite(TABLE, given[TABLE]))
    required, optional = layout(config)
    allowed = required | optional
    for name in required:
        if name not in given:
            raise ModuleError(
                f"the module for {config.language!r} needs the tensor {name!r}, which is not given"
            )
    stored: dict[str, NDArray[Any]] = {}
    for name, value in given.items():
        if name not in allowed:
            raise ModuleError(
                f"the tensor {name!r} has no place in this module; the configuration announces no such"
            )
        dtype, shape = allowed[name]
        if value.shape != shape:
            raise ModuleError(
                f"the tensor {name!r} has the shape {value.shape}, the configuration asks for {shape}"
            )
        converted = value.astype({"I8": np.int8, "F16": np.float16, "F32": np.float32}[dtype], copy=False)
        stored[name] = np.ascontiguousarray(_finite(name, converted))
    return stored


def _finite(name: str, value: NDArray[Any]) -> NDArray[Any]:
    if not np.isfinite(value).all():
        raise ModuleError(f"the tensor {name!r} holds nan or inf (or a number too large for float16)")
    return value


def _write_files(
    folder: Path, config: ModuleConfig, tensors: dict[str, NDArray[Any]], tokenizer_json: str, readme: str
) -> None:
    from safetensors.numpy import save

    (folder / TOKENIZER_FILE).write_text(tokenizer_json, encoding="utf-8", newline="")
    (folder / WEIGHTS_FILE).write_bytes(save(tensors))
    write_description(folder, config)
    (folder / CARD_FILE).write_text(readme, encoding="utf-8")
    for file in folder.iterdir():
        with file.open("rb") as handle:
            os.fsync(handle.fileno())
    folder.chmod(0o755)  # mkdtemp makes folders private; a module is meant to be read by others


def check_target(target: Path) -> None:
    """Raise ModuleError unless a module may be written at `target`: a module there is replaced, nothing else is."""
    if not target.name or target.name == "..":
        raise ModuleError(
            f"{target} is no name for a module folder; name the folder to make, such as modules/et"
        )
    if not target.exists():
        above = next(folder for folder in target.absolute().parents if folder.exists())
        if not (above.is_dir() and os.access(above, os.W_OK)):
            raise ModuleError(
                f"{target} cannot be written: {above} is no folder that takes files; name another place"
            )
        return
    files = {entry.name for entry in target.iterdir()} if target.is_dir() else None
    if files is None or files - _FILES or (files and CONFIG_FILE not in files):
        raise ModuleError(
            f"{target} exists and is not a module folder, so it is not replaced; name one that is new or a module's"
        )


def write_description(folder: Path, config: ModuleConfig) -> None:
    """Write the configuration of the module whose tokenizer and weights lie in `folder`, with their content hash."""
    described = config.to_json()
    tokenizer, weights = (folder / TOKENIZER_FILE).read_bytes(), (folder / WEIGHTS_FILE).read_bytes()
    described["content_hash"] = content_hash(identity(described), tokenizer, [weights])
    text = json.dumps(described, indent=2, ensure_ascii=False) + "\n"
    (folder / CONFIG_FILE).write_text(text, encoding="utf-8")


def _swap(staging: Path, target: Path) -> None:
    """Put `staging` in the place of `target`. A folder cannot be renamed over a full one, so the old steps aside."""
    if target.exists():
        aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
        target.rename(aside / target.name)
        staging.rename(target)
        shutil.rmtree(aside, ignore_errors=True)
    else:
        staging.rename(target)
