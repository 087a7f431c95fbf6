"""Tiny random checkpoints in the file layouts of the encoders that can be a base."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaModel

WIDTH, LAYERS = 32, 2


def english_bert(folder: Path, texts: Iterable[str]) -> Path:
    """MiniLM's layout: uncased WordPiece, mean pooling."""
    tokenizer = _wordpiece(texts, lower=True)
    _bert(folder, tokenizer)
    _pooling(folder, {"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True})
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 48, "do_lower_case": false}')
    return folder


def mbert(folder: Path, texts: Iterable[str]) -> Path:
    """A plain cased multilingual BERT without any sentence-transformers file."""
    return _bert(folder, _wordpiece(texts, lower=False))


def labse(folder: Path, texts: Iterable[str]) -> Path:
    """LaBSE's layout: first token through a dense layer and tanh, which has a folder of its own."""
    _bert(folder, _wordpiece(texts, lower=False))
    _pooling(folder, {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False})
    dense = folder / "2_Dense"
    dense.mkdir()
    stated = {"in_features": WIDTH, "out_features": WIDTH, "bias": True}
    (dense / "config.json").write_text(
        json.dumps({**stated, "activation_function": "torch.nn.modules.activation.Tanh"})
    )
    torch.manual_seed(5)
    linear = torch.nn.Linear(WIDTH, WIDTH)
    weights = {"linear.weight": linear.weight.detach() * 2, "linear.bias": linear.bias.detach()}
    save_file(weights, dense / "model.safetensors")
    return folder


def xlm_r(folder: Path, texts: Iterable[str]) -> Path:
    """A plain XLM-RoBERTa: SentencePiece Unigram, padding id 1, positions from 2."""
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    trainer = trainers.UnigramTrainer(vocab_size=400, special_tokens=[*special, "<mask>"], unk_token="<unk>")
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = {
        "bos_token": "<s>",
        "cls_token": "<s>",
        "eos_token": "</s>",
        "sep_token": "</s>",
        "pad_token": "<pad>",
    }
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, **names, unk_token="<unk>", mask_token="<mask>"
    )
    torch.manual_seed(3)
    config = XLMRobertaConfig(
        **_sizes(), vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=66, type_vocab_size=1,
        pad_token_id=1, bos_token_id=0, eos_token_id=2, layer_norm_eps=1e-5,
    )  # fmt: skip
    _save(folder, XLMRobertaModel(config, add_pooling_layer=False), fast)
    return folder


def me5(folder: Path, texts: Iterable[str]) -> Path:
    """mE5's layout: an XLM-RoBERTa with mean pooling; the folder's name asks for the prefix `query: `."""
    xlm_r(folder, texts)
    _pooling(folder, {"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True})
    return folder


def _sizes() -> dict[str, float]:
    return {
        "hidden_size": WIDTH,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 4,
        "intermediate_size": 2 * WIDTH,
        "initializer_range": 0.15,
    }


def _wordpiece(texts: Iterable[str], *, lower: bool) -> PreTrainedTokenizerFast:
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lower, strip_accents=lower)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=400, special_tokens=special))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = dict(
        zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), special, strict=True)
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)


def _bert(folder: Path, tokenizer: PreTrainedTokenizerFast) -> Path:
    torch.manual_seed(2)
    config = BertConfig(**_sizes(), vocab_size=len(tokenizer), max_position_embeddings=64)
    _save(folder, BertModel(config), tokenizer)
    return folder


def _save(folder: Path, model: torch.nn.Module, tokenizer: PreTrainedTokenizerFast) -> None:
    # Freshly made biases and norms are all alike, which would hide a tensor put in another's place.
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias") or "LayerNorm" in name:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _pooling(folder: Path, stated: dict[str, bool]) -> None:
    (folder / "1_Pooling").mkdir()
    config = {"word_embedding_dimension": WIDTH, **stated}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(config))
