"""Where the 8-bit forms of modules are kept: made from the weights once, opened in milliseconds afterwards.

The folder is `XSEARCH_CACHE`, or `xsearch` in the user's cache folder. It may be deleted at any time, and
everything works without it. Files are named after what they were made from, written beside their place and renamed,
and checked by a digest when they are opened.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import tempfile
from pathlib import Path

from xsearch.encoder.module import TOKENIZER_FILE, WEIGHTS_FILE, Module

_logger = logging.getLogger(__name__)
_DIGEST_BYTES = 32


def cache_folder() -> Path | None:
    """The cache folder (which need not exist), or None where the user has no home."""
    named = os.environ.get("XSEARCH_CACHE")
    if named:
        return Path(named)
    shared = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    try:
        return (Path(shared) if shared else Path.home() / ".cache") / "xsearch"
    except RuntimeError:
        return None


def find_model(name: str) -> Path | None:
    """The model stored under `name`, or None when there is none or it is damaged."""
    folder = cache_folder()
    if folder is None:
        return None
    path = folder / f"{name}.onnx"
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").digest()
        stored = (folder / f"{name}.sha256").read_bytes()[: _DIGEST_BYTES + 1]
    except OSError:
        return None
    return path if found == stored else None


def store_model(name: str, model: bytes) -> None:
    """Keep a model for later processes. A folder that cannot be written is no error, only slower next time."""
    _store(f"{name}.onnx", model)
    _store(f"{name}.sha256", hashlib.sha256(model).digest())


def is_verified(module: Module) -> bool:
    """Whether the module's files are those whose content hash was compared by an earlier process."""
    folder = cache_folder()
    if folder is None:
        return False
    try:
        return (folder / _record_name(module)).read_text(encoding="utf-8") == _signature(module)
    except (OSError, UnicodeDecodeError):
        return False


def remember_verified(module: Module) -> None:
    """Note that the module's files have been compared with its content hash."""
    with contextlib.suppress(OSError):
        _store(_record_name(module), _signature(module).encode())


def _record_name(module: Module) -> str:
    return f"verified-{hashlib.sha256(str(module.path.resolve()).encode()).hexdigest()[:20]}.json"


def _signature(module: Module) -> str:
    """The configuration, and size and time of the large files: what changes whenever anything in them does."""
    stats = [(module.path / name).stat() for name in (TOKENIZER_FILE, WEIGHTS_FILE)]
    return json.dumps(
        [module.content_hash, module.identity, *([stat.st_size, stat.st_mtime_ns] for stat in stats)]
    )


def _store(name: str, data: bytes) -> None:
    folder = cache_folder()
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=f".{name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            Path(temporary).replace(folder / name)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
            raise
    except OSError as error:
        _logger.info("%s cannot be written (%s): the prepared module is not kept", folder, error)
