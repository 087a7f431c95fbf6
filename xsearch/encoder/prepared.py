"""From a module to something that runs on a CPU: opened from the cache, or made from the weights.

Only what opens is imported here; making is in `xsearch.encoder.making`, which one question seldom needs.
"""

from __future__ import annotations

import hashlib

from xsearch.encoder import cache
from xsearch.encoder.module import CALIBRATION_FILE, MAX_CALIBRATION_BYTES, Module, read_bounded
from xsearch.encoder.runtime import CpuRuntime, OnnxSession
from xsearch.encoder.tokenisation import Tokeniser

# Part of the name of what is cached: raise it when the 8-bit graph changes.
_GRAPH_VERSION = 1


def cpu_runtime(
    module: Module, space: str, tokeniser: Tokeniser, *, precision: str, threads: int | None
) -> CpuRuntime:
    """What runs `module` in one of its graph spaces on the CPU; `precision` is "auto" or "float32".

    Raises:
        ModuleError: the module or its base is damaged or missing.
    """
    if precision == "float32":
        from xsearch.encoder.making import exact_session

        return CpuRuntime(exact_session(module, space), module.table, threads)
    name = _cached_name(module, space)
    path = cache.find_model(name)
    if path is not None:
        if not cache.is_verified(module):
            module.verify()
            cache.remember_verified(module)
        return CpuRuntime(OnnxSession(path), module.table, threads)
    from xsearch.encoder.making import best_session

    return CpuRuntime(best_session(module, space, tokeniser, name), module.table, threads)


def _cached_name(module: Module, space: str) -> str:
    """A file name made of everything that the 8-bit form depends on."""
    import onnxruntime

    path = module.path / CALIBRATION_FILE
    calibration = read_bounded(path, MAX_CALIBRATION_BYTES) if path.is_file() else b""
    settings = f"{_GRAPH_VERSION} {onnxruntime.__version__} {hashlib.sha256(calibration).hexdigest()}"
    digest = hashlib.sha256(settings.encode()).hexdigest()
    return f"{module.config.language}-{space}-{module.content_hash[:20]}-{digest[:12]}"
