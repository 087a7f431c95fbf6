"""Observing the ranges of activations that 8-bit rounding needs, and keeping them beside a module.

They are observed on real text of the language when a module is exported and stored as `calibration.safetensors`:
for every layer and place the lowest, highest and mean value of each channel, (3, channels) float16. No text can be
read back from them. They are no part of the content hash, because the weights are the module; a file that was made
for other weights is not used.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xsearch.encoder.batching import batches
from xsearch.encoder.config import Architecture, ModuleConfig
from xsearch.encoder.graph import SITES, float_graph
from xsearch.encoder.installed import find_base
from xsearch.encoder.module import CALIBRATION_FILE, MAX_CALIBRATION_BYTES, Module, load_module, read_bounded
from xsearch.encoder.quantisation import Observed
from xsearch.encoder.runtime import OnnxSession
from xsearch.encoder.tokenisation import Tokeniser
from xsearch.encoder.weights import compose
from xsearch.errors import ModuleError
from xsearch.output_file import replacing

_MADE_FOR = "content_hash"

Ranges = dict[tuple[int, str], Observed]


def calibrate_module(path: str | Path, texts: Sequence[str]) -> None:
    """Observe the module at `path` on `texts`, a few hundred of its language, and store what was seen in the folder.

    Without this a module runs in float32, at about half the speed. Long texts should be among the short ones.

    Raises:
        ModuleError: the module is not sound, there is no text, or the folder cannot be written.
    """
    from safetensors.numpy import save

    if not texts:
        raise ModuleError(f"{path}: calibration needs texts of the module's language, none were given")
    module = load_module(path)
    tensors = {}
    for space in module.config.graph_spaces:
        for (layer, site), seen in observe(module, space, texts).items():
            tensors[f"{space}.{layer}.{site}"] = np.stack([seen.low, seen.high, seen.mean]).astype(np.float16)
    data = save(tensors, metadata={_MADE_FOR: module.content_hash})
    try:
        with replacing(module.path / CALIBRATION_FILE) as file:
            file.write(data)
    except OSError as error:
        raise ModuleError(f"{module.path} cannot be written: {error.strerror or error}") from error


def observe(module: Module, space: str, texts: Sequence[str]) -> Ranges:
    """Run `texts` through the module in float32 and note the ranges of every linear layer's input."""
    body = compose(module, find_base(module), space)
    session = OnnxSession(float_graph(body, observed=True))
    names = [f"{layer}.{site}" for layer in range(len(body.layers)) for site in SITES]
    seen: dict[str, Observed] = {}
    total = 0
    for embeddings in _embedded(module, texts):
        rows = embeddings.shape[0] * embeddings.shape[1]
        total += rows
        for name, value in zip(names, session.run(names, embeddings), strict=True):
            flat = value.reshape(rows, -1)
            new = Observed(flat.min(axis=0), flat.max(axis=0), flat.mean(axis=0))
            seen[name] = new if name not in seen else _merged(seen[name], new, rows / total)
    return {(int(name.split(".")[0]), name.split(".")[1]): value for name, value in seen.items()}


def read_calibration(module: Module, space: str) -> Ranges | None:
    """The stored ranges of a space; None where there are none that fit this module's weights.

    Raises:
        ModuleError: the file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    path = module.path / CALIBRATION_FILE
    if not path.is_file():
        return None
    read_bounded(path, MAX_CALIBRATION_BYTES)
    ranges = {}
    try:
        with safe_open(path, framework="np") as file:
            if (file.metadata() or {}).get(_MADE_FOR) != module.content_hash:
                return None
            for layer in range(module.config.architecture.layers):
                for site in SITES:
                    name, channels = f"{space}.{layer}.{site}", _channels(module.config, space, site)
                    _check_form(file.get_slice(name), channels, path)
                    ranges[layer, site] = _checked(file.get_tensor(name), path)
    except (SafetensorError, OSError) as error:
        raise ModuleError(f"{path}: not a valid calibration ({error}); calibrate the module again") from error
    return ranges


def _check_form(stored: Any, channels: int, path: Path) -> None:
    """Before it is read: numpy lacks some of the types that a tensor can be of."""
    dtype, shape = stored.get_dtype(), tuple(stored.get_shape())
    if (dtype, shape) != ("F16", (3, channels)):
        raise ModuleError(
            f"{path}: a tensor is {dtype} {shape}, expected float16 (3, {channels}); calibrate the module again"
        )


def _checked(stored: NDArray[np.generic], path: Path) -> Observed:
    low, high, mean = stored.astype(np.float32)
    if not (np.isfinite(stored).all() and (low <= high).all()):
        raise ModuleError(f"{path}: the ranges are not finite or upside down; calibrate the module again")
    return Observed(low, high, mean)


def _channels(config: ModuleConfig, space: str, site: str) -> int:
    shape: Architecture = config.architecture
    if site != "ffn_out":
        return shape.hidden_size
    extra = config.adapter.bottleneck if config.adapter is not None and space == "shared" else 0
    return shape.intermediate_size + extra


def _embedded(module: Module, texts: Sequence[str]) -> Iterator[NDArray[np.float32]]:
    ids = Tokeniser(module).ids(texts)
    for group in batches([len(one) for one in ids]):
        yield module.table.rows(np.stack([ids[index] for index in group]))


def _merged(old: Observed, new: Observed, share: float) -> Observed:
    mean = old.mean + np.float32(share) * (new.mean - old.mean)
    return Observed(np.minimum(old.low, new.low), np.maximum(old.high, new.high), mean)
