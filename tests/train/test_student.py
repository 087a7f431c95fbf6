import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from tests.train import checkpoints, toy
from tests.train.conftest import RECIPE
from train.base import load_base
from train.compute import Compute
from train.pipeline import Pipeline
from train.recipe import Adapter, Lora
from train.run import Run
from train.sequences import padded, tokenise
from train.student import TABLE_CODES, Student
from xsearch.encoder import Encoder, write_module
from xsearch.encoder.config import LORA_TARGETS, BaseReference, ModuleConfig
from xsearch.encoder.config import Adapter as AdapterConfig
from xsearch.encoder.config import Lora as LoraConfig
from xsearch.encoder.tensors import TABLE, TABLE_SCALE

TEXTS = ["the old dog", "the house sees the river beside the late story", "bread", "", "the the the garden"]
POOLINGS = {"mean": checkpoints.english_bert, "cls_dense_tanh": checkpoints.labse, "xlm-r": checkpoints.xlm_r}


@pytest.fixture(scope="module", params=POOLINGS)
def any_base(request, tmp_path_factory):
    root = tmp_path_factory.mktemp("base")
    folder = POOLINGS[request.param](root / "checkpoint", toy.sentences(200))
    return load_base(str(folder), root / "bases")


def new_student(base, rank=4, seed=0, **more):
    torch.manual_seed(seed)
    table = base.model.get_input_embeddings().weight.detach().numpy()
    return Student(base, table, Lora(rank, 8.0), Adapter(), **more)


def shaken(student):
    """Every parameter of the language moved at random, as if trained."""
    with torch.no_grad():
        for _, parameter in student.owned():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return student


def test_a_new_student_gives_the_bases_vectors_in_both_spaces(any_base):
    student = new_student(any_base)
    sequences = tokenise(any_base.tokenizer, TEXTS, 40)
    with torch.inference_mode():
        expected = [any_base.encode_ids(*padded([s], any_base.pad_id))[0].numpy() for s in sequences]
    for space in ("native", "shared"):
        vectors = student.encode(sequences, space)
        for vector, wanted in zip(vectors, expected, strict=True):
            np.testing.assert_allclose(vector, wanted / np.linalg.norm(wanted), atol=1e-5)


@pytest.mark.parametrize("rank", [0, 4])
def test_a_part_of_the_way_back_to_a_state(any_base, rank):
    student = new_student(any_base, rank)
    before = student.body_state()
    after = shaken(student).body_state()
    student.take_mean([student.body_state()], before, 1)
    for weight, wanted in zip(student.body_state(), after, strict=True):
        torch.testing.assert_close(weight, wanted, rtol=0, atol=0)
    student.take_mean([student.body_state()], before, 0.75)
    for weight, start, end in zip(student.body_state(), before, after, strict=True):
        torch.testing.assert_close(weight, start + 0.75 * (end - start), rtol=1e-4, atol=1e-5)
    student.take_mean([student.body_state()], before, 0)
    for weight, wanted in zip(student.body_state(), before, strict=True):
        torch.testing.assert_close(weight, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rank", [0, 4])
def test_the_mean_of_two_states_and_the_way_back_to_the_parameters_before(any_base, rank):
    student = new_student(any_base, rank)
    before, parameters = student.body_state(), student.parameters_now()
    states = [shaken(student).body_state() for _ in range(2)]
    student.take_mean(states, before, 0.5)
    table, *updates = student.body_state()
    torch.testing.assert_close(table, before[0] + 0.5 * ((states[0][0] + states[1][0]) / 2 - before[0]))
    if not rank:
        for weight, start, one, two in zip(updates, before[1:], states[0][1:], states[1][1:], strict=True):
            torch.testing.assert_close(weight, start + 0.5 * ((one + two) / 2 - start))
    student.restore(parameters)
    for parameter, wanted in zip(student.parameters_now(), parameters, strict=True):
        assert torch.equal(parameter, wanted)


def test_a_weakened_adapter_adds_less_and_one_of_which_nothing_is_kept_adds_nothing(any_base):
    student = shaken(new_student(any_base))
    sequences = tokenise(any_base.tokenizer, TEXTS, 40)
    native = student.encode(sequences, "native")

    def moved() -> float:
        return float(np.linalg.norm(student.encode(sequences, "shared") - native))

    whole = moved()
    student.weaken_adapter(0.25)
    assert 0 < moved() < whole
    student.weaken_adapter(0)
    assert moved() < 1e-5


def test_training_the_adapter_leaves_the_native_space_as_it_is(any_base):
    student = shaken(new_student(any_base))
    sequences = tokenise(any_base.tokenizer, TEXTS, 40)
    native, shared = (student.encode(sequences, space) for space in ("native", "shared"))
    with torch.no_grad():
        for parameter in student.adapter_parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    np.testing.assert_array_equal(student.encode(sequences, "native"), native)
    assert np.abs(student.encode(sequences, "shared") - shared).max() > 1e-3


@pytest.mark.parametrize("rank", [4, 0])
def test_parts_are_trained_apart_and_the_base_never(any_base, rank):
    student = new_student(any_base, rank)
    before = {name: p.clone() for name, p in any_base.model.named_parameters()}
    for parts in (("table", "lora"), ("adapter",), ("lora",)):
        student.train_only(*parts)
        trained = {id(p) for p in student.model.parameters() if p.requires_grad}
        owned = {
            "table": [student.table],
            "lora": student.body_updates(),
            "adapter": student.adapter_parameters(),
        }
        assert trained == {id(p) for part in parts for p in owned[part]}
    student.train_only("table", "lora", "adapter")
    ids, mask = padded(tokenise(any_base.tokenizer, TEXTS, 40))
    student.use_space("shared")
    optimiser = torch.optim.SGD(student.parameters(), lr=1.0)
    student.encode_ids(ids, mask).sum(dim=1).pow(2).sum().backward()
    optimiser.step()
    assert all(torch.equal(p, before[name]) for name, p in any_base.model.named_parameters())


def test_padding_changes_nothing(any_base):
    student = shaken(new_student(any_base))
    sequences = tokenise(any_base.tokenizer, TEXTS, 40)
    alone = np.concatenate([student.encode([s], "shared") for s in sequences])
    np.testing.assert_allclose(student.encode(sequences, "shared"), alone, atol=1e-5)


@pytest.mark.parametrize("rank", [4, 0])
def test_the_exported_module_gives_the_students_vectors_in_both_spaces(any_base, tmp_path, rank):
    student = shaken(new_student(any_base, rank))
    config = ModuleConfig(
        language="xx",
        name="Toy",
        base=BaseReference(any_base.name, any_base.module, any_base.content_hash),
        architecture=any_base.architecture,
        dimension=any_base.architecture.hidden_size,
        pooling=any_base.pooling,
        max_length=40,
        lora=LoraConfig(rank, 8.0, LORA_TARGETS) if rank else None,
        adapter=AdapterConfig("parallel", student.bottleneck, 4.0, "gelu"),
    )
    target = any_base.path.parent / f"xx-{rank}"
    module = write_module(target, config, student.module_tensors(), any_base.tokenizer.to_str(), "")
    encoder = Encoder(module.path, precision="float32")
    for space in ("native", "shared"):
        ours = student.encode(tokenise(any_base.tokenizer, TEXTS, 40), space)
        cosines = (encoder.encode(TEXTS, space) * ours).sum(axis=1)
        assert cosines.min() > 0.999, space


def test_an_unknown_token_of_the_language_is_no_padding_to_an_xlm_roberta(tmp_path):
    base = load_base(str(checkpoints.xlm_r(tmp_path / "c", toy.sentences(100))), tmp_path)
    student = new_student(base)
    # Id 1 is padding to XLM-RoBERTa and "unknown" in a language's vocabulary: positions have to go on behind it.
    with_unknown, other = (np.array([2, unknown, 7, 8, 3], np.int32) for unknown in (1, 9))
    with torch.no_grad():
        student.table[1] = student.table[9]
    np.testing.assert_allclose(
        student.encode([with_unknown], "native"), student.encode([other], "native"), atol=1e-6
    )


def test_bfloat16_is_close_to_float32_and_compiling_changes_nothing(any_base):
    sequences = tokenise(any_base.tokenizer, TEXTS, 40)
    expected = shaken(new_student(any_base)).encode(sequences, "shared")
    mixed = shaken(new_student(any_base, compute=Compute(mixed=True)))
    vectors = mixed.encode(sequences, "shared")
    assert vectors.dtype == np.float32
    assert 0.99 < (vectors * expected).sum(axis=1).min() < 1 - 1e-7
    compiled = shaken(new_student(any_base))
    compiled.model.compile(backend="eager", dynamic=True)
    np.testing.assert_allclose(compiled.encode(sequences, "shared"), expected, atol=1e-5)
    np.testing.assert_allclose(
        compiled.encode(sequences, "native"),
        shaken(new_student(any_base)).encode(sequences, "native"),
        atol=1e-5,
    )


def test_a_student_trains_in_bfloat16_with_float32_weights(modules, toy_data, tmp_path):
    from train.base import base_of
    from xsearch.encoder import load_module

    recipe = dataclasses.replace(
        RECIPE,
        sentence_encoding=dataclasses.replace(RECIPE.sentence_encoding, sentences=64),
        whitening=False,
    )
    pipeline = Pipeline(
        toy_data,
        recipe,
        base_of(load_module(modules / "en")),
        tmp_path / "fi",
        tmp_path / "cache",
        Compute(mixed=True),
    )
    run: Run = pipeline.run("sentence_encoding")
    assert all(p.dtype == torch.float32 for _, p in run.student.owned())
    assert pipeline.scores["sentence_encoding (native)"]["short xx-en"] > 50


def test_the_adapter_is_a_bottleneck_beside_the_feed_forward_block(any_base):
    student = new_student(any_base)
    width = any_base.architecture.hidden_size
    for adapter in student.adapters:
        assert isinstance(adapter.down, nn.Linear)
        assert adapter.down.weight.shape == (width // 2, width)
        assert not adapter.up.weight.any()


def test_a_rounded_table_is_what_the_module_stores(any_base):
    student = shaken(new_student(any_base))
    before = student.table.detach().clone()
    student.round_table()
    tensors = student.module_tensors()
    codes, scale = tensors[TABLE], tensors[TABLE_SCALE]
    assert (codes.dtype, np.abs(codes).max()) == (np.int8, TABLE_CODES)
    np.testing.assert_allclose(codes * scale[:, None], student.table.detach().numpy(), rtol=1e-6)
    cosines = nn.functional.cosine_similarity(student.table, before, dim=1)
    assert cosines.min() > 0.99
