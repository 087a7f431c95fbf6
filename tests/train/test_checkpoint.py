import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer

from tests.train import checkpoints, toy
from train.base import base_of, load_base, place_base, repacked
from train.checkpoint import load_checkpoint
from train.recipe import Checkpoint
from train.teacher import Teacher
from xsearch.encoder import Encoder, load_module
from xsearch.errors import ModuleError

TEXTS = ["the old dog", "the house sees the river beside the late story", "bread", ""]
KINDS = {
    "minilm": checkpoints.english_bert,
    "mbert": checkpoints.mbert,
    "LaBSE": checkpoints.labse,
    "xlm-r": checkpoints.xlm_r,
    "multilingual-e5-base": checkpoints.me5,
}
SAID = {
    "minilm": ("mean", 48, ""),
    "mbert": ("mean", 64, ""),
    "LaBSE": ("cls_dense_tanh", 64, ""),
    "xlm-r": ("mean", 64, ""),
    "multilingual-e5-base": ("mean", 64, "query: "),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    texts = [*toy.sentences(200), *map(toy.translate, toy.sentences(100)), "query: "]
    root = tmp_path_factory.mktemp("checkpoints")
    return {name: make(root / name, texts) for name, make in KINDS.items()}


def reference(folder, pooling, prefix):
    """Vectors as the libraries of the checkpoint's makers compute them, one text at a time."""
    model, tokenizer = AutoModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    vectors = []
    for text in TEXTS:
        with torch.inference_mode():
            states = model(**tokenizer(prefix + text, return_tensors="pt")).last_hidden_state[0]
        if pooling == "mean":
            vector = states.mean(dim=0)
        else:
            dense = load_file(folder / "2_Dense" / "model.safetensors")
            vector = torch.tanh(dense["linear.weight"] @ states[0] + dense["linear.bias"])
        vectors.append(torch.nn.functional.normalize(vector, dim=0).numpy())
    return np.stack(vectors)


@pytest.mark.parametrize("name", KINDS)
def test_a_checkpoint_says_how_its_vectors_are_read_off(folders, name):
    checkpoint = load_checkpoint(str(folders[name]))
    assert (checkpoint.pooling, checkpoint.max_length, checkpoint.prefix) == SAID[name]
    assert checkpoint.architecture.position_offset == (2 if name in ("xlm-r", "multilingual-e5-base") else 0)


@pytest.mark.parametrize("name", KINDS)
def test_the_repacked_base_gives_the_checkpoints_vectors_in_training_and_at_run_time(folders, tmp_path, name):
    pooling, _, prefix = SAID[name]
    expected = reference(folders[name], pooling, prefix)
    base = load_base(str(folders[name]), tmp_path)
    taught = Teacher(base, tmp_path / "cache").encode(TEXTS).astype(np.float32)
    run = Encoder(base.path, precision="float32").encode(TEXTS)
    # Between them stand the rounding of the table to 8 bits and of the body to 16.
    assert (taught * expected).sum(axis=1).min() > 0.999
    assert (run * expected).sum(axis=1).min() > 0.999
    np.testing.assert_allclose((taught * run).sum(axis=1), 1, atol=1e-3)


def test_a_checkpoint_is_repacked_once_and_again_when_it_has_changed(folders, tmp_path):
    folder = shutil.copytree(folders["minilm"], tmp_path / "minilm")
    first = load_base(str(folder), tmp_path / "bases")
    assert load_base(str(folder), tmp_path / "bases").content_hash == first.content_hash
    stated = json.loads((folder / "1_Pooling" / "config.json").read_text())
    stated.update(pooling_mode_cls_token=True, pooling_mode_mean_tokens=False)
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(stated))
    changed = load_base(str(folder), tmp_path / "bases")
    assert changed.pooling == "cls"
    assert changed.module != first.module
    assert changed.content_hash != first.content_hash


def test_the_same_checkpoint_is_the_same_module_even_where_a_pooler_is_made_up(folders):
    assert (
        load_checkpoint(str(folders["xlm-r"])).fingerprint
        == load_checkpoint(str(folders["xlm-r"])).fingerprint
    )


def test_a_recipe_can_say_what_the_files_do_not(folders):
    stated = Checkpoint(pooling="cls", prefix="passage: ", max_length=32)
    checkpoint = load_checkpoint(str(folders["mbert"]), stated)
    assert (checkpoint.pooling, checkpoint.prefix, checkpoint.max_length) == ("cls", "passage: ", 32)


def test_a_multilingual_vocabulary_is_told_from_an_english_one(folders, tmp_path):
    assert not load_checkpoint(str(folders["xlm-r"])).multilingual  # the mark ▁ alone says nothing
    texts = [
        *toy.sentences(50),
        *(chr(0x0410 + i) * 3 + chr(0x0905 + i) + chr(0x4E00 + i) for i in range(30)),
    ]
    multilingual = load_checkpoint(str(checkpoints.xlm_r(tmp_path / "m", texts)))
    assert multilingual.multilingual
    assert load_module(repacked(multilingual, tmp_path).path).config.language == "mul"


def test_a_hub_id_is_fetched_and_read_like_a_folder(folders, tmp_path, monkeypatch):
    asked = {}

    def fetch(name, allow_patterns):
        asked.update(name=name, patterns=allow_patterns)
        return str(folders["LaBSE"])

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)
    base = load_base("sentence-transformers/LaBSE", tmp_path)
    assert asked["name"] == "sentence-transformers/LaBSE"
    assert not any(pattern.endswith((".bin", ".pt", ".pkl", ".py")) for pattern in asked["patterns"])
    assert (base.name, base.pooling) == ("sentence-transformers/LaBSE", "cls_dense_tanh")
    assert base.module.startswith("base-labse-")


def test_a_base_that_cannot_be_had_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModuleError, match="'nobody/nothing' is neither an installed module nor a folder"):
        load_base("nobody/nothing", tmp_path)


def test_other_kinds_of_encoders_are_refused(folders, tmp_path):
    folder = shutil.copytree(folders["minilm"], tmp_path / "relu")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "hidden_act": "relu"}))
    with pytest.raises(ModuleError, match="activation 'relu'.*expected gelu"):
        load_checkpoint(str(folder))
    (folder / "config.json").write_text(json.dumps({"model_type": "t5"}))
    with pytest.raises(ModuleError, match="cannot be loaded|is a t5 model"):
        load_checkpoint(str(folder))


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"pooling_mode_max_tokens": True}, "pooling_mode_max_tokens"),
        ({"pooling_mode": "lasttoken"}, "lasttoken"),
    ],
)
def test_other_poolings_are_refused(folders, tmp_path, stated, message):
    folder = shutil.copytree(folders["minilm"], tmp_path / "other")
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(stated))
    with pytest.raises(ModuleError, match=f"pools by {message}.*expected mean, cls"):
        load_checkpoint(str(folder))


def test_a_dense_layer_behind_the_mean_or_without_tanh_is_refused(folders, tmp_path):
    folder = shutil.copytree(folders["LaBSE"], tmp_path / "LaBSE")
    (folder / "2_Dense" / "config.json").write_text(
        '{"activation_function": "torch.nn.modules.linear.Identity"}'
    )
    with pytest.raises(ModuleError, match="the activation Tanh, found torch"):
        load_checkpoint(str(folder))
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode": "mean"}')
    with pytest.raises(ModuleError, match="pools by mean with a dense layer behind it"):
        load_checkpoint(str(folder))


def test_weights_that_are_not_safetensors_are_refused(folders, tmp_path):
    folder = shutil.copytree(folders["minilm"], tmp_path / "pickled")
    torch.save({}, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModuleError, match="cannot be loaded"):
        load_checkpoint(str(folder))


def test_a_language_module_is_no_base(tmp_path, modules):
    from tests.modules import tiny_module

    language = tiny_module(tmp_path, "xx", base=tiny_module(tmp_path, "en"))
    with pytest.raises(ModuleError, match="a base has a body of its own"):
        base_of(language)


def test_a_base_is_placed_beside_its_languages_unless_it_is_there(folders, tmp_path):
    base = load_base(str(folders["minilm"]), tmp_path / "bases")
    place_base(base, tmp_path / "installed")
    placed = tmp_path / "installed" / base.module
    before = placed.stat().st_mtime_ns
    place_base(base, tmp_path / "installed")
    assert placed.stat().st_mtime_ns == before
    assert load_module(placed).content_hash == base.content_hash
    assert sorted(p.name for p in (tmp_path / "installed").iterdir()) == [base.module]


def test_an_installed_base_is_not_placed_again(folders, tmp_path, monkeypatch):
    base = load_base(str(folders["minilm"]), tmp_path / "bases")
    monkeypatch.setenv("XSEARCH_MODULES", str(tmp_path / "bases"))
    place_base(base, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_base_never_takes_the_place_of_another_module(folders, tmp_path):
    base = load_base(str(folders["minilm"]), tmp_path / "bases")
    other = repacked(load_checkpoint(str(folders["mbert"])), tmp_path / "bases")
    shutil.copytree(other.path, tmp_path / "installed" / base.module)
    with pytest.raises(ModuleError, match="is another module than the base"):
        place_base(base, tmp_path / "installed")
