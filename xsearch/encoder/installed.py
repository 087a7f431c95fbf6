"""Which language modules are installed, and where: `XSEARCH_MODULES` first, then the package's own."""

from __future__ import annotations

import os
from pathlib import Path

from xsearch.encoder.config import is_module_name
from xsearch.encoder.module import CONFIG_FILE, Module, load_module
from xsearch.errors import LanguageError, ModuleError

_SHIPPED = Path(__file__).resolve().parent.parent / "modules"


def module_folders() -> list[Path]:
    """The folders that hold module folders, in the order of preference."""
    listed = os.environ.get("XSEARCH_MODULES", "").split(os.pathsep)
    return [Path(entry) for entry in listed if entry] + [_SHIPPED]


def available_modules() -> dict[str, Path]:
    """Language code -> module folder of every installed module, by folder name; nothing is parsed."""
    found: dict[str, Path] = {}
    for folder in module_folders():
        if not folder.is_dir():
            continue
        for entry in sorted(folder.iterdir()):
            if is_module_name(entry.name) and (entry / CONFIG_FILE).is_file():
                found.setdefault(entry.name, entry)
    return found


def find_module(module: str | Path) -> Module:
    """The module of a language code, or the one in a folder.

    A plain name such as `fi` is a language; anything with a path separator, and any Path, is a folder.

    Raises:
        LanguageError: no module is installed for the language.
        ModuleError: the folder is not a sound module.
    """
    if isinstance(module, Path) or not is_module_name(module):
        return load_module(module)
    installed = available_modules()
    if module not in installed:
        known = ", ".join(sorted(installed)) or "none"
        raise LanguageError(
            f"no module is installed for the language {module!r}; installed: {known}. Train one with "
            f"`python -m train {module}` or name the folder that holds it in XSEARCH_MODULES"
        )
    return load_module(installed[module])


def find_base(module: Module) -> Module | None:
    """The module whose body `module` builds on: beside it, or installed; None when it carries its own.

    Raises:
        ModuleError: no installed module is the one that it was trained on.
    """
    wanted = module.config.base
    if wanted is None:
        return None
    # either may be a link, to a folder of some other name
    beside = [module.path.absolute().parent, module.path.resolve().parent]
    candidates = [*beside, *module_folders()]
    seen = []
    for folder in dict.fromkeys(candidates):
        path = folder / wanted.module
        if not (path / CONFIG_FILE).is_file():
            continue
        base = load_module(path)
        if base.content_hash == wanted.content_hash:
            _check_fits(module, base)
            return base
        seen.append(f"{path} ({base.content_hash[:12]})")
    raise ModuleError(
        f"{module.path}: built on the module {wanted.module!r} with content hash {wanted.content_hash[:12]}; found "
        f"{', '.join(seen) or 'none of that name'}. Install that base module, or a module made for the present one"
    )


def _check_fits(module: Module, base: Module) -> None:
    if base.config.base is not None:
        raise ModuleError(
            f"{module.path}: its base {base.path} has no body of its own; export the module again"
        )
    ours, theirs = module.config.architecture, base.config.architecture
    for field in ("type", "hidden_size", "layers", "heads", "intermediate_size", "layer_norm_eps", "max_positions",
                  "position_offset", "token_type_vocab", "activation"):  # fmt: skip
        if getattr(ours, field) != getattr(theirs, field):
            raise ModuleError(
                f"{module.path}: {field} is {getattr(ours, field)}, its base has {getattr(theirs, field)}; "
                "export the module again"
            )
    if (module.config.pooling, module.config.dimension) != (base.config.pooling, base.config.dimension):
        raise ModuleError(
            f"{module.path}: pooling or dimension differs from its base; export the module again"
        )
