"""Other models run through the same code: tiny random checkpoints of the architectures that matter."""

import json

import numpy as np
import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from tests.evaluation.conceptual import NOUNS
from tests.modules import tiny_module
from xsearch.errors import EvaluationError
from xsearch.evaluation import Run, Settings, load_encoder
from xsearch.evaluation.encoders import is_language_module
from xsearch.qa import ModuleEncoder, SentenceEncoder

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
sentence_transformers = pytest.importorskip("sentence_transformers")

SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}


def checkpoint(folder, kind):
    """A sentence-transformers folder: mean pooling for mBERT and XLM-R, CLS with a dense layer for LaBSE."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Dense
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

    torch.manual_seed(0)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *NOUNS, "the", "a", "near", "and", "query", "passage", ":"]
    tokenizer = Tokenizer(
        models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    hf = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=32,
    )
    if kind == "xlm-r":
        config = transformers.XLMRobertaConfig(
            vocab_size=len(words), max_position_embeddings=40, type_vocab_size=1, pad_token_id=0, **SIZES
        )
        model = transformers.XLMRobertaModel(config)
    else:
        model = transformers.BertModel(transformers.BertConfig(vocab_size=len(words), **SIZES))
    plain = folder / "plain"
    model.save_pretrained(plain)
    hf.save_pretrained(plain)
    if kind == "plain":
        return plain
    modules = [Transformer(str(plain), max_seq_length=32)]
    if kind == "labse":
        modules += [
            Pooling(16, pooling_mode="cls"),
            Dense(16, 16, activation_function=torch.nn.Tanh()),
            Normalize(),
        ]
    else:
        modules.append(Pooling(16, pooling_mode="mean"))
    path = folder / kind
    SentenceTransformer(modules=modules, device="cpu").save(str(path))
    return path


@pytest.mark.parametrize("kind", ["mbert", "xlm-r", "labse", "plain"])
def test_a_checkpoint_of_each_architecture_is_measured(tmp_path, data, kind):
    encoder = load_encoder(str(checkpoint(tmp_path, kind)), device="cpu")
    assert isinstance(encoder, SentenceEncoder)
    assert encoder.name == kind
    scores = Run(data, encoder, Settings(resamples=50)).measure(("sts", "bitext"))
    assert {score.label.space for score in scores} == {"shared"}
    assert len(scores) == 8
    vectors = encoder.encode(["the cat", "a dog"], lang="en", space="shared")
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert encoder.encode([], lang="en", space="shared").shape == (0, 16)


def test_prompts_are_put_before_queries_and_documents(tmp_path):
    path = str(checkpoint(tmp_path, "mbert"))
    plain = load_encoder(path, device="cpu")
    prompted = load_encoder(
        path, device="cpu", name="e5", query_prompt="query : ", document_prompt="passage : "
    )
    assert prompted.name == "e5"
    for role, prompt in (("query", "query : "), ("document", "passage : ")):
        np.testing.assert_allclose(
            prompted.encode(["the cat"], lang="en", space="shared", role=role),
            plain.encode([prompt + "the cat"], lang="en", space="shared"),
            atol=1e-6,
        )


def test_the_content_hash_tells_models_apart(tmp_path):
    first = load_encoder(str(checkpoint(tmp_path / "a", "mbert")), device="cpu")
    again = load_encoder(str(tmp_path / "a" / "mbert"), device="cpu")
    other = load_encoder(str(checkpoint(tmp_path / "b", "labse")), device="cpu")
    assert first.content_hashes(["en"]) == again.content_hashes(["fi"])
    assert first.content_hashes(["en"]) != other.content_hashes(["en"])


def test_a_model_that_cannot_be_loaded_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(EvaluationError, match="cannot load"):
        load_encoder(str(tmp_path), device="cpu")
    weights = checkpoint(tmp_path, "plain") / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(EvaluationError, match="cannot load .*plain"):
        load_encoder(str(weights.parent), device="cpu")
    with pytest.raises(EvaluationError, match="cannot load a model without a name"):
        load_encoder("", device="cpu")


def test_a_module_folder_takes_the_place_of_the_installed_module(tmp_path):
    english = tiny_module(tmp_path, "en", adapter=False)
    tiny_module(tmp_path, "fi", base=english)
    assert is_language_module(tmp_path / "fi")
    encoder = load_encoder(str(tmp_path / "fi"))
    assert isinstance(encoder, ModuleEncoder)
    assert (encoder.name, encoder.spaces("fi")) == ("fi", ("native", "shared"))
    config = json.loads((tmp_path / "fi" / "config.json").read_text())
    assert encoder.content_hashes(["fi"]) == {"fi": config["content_hash"]}
    assert encoder.supports("fi")
