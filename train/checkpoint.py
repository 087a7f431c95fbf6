"""A base from a Hugging Face checkpoint: its weights, tokenizer and how its sentence vector is read off.

Encoders of the BERT and XLM-RoBERTa families can be a base: all-MiniLM, LaBSE, XLM-R, mBERT and mE5 are of these two
shapes. The files of sentence-transformers beside the weights say how a sentence vector is pooled; without them
conventions hold. Weights are read from safetensors only.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedModel

from train.recipe import Checkpoint
from xsearch.encoder import Architecture
from xsearch.errors import ModuleError

FAMILIES = ("bert", "xlm-roberta")
_FILES = (
    "config.json", "model.safetensors", "model-*.safetensors", "model.safetensors.index.json", "tokenizer*",
    "vocab.txt", "sentencepiece.bpe.model", "special_tokens_map.json", "sentence_bert_config.json",
    "config_sentence_transformers.json", "*_Pooling/config.json", "*_Dense/config.json", "*_Dense/model.safetensors",
)  # fmt: skip


@dataclass(frozen=True)
class LoadedCheckpoint:
    """A checkpoint as a base needs it. `fingerprint` is the sha256 over everything that decides its vectors."""

    name: str
    model: PreTrainedModel
    tokenizer: Tokenizer
    architecture: Architecture
    pooling: str
    max_length: int
    prefix: str
    fingerprint: str

    @property
    def multilingual(self) -> bool:
        """An English vocabulary has a few hundred pieces beyond ASCII, a multilingual one tens of thousands."""
        pieces = [piece.lstrip("▁") for piece in self.tokenizer.get_vocab()]
        return sum(not piece.isascii() for piece in pieces) > 0.2 * len(pieces)


def load_checkpoint(name: str, stated: Checkpoint | None = None) -> LoadedCheckpoint:
    """Load a checkpoint by folder or hub id; `stated` overrides what its files and conventions say.

    Raises:
        ModuleError: it cannot be found or read, or an encoder of its kind cannot be a base.
    """
    stated = stated or Checkpoint()
    folder = _folder(name)
    try:
        settings = AutoConfig.from_pretrained(folder)
        tokenizer = AutoTokenizer.from_pretrained(folder).backend_tokenizer
        model = AutoModel.from_pretrained(folder, use_safetensors=True, dtype=torch.float32)
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise ModuleError(
            f"the base {name!r} cannot be loaded ({str(error).splitlines()[0]}); expected a checkpoint with "
            "config.json, model.safetensors and a fast tokenizer"
        ) from error
    _refuse_other_kinds(name, settings)
    pooling = stated.pooling or _pooling(name, folder)
    if pooling == "cls_dense_tanh":
        _load_dense(name, folder, model)
    offset = settings.pad_token_id + 1 if settings.model_type == "xlm-roberta" else 0
    max_length = min(stated.max_length or _max_length(folder), settings.max_position_embeddings - offset)
    prefix = stated.prefix or _prefix(name, folder)
    return LoadedCheckpoint(
        name=name,
        model=model,
        tokenizer=tokenizer,
        architecture=Architecture(
            type=settings.model_type,
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
        fingerprint=_fingerprint(model, tokenizer, pooling, max_length, prefix),
    )


def _folder(name: str) -> Path:
    if Path(name).is_dir():
        return Path(name)
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=list(_FILES)))
    except (OSError, ValueError) as error:
        raise ModuleError(
            f"the base {name!r} is neither an installed module nor a folder, and not to be had from the hub "
            f"({str(error).splitlines()[0]}); give a module's name, a local folder or a hub id that can be reached"
        ) from error


def _refuse_other_kinds(name: str, settings: Any) -> None:
    if settings.model_type not in FAMILIES:
        raise ModuleError(
            f"the base {name!r} is a {settings.model_type} model; expected one of the kinds {', '.join(FAMILIES)}"
        )
    if (
        settings.hidden_act != "gelu"
        or getattr(settings, "position_embedding_type", "absolute") != "absolute"
    ):
        raise ModuleError(
            f"the base {name!r} has the activation {settings.hidden_act!r} or positions that are not absolute; "
            "expected gelu and absolute positions"
        )


def _json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty where there is no file."""
    if not path.is_file():
        return {}
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModuleError(f"{path} is not valid JSON ({error}); copy the checkpoint again") from error
    return data if isinstance(data, dict) else {}


def _pooling(name: str, folder: Path) -> str:
    dense = next(iter(sorted(folder.glob("*_Dense"))), None)
    config = next(iter(sorted(folder.glob("*_Pooling/config.json"))), None)
    if config is None:
        # LaBSE without sentence-transformers files reads its vector off BERT's own pooler, which is that dense layer.
        return "cls_dense_tanh" if "labse" in Path(name).name.lower() else "mean"
    said = _json(config)
    mode = said.get("pooling_mode") or "+".join(
        k for k, v in said.items() if k.startswith("pooling_mode") and v
    )
    mode = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}.get(mode, mode)
    if mode == "cls" and dense is not None:
        return "cls_dense_tanh"
    if mode not in ("mean", "cls") or dense is not None:
        behind = "" if dense is None else " with a dense layer behind it"
        raise ModuleError(
            f"the base {name!r} pools by {mode or 'nothing known'}{behind}; expected mean, cls, or cls with a dense "
            "layer (set [checkpoint] pooling in the recipe to take it otherwise)"
        )
    return str(mode)


def _load_dense(name: str, folder: Path, model: PreTrainedModel) -> None:
    """Put sentence-transformers' dense layer where BERT has its pooler: both are tanh(W x + b) of the first token."""
    dense = next(iter(sorted(folder.glob("*_Dense"))), None)
    pooler: Any = getattr(model, "pooler", None)
    if pooler is None:
        raise ModuleError(f"the base {name!r} has no pooler to hold a dense layer; expected a BERT with one")
    if dense is None:
        return
    activation = str(_json(dense / "config.json").get("activation_function", ""))
    if not (dense / "model.safetensors").is_file() or not activation.endswith("Tanh"):
        raise ModuleError(
            f"{dense}: expected model.safetensors and the activation Tanh, found {activation or 'no activation'}"
        )
    weights = load_file(dense / "model.safetensors")
    weight, bias = weights.get("linear.weight"), weights.get("linear.bias")
    if weight is None or bias is None or weight.shape != pooler.dense.weight.shape:
        raise ModuleError(
            f"{dense}: expected linear.weight and linear.bias of {tuple(pooler.dense.weight.shape)}"
        )
    with torch.no_grad():
        pooler.dense.weight.copy_(weight)
        pooler.dense.bias.copy_(bias)


def _max_length(folder: Path) -> int:
    return int(_json(folder / "sentence_bert_config.json").get("max_seq_length") or 256)


def _prefix(name: str, folder: Path) -> str:
    said = _json(folder / "config_sentence_transformers.json")
    prompt = (said.get("prompts") or {}).get(said.get("default_prompt_name"))
    if prompt:
        return str(prompt)
    return "query: " if "e5-" in Path(name).name.lower() else ""


def _fingerprint(model: PreTrainedModel, tokenizer: Tokenizer, pooling: str, *settings: object) -> str:
    digest = hashlib.sha256(repr((pooling, *settings)).encode())
    for key, value in sorted(model.state_dict().items()):
        if key.startswith("pooler.") and pooling != "cls_dense_tanh":
            continue  # not used, and made at random where the checkpoint has none
        digest.update(key.encode())
        digest.update(value.detach().contiguous().numpy().tobytes())
    digest.update(tokenizer.to_str().encode())
    return digest.hexdigest()
