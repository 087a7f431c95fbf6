"""Tiny language modules with random weights: real files in the real format, made in milliseconds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from xsearch.encoder import Adapter, Architecture, BaseReference, Lora, Module, ModuleConfig, write_module
from xsearch.encoder.config import LORA_TARGETS
from xsearch.encoder.tensors import TABLE, WHITENING, body_tensors, plugin_tensors

WORDS = (
    "the a an is was of to and in on it we you they cat dog house river winter summer lake forest bread milk "
    "kissa koira talo joki talvi kesä järvi metsä leipä maito ja on ei se hän me te he new old red blue ä ö å é "
    "1 2 3 . , ! ? - ' \" ( ) 猫 犬 мир дом"
).split()


def tiny_module(
    folder: Path,
    language: str = "xx",
    *,
    adapter: bool = True,
    whitening: bool = False,
    lora: bool = True,
    base: Module | None = None,
    pooling: str = "mean",
    architecture: str = "bert",
    texts: Sequence[str] = (),
    max_length: int = 32,
    prefix: str = "",
    hidden_size: int = 32,
    layers: int = 2,
    seed: int = 0,
) -> Module:
    """Write the module folder `folder / language` and return it loaded.

    Its tokenizer knows the words of `WORDS` and of `texts`, and every single character of them, so that texts
    with words in common get similar vectors. With `base` (a module of the same sizes) it carries no body; without one
    it holds a map for whitening, which is made up.
    """
    rng = np.random.default_rng([seed, *language.encode()])
    tokenizer = tiny_tokenizer([*WORDS, *(word for text in texts for word in text.lower().split())])
    offset = 2 if architecture == "xlm-roberta" else 0
    config = ModuleConfig(
        language=language,
        name=language.upper(),
        base=None if base is None else BaseReference("tiny", base.path.name, base.content_hash),
        architecture=Architecture(
            type=architecture,
            hidden_size=hidden_size,
            layers=layers,
            heads=4,
            intermediate_size=2 * hidden_size,
            activation="gelu",
            layer_norm_eps=1e-12,
            vocab_size=len(json.loads(tokenizer)["model"]["vocab"]),
            max_positions=64 + offset,
            position_offset=offset,
            token_type_vocab=1 if offset else 2,
        ),
        dimension=hidden_size,
        pooling=pooling,
        max_length=max_length,
        prefix=prefix,
        lora=Lora(rank=4, alpha=8, targets=LORA_TARGETS) if lora else None,
        adapter=Adapter("parallel", bottleneck=hidden_size // 2, scaling=4.0, activation="gelu")
        if adapter
        else None,
        whitening=whitening,
    )
    names = list(plugin_tensors(config)) + ([] if base is not None else list(body_tensors(config)))
    tensors = {name: _random(rng, name, shape) for name, shape in names}
    if base is None:
        spread = rng.normal(0, 0.2 * hidden_size**-0.5, (hidden_size, hidden_size)).astype(np.float32)
        weight, bias = WHITENING
        tensors[weight] = np.eye(hidden_size, dtype=np.float32) + spread + spread.T
        tensors[bias] = rng.normal(0, 0.1, hidden_size).astype(np.float32)
    tensors[TABLE] = rng.normal(0, 1, (config.architecture.vocab_size, hidden_size)).astype(np.float32)
    return write_module(
        folder / language, config, tensors, tokenizer, f"# {config.name}, a tiny random module\n"
    )


def tiny_tokenizer(words: Sequence[str]) -> str:
    """A WordPiece tokenizer (as JSON) that knows `words` and their characters."""
    characters = sorted({character for word in words for character in word})
    pieces = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        *dict.fromkeys(words),
        *characters,
        *(f"##{c}" for c in characters),
    ]
    vocabulary = {piece: index for index, piece in enumerate(dict.fromkeys(pieces))}
    special = [
        {"id": vocabulary[token], "content": token, "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False, "special": True}
        for token in ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
    ]  # fmt: skip
    return json.dumps(
        {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": special,
            "normalizer": {
                "type": "BertNormalizer",
                "clean_text": True,
                "handle_chinese_chars": True,
                "strip_accents": False,
                "lowercase": True,
            },
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [
                    {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
                    {"Sequence": {"id": "A", "type_id": 0}},
                    {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
                ],
                "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                "special_tokens": {
                    token: {"id": token, "ids": [vocabulary[token]], "tokens": [token]}
                    for token in ("[CLS]", "[SEP]")
                },
            },
            "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
            "model": {
                "type": "WordPiece",
                "unk_token": "[UNK]",
                "continuing_subword_prefix": "##",
                "max_input_chars_per_word": 100,
                "vocab": vocabulary,
            },
        },
        ensure_ascii=False,
    )


def _random(rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> np.ndarray:
    if name.endswith("LayerNorm.weight"):
        return rng.normal(1, 0.1, shape).astype(np.float32)
    spread = 0.02 if name.endswith("bias") or "adapter" in name or "lora" in name else 0.15
    return rng.normal(0, spread, shape).astype(np.float32)
