"""Language modules and the encoder that runs them. Importing this imports no runtime; using it does."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from xsearch.encoder.config import Adapter, Architecture, BaseReference, Lora, ModuleConfig
from xsearch.encoder.encoder import Encoder, TokenVectors, encoder_for, load_ahead, loaded_languages
from xsearch.encoder.installed import available_modules, find_module
from xsearch.encoder.module import Module, load_module

if TYPE_CHECKING:
    from xsearch.encoder.calibration import calibrate_module
    from xsearch.encoder.writing import write_module

__all__ = [
    "Adapter",
    "Architecture",
    "BaseReference",
    "Encoder",
    "Lora",
    "Module",
    "ModuleConfig",
    "TokenVectors",
    "available_modules",
    "calibrate_module",
    "encoder_for",
    "find_module",
    "load_ahead",
    "load_module",
    "loaded_languages",
    "write_module",
]

# What only training calls, and a question should not wait for.
_ON_DEMAND = {"calibrate_module": "calibration", "write_module": "writing"}


def __getattr__(name: str) -> Any:
    if name not in _ON_DEMAND:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ON_DEMAND[name]}"), name)
