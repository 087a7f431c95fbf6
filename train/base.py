"""The base encoder: the frozen English (or multilingual) model whose space every language is mapped into.

A base is either an installed module that carries its own body (`en`), or any Hugging Face encoder of the BERT or
XLM-RoBERTa family, by folder or hub id: all-MiniLM-L6-v2, LaBSE, XLM-R, mBERT and mE5 are of these two shapes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModel, AutoTokenizer, BertConfig, BertModel, PreTrainedModel, XLMRobertaConfig, XLMRobertaModel

from xsearch.encoder import Architecture, Module, available_modules, load_module
from xsearch.encoder.tensors import body_tensors
from xsearch.errors import ModuleError

from train.sequences import pooled

WORD_EMBEDDINGS = "embeddings.word_embeddings.weight"


@dataclass(frozen=True)
class Base:
    """A base encoder on torch, its tokenizer, and how its sentence vector is read off.

    `content_hash` identifies weights and tokenizer: cached teacher vectors are filed under it.
    """

    name: str
    module: str
    content_hash: str
    model: PreTrainedModel
    tokenizer: Tokenizer
    architecture: Architecture
    pooling: str
    max_length: int
    prefix: str
    multilingual: bool
    pad_id: int = 0

    def encode_ids(self, ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Sentence vectors (b, d), not normalised, of padded token ids (b, t) with their mask (b, t)."""
        return pooled(self.model, ids, mask, self.pooling)


def load_base(name: str) -> Base:
    """Load a base by the name of an installed module, a module folder, a checkpoint folder or a hub id.

    Raises:
        ModuleError: no such base, or its architecture is of another family.
    """
    installed = available_modules()
    if name in installed:
        return _from_module(load_module(installed[name]))
    path = Path(name)
    if (path / "model.safetensors").is_file() and (path / "tokenizer.json").is_file() and _is_module(path):
        return _from_module(load_module(path))
    return _from_hub(name)


def _is_module(path: Path) -> bool:
    return "format" in json.loads((path / "config.json").read_text(encoding="utf-8"))


def _from_module(module: Module) -> Base:
    config, shape = module.config, module.config.architecture
    if config.base is not None:
        raise ModuleError(f"{module.path}: this module builds on {config.base.module!r}; a base carries its own body")
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
        "pad_token_id": max(0, shape.position_offset - 1),
    }
    pooler = config.pooling == "cls_dense_tanh"
    kind, settings = (BertModel, BertConfig) if shape.type == "bert" else (XLMRobertaModel, XLMRobertaConfig)
    model = kind(settings(**options), add_pooling_layer=pooler)
    tensors = module.tensors(name for name, _ in body_tensors(config))
    state = {name: torch.from_numpy(value.copy()) for name, value in tensors.items()}
    state[WORD_EMBEDDINGS] = torch.from_numpy(module.table.rows(np.arange(shape.vocab_size)))
    missing, unexpected = model.load_state_dict(state, strict=False)
    if unexpected or [name for name in missing if "position_ids" not in name]:
        raise ModuleError(f"{module.path}: the body's tensors do not fit its architecture: {missing} {unexpected}")
    return Base(
        name=str(config.provenance.get("base", module.path.name)),
        module=module.path.name,
        content_hash=module.content_hash,
        model=frozen(model),
        tokenizer=plain(Tokenizer.from_str(module.tokenizer_json().decode("utf-8"))),
        architecture=shape,
        pooling=config.pooling,
        max_length=config.max_length,
        prefix=config.prefix,
        multilingual=config.language == "mul",
        pad_id=max(0, shape.position_offset - 1),
    )


def _from_hub(name: str) -> Base:
    from hashlib import sha256

    try:
        settings = AutoConfig.from_pretrained(name)
        tokenizer = AutoTokenizer.from_pretrained(name, use_fast=True)
        model = AutoModel.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise ModuleError(
            f"the base {name!r} is neither an installed module nor a loadable checkpoint ({str(error).splitlines()[0]}); "
            "give a module name, a local folder or a hub id that can be reached"
        ) from error
    family = {"bert": "bert", "xlm-roberta": "xlm-roberta"}.get(settings.model_type)
    if family is None:
        raise ModuleError(f"the base {name!r} is a {settings.model_type} model; bert and xlm-roberta can be a base")
    pooling, max_length, prefix = sentence_settings(name, settings)
    digest = sha256()
    for key, value in sorted(model.state_dict().items()):
        digest.update(key.encode())
        digest.update(value.detach().to(torch.float32).contiguous().numpy().tobytes())
    digest.update(tokenizer.backend_tokenizer.to_str().encode())
    offset = settings.pad_token_id + 1 if family == "xlm-roberta" else 0
    return Base(
        name=name,
        module="base-" + "".join(c if c.isalnum() else "-" for c in Path(name).name.lower()),
        content_hash=digest.hexdigest(),
        model=frozen(model),
        tokenizer=plain(Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())),
        architecture=Architecture(
            type=family,
            hidden_size=settings.hidden_size,
            layers=settings.num_hidden_layers,
            heads=settings.num_attention_heads,
            intermediate_size=settings.intermediate_size,
            activation=settings.hidden_act,
            layer_norm_eps=settings.layer_norm_eps,
            vocab_size=settings.vocab_size,
            max_positions=settings.max_position_embeddings,
            position_offset=offset,
            token_type_vocab=settings.type_vocab_size,
        ),
        pooling=pooling,
        max_length=max_length,
        prefix=prefix,
        # An English vocabulary has a few hundred non-ASCII pieces; a multilingual one has tens of thousands.
        multilingual=sum(not piece.isascii() for piece in tokenizer.get_vocab()) > 0.2 * settings.vocab_size,
        pad_id=int(settings.pad_token_id or 0),
    )


def sentence_settings(name: str, settings: Any) -> tuple[str, int, str]:
    """(pooling, maximum length, prefix) of a checkpoint: from its sentence-transformers files, else by convention."""
    folder = Path(name)
    positions = int(settings.max_position_embeddings) - (2 if settings.model_type == "xlm-roberta" else 0)
    pooling, max_length, prefix = "mean", min(256, positions), ""
    if (folder / "sentence_bert_config.json").is_file():
        stated = json.loads((folder / "sentence_bert_config.json").read_text(encoding="utf-8"))
        max_length = min(int(stated.get("max_seq_length") or max_length), positions)
    if (folder / "1_Pooling" / "config.json").is_file():
        stated = json.loads((folder / "1_Pooling" / "config.json").read_text(encoding="utf-8"))
        if stated.get("pooling_mode_cls_token") or stated.get("pooling_mode") == "cls":
            pooling = "cls_dense_tanh" if (folder / "2_Dense").is_dir() else "cls"
    elif "labse" in name.lower():
        pooling = "cls_dense_tanh"
    if "e5-" in name.lower():
        prefix = "query: "
    return pooling, max_length, prefix


def frozen(model: PreTrainedModel) -> PreTrainedModel:
    """The model in evaluation mode with no parameter to train."""
    model.requires_grad_(False)
    return model.eval()


def plain(tokenizer: Tokenizer) -> Tokenizer:
    """The tokenizer without padding or truncation of its own: lengths are the trainer's business."""
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
