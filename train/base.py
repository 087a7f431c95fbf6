"""The base encoder: the frozen English (or multilingual) model whose space every language is mapped into.

A base is always a module that carries its own body: an installed one (`en`), a module folder, or a Hugging Face
checkpoint, which is first repacked into one. So the vectors that a language is trained towards are those of the very
weights that its module will run on.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import nn
from transformers import BertConfig, BertModel, PreTrainedModel, XLMRobertaConfig, XLMRobertaModel

from train.card import base_card
from train.checkpoint import LoadedCheckpoint, load_checkpoint
from train.recipe import Checkpoint
from train.sequences import pooled
from xsearch.encoder import (
    Architecture,
    Module,
    ModuleConfig,
    available_modules,
    find_module,
    load_module,
    write_module,
)
from xsearch.encoder.installed import module_folders
from xsearch.encoder.tensors import TABLE, WHITENING, body_tensors
from xsearch.encoder.weights import Linear, whitening_of
from xsearch.errors import ModuleError
from xsearch.evaluation.multilingual_module import MULTILINGUAL


@dataclass(frozen=True)
class Base:
    """A base encoder on torch, its tokenizer, how its sentence vector is read off, and the module it is.

    `name` is the model's own, `module` the folder name that language modules refer to, and `content_hash` identifies
    weights, tokenizer and settings: cached teacher vectors are filed under it. `whitening` is the map that it holds for
    vectors of other languages, if any.
    """

    name: str
    module: str
    path: Path
    content_hash: str
    model: PreTrainedModel
    tokenizer: Tokenizer
    architecture: Architecture
    pooling: str
    max_length: int
    prefix: str
    multilingual: bool
    whitening: Linear | None = None
    pad_id: int = 0

    @property
    def positions(self) -> int:
        """How many tokens a text can have."""
        return self.architecture.max_positions - self.architecture.position_offset

    def encode_ids(self, ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Sentence vectors (b, d), not normalised, of padded token ids (b, t) with their mask (b, t)."""
        return pooled(self.model, ids, mask, self.pooling)


def load_base(name: str, bases: Path = Path("runs/bases"), stated: Checkpoint | None = None) -> Base:
    """Load a base by the name of an installed module, a module folder, a checkpoint folder or a hub id.

    A checkpoint is repacked as a module in `bases`, unless it stands there already; `stated` says of a checkpoint
    what its files do not.

    Raises:
        ModuleError: no such base, or its architecture is of another family.
    """
    if name in available_modules():
        return base_of(find_module(name))
    if _is_module(Path(name)):
        return base_of(load_module(name))
    return base_of(repacked(load_checkpoint(name, stated), bases))


def _is_module(path: Path) -> bool:
    try:
        return "format" in json.loads((path / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False


def base_of(module: Module) -> Base:
    """The module on torch.

    Raises:
        ModuleError: it has no body of its own.
    """
    config, shape = module.config, module.config.architecture
    if config.base is not None:
        raise ModuleError(
            f"{module.path}: this module builds on {config.base.module!r}; a base has a body of its own"
        )
    pad_id = max(0, shape.position_offset - 1)
    return Base(
        name=str(config.provenance.get("base", module.path.name)),
        module=module.path.name,
        path=module.path,
        content_hash=module.content_hash,
        model=_on_torch(module, pad_id),
        tokenizer=_plain(Tokenizer.from_str(module.tokenizer_json().decode("utf-8"))),
        architecture=shape,
        pooling=config.pooling,
        max_length=config.max_length,
        prefix=config.prefix,
        multilingual=config.language == MULTILINGUAL,
        whitening=whitening_of(module),
        pad_id=pad_id,
    )


def _on_torch(module: Module, pad_id: int) -> PreTrainedModel:
    shape = module.config.architecture
    options: dict[str, Any] = {
        "vocab_size": shape.vocab_size,
        "hidden_size": shape.hidden_size,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "intermediate_size": shape.intermediate_size,
        "hidden_act": shape.activation,
        "layer_norm_eps": shape.layer_norm_eps,
        "max_position_embeddings": shape.max_positions,
        "type_vocab_size": shape.token_type_vocab,
        "pad_token_id": pad_id,
    }
    pooler = module.config.pooling == "cls_dense_tanh"
    model: PreTrainedModel
    if shape.type == "bert":
        model = BertModel(BertConfig(**options), add_pooling_layer=pooler)
    else:
        model = XLMRobertaModel(XLMRobertaConfig(**options), add_pooling_layer=pooler)
    tensors = module.tensors(name for name, _ in body_tensors(module.config))
    state = {name: torch.from_numpy(value.copy()) for name, value in tensors.items()}
    state[TABLE] = torch.from_numpy(module.table.rows(np.arange(shape.vocab_size)))
    missing, unexpected = model.load_state_dict(state, strict=False)
    if unexpected or [name for name in missing if "position_ids" not in name]:
        raise ModuleError(
            f"{module.path}: the body's tensors do not fit its architecture: {missing} {unexpected}; export it again"
        )
    model.get_submodule("embeddings").register_forward_hook(_in_autocast_type)
    return frozen(model)


def _in_autocast_type(module: nn.Module, inputs: Any, states: torch.Tensor) -> torch.Tensor:
    """Embeddings in the type of autocast, if it is on: then all layers stay in it, with nothing to convert between."""
    device = states.device.type
    return states.to(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else states


def repacked(checkpoint: LoadedCheckpoint, folder: Path) -> Module:
    """The checkpoint as a module in `folder`, under a name of its own and its content's; made if it is not there.

    Two checkpoints of one name thus never stand in each other's place, and languages built on the older one go on
    working when the newer is installed beside it.
    """
    plain_name = "".join(c if c.isalnum() else "-" for c in Path(checkpoint.name).name.lower())[:40].strip(
        "-"
    )
    target = folder / f"base-{plain_name}-{checkpoint.fingerprint[:8]}"
    if _is_module(target):
        return load_module(target)
    language = MULTILINGUAL if checkpoint.multilingual else "en"
    stated = {
        "base": checkpoint.name,
        "fingerprint": checkpoint.fingerprint,
        "licence": "that of the checkpoint",
    }
    return write_base(checkpoint, target, language, checkpoint.name, stated)


def write_base(
    checkpoint: LoadedCheckpoint,
    target: Path,
    language: str,
    name: str,
    provenance: dict[str, str],
    *,
    whitening: Linear | None = None,
    calibration: Sequence[str] = (),
) -> Module:
    """Write the checkpoint as a module with its own body and no adapter: its two spaces are one."""
    config = ModuleConfig(
        language=language,
        name=name,
        base=None,
        architecture=checkpoint.architecture,
        dimension=checkpoint.architecture.hidden_size,
        pooling=checkpoint.pooling,
        max_length=checkpoint.max_length,
        prefix=checkpoint.prefix,
        provenance=provenance,
    )
    state = checkpoint.model.state_dict()
    tensors = {
        tensor: state[tensor].numpy() for tensor in [TABLE, *(name for name, _ in body_tensors(config))]
    }
    if whitening is not None:
        tensors |= zip(WHITENING, (whitening.weight, whitening.bias), strict=True)
    tokenizer = _plain(Tokenizer.from_str(checkpoint.tokenizer.to_str())).to_str()
    return write_module(target, config, tensors, tokenizer, base_card(config), calibration=calibration)


def place_base(base: Base, beside: Path) -> None:
    """Copy the base's module into the folder `beside`, unless it is there or installed: so that encoders find it.

    Raises:
        ModuleError: another module of that name stands there.
    """
    for folder in (beside, *module_folders()):
        if (
            _is_module(folder / base.module)
            and load_module(folder / base.module).content_hash == base.content_hash
        ):
            return
    target = beside / base.module
    if target.exists():
        raise ModuleError(
            f"{target} is another module than the base {base.path} ({base.content_hash[:12]}); write the language "
            "module to another folder with --out, or rename that module"
        )
    beside.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{base.module}.", dir=beside) as draft:
        shutil.copytree(base.path, Path(draft) / base.module)
        (Path(draft) / base.module).rename(target)


def frozen(model: PreTrainedModel) -> PreTrainedModel:
    """The model in evaluation mode with no parameter to train."""
    model.requires_grad_(False)
    model.train(mode=False)
    return model


def _plain(tokenizer: Tokenizer) -> Tokenizer:
    """The tokenizer without padding or truncation of its own: lengths are the trainer's business."""
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
