"""Our runtime against the reference: Hugging Face models on torch, with LoRA and adapter computed as defined."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.modules import tiny_module
from xsearch.encoder import Encoder, Module
from xsearch.encoder.tensors import LINEARS, TABLE, body_tensors

TEXTS = ["kissa joki talvi", "the old house of the lake, new and red", "", "мир 猫", "milk? bread! " * 9]


def reference(module: Module, base: Module, space: str, texts: list[str]) -> np.ndarray:
    """(n, d) vectors by transformers, one text at a time; LoRA unmerged, the adapter a branch of its own."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    from tokenizers import Tokenizer

    config, shape = module.config, module.config.architecture
    kind, settings = {
        "bert": (transformers.BertModel, transformers.BertConfig),
        "xlm-roberta": (transformers.XLMRobertaModel, transformers.XLMRobertaConfig),
    }[shape.type]
    model = kind(
        settings(
            vocab_size=shape.vocab_size, hidden_size=shape.hidden_size, num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads, intermediate_size=shape.intermediate_size, hidden_act="gelu",
            layer_norm_eps=shape.layer_norm_eps, max_position_embeddings=shape.max_positions,
            type_vocab_size=shape.token_type_vocab, pad_token_id=max(0, shape.position_offset - 1),
        ),
        add_pooling_layer=config.pooling == "cls_dense_tanh",
    ).eval()  # fmt: skip
    state = {
        n: torch.from_numpy(v.copy()) for n, v in base.tensors(n for n, _ in body_tensors(config)).items()
    }
    state[TABLE] = torch.from_numpy(module.table.rows(np.arange(shape.vocab_size)))
    model.load_state_dict(state, strict=False)

    def tensor(name: str) -> torch.Tensor:
        return torch.from_numpy(module.tensors([name])[name].copy())

    for index, layer in enumerate(model.encoder.layer):
        where = f"encoder.layer.{index}"
        if config.lora is not None:
            for path in LINEARS.values():
                a, b = tensor(f"lora.{where}.{path}.A"), tensor(f"lora.{where}.{path}.B")
                factor = config.lora.alpha / config.lora.rank
                layer.get_submodule(path).register_forward_hook(
                    lambda _, inputs, out, a=a, b=b, f=factor: out + f * (inputs[0] @ a.T) @ b.T
                )
        if config.adapter is not None and space == "shared":
            down, up = tensor(f"adapter.{where}.down.weight"), tensor(f"adapter.{where}.up.weight")
            down_bias, up_bias = tensor(f"adapter.{where}.down.bias"), tensor(f"adapter.{where}.up.bias")

            def beside(
                block, hidden, attended, d=down, u=up, db=down_bias, ub=up_bias, s=config.adapter.scaling
            ):
                branch = torch.nn.functional.gelu(attended @ d.T + db) @ u.T + ub
                return block.LayerNorm(block.dense(hidden) + attended + s * branch)

            layer.output.forward = beside.__get__(layer.output)
    tokenizer = Tokenizer.from_str(module.tokenizer_json().decode())
    tokenizer.enable_truncation(config.max_length)
    vectors = []
    with torch.inference_mode():
        for text in texts:
            out = model(input_ids=torch.tensor([tokenizer.encode(config.prefix + text).ids]))
            hidden = out.last_hidden_state[0]
            vector = {"mean": hidden.mean(0), "cls": hidden[0]}.get(config.pooling)
            vector = out.pooler_output[0] if vector is None else vector
            vectors.append(torch.nn.functional.normalize(vector, dim=0).numpy())
    return np.stack(vectors)


@pytest.mark.parametrize(
    ("architecture", "pooling", "prefix"),
    [
        ("bert", "mean", ""),
        ("bert", "cls_dense_tanh", ""),
        ("xlm-roberta", "mean", "the "),
        ("xlm-roberta", "cls", ""),
    ],
    ids=["mBERT", "LaBSE", "mE5", "XLM-R"],
)
@pytest.mark.parametrize("space", ["native", "shared"])
def test_a_module_gives_the_vectors_of_torch(
    tmp_path: Path, architecture: str, pooling: str, prefix: str, space: str
) -> None:
    base = tiny_module(
        tmp_path, "en", adapter=False, lora=False, architecture=architecture, pooling=pooling, prefix=prefix
    )
    module = tiny_module(
        tmp_path, "xx", base=base, architecture=architecture, pooling=pooling, prefix=prefix, seed=1
    )

    ours = Encoder(module.path).encode(TEXTS, space=space)

    cosine = (ours * reference(module, base, space, TEXTS)).sum(axis=1)
    assert cosine.min() > 0.995


def test_the_adapter_moves_the_shared_space_and_leaves_the_native_one(tmp_path: Path) -> None:
    base = tiny_module(tmp_path, "en", adapter=False, lora=False)
    plain = tiny_module(tmp_path / "plain", "xx", base=base, adapter=False, seed=1)
    with_adapter = tiny_module(tmp_path, "xx", base=base, seed=1)
    (tmp_path / "plain" / "en").symlink_to(base.path)

    native = Encoder(with_adapter.path).encode(TEXTS, space="native")

    assert not np.allclose(native, Encoder(with_adapter.path).encode(TEXTS, space="shared"), atol=1e-3)
    assert Encoder(plain.path).one_space


def test_the_english_module_is_all_minilm(shipped_english: Encoder, minilm: object) -> None:
    texts = [
        "The municipality clears the main roads first.",
        "Prune the apple tree in late winter.",
        "A short one.",
        "Is it normal that the outdoor unit of a heat pump ices up in winter? " * 4,
    ]

    theirs = minilm.encode(texts, normalize_embeddings=True)  # type: ignore[attr-defined]

    assert (shipped_english.encode(texts) * theirs).sum(axis=1).min() > 0.997
