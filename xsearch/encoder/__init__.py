"""Language modules and the encoder that runs them. Importing this imports no runtime; using it does."""

from xsearch.encoder.calibration import calibrate_module
from xsearch.encoder.config import Adapter, Architecture, BaseReference, Lora, ModuleConfig
from xsearch.encoder.encoder import Encoder, TokenVectors, encoder_for
from xsearch.encoder.installed import available_modules, find_module
from xsearch.encoder.module import Module, load_module
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
    "load_module",
    "write_module",
]
