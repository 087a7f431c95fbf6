"""One tiny base, one toy data set and one training of it, shared by the tests."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from tests.train import checkpoints, toy
from train.base import Base, base_of, write_base
from train.checkpoint import load_checkpoint
from train.data import TrainingData, read_training_data
from train.pipeline import Pipeline
from train.recipe import (
    CrossLingualAlignment,
    Data,
    Initialisation,
    LanguageAdaptation,
    Lora,
    Recipe,
    SentenceEncoding,
    Vocabulary,
)
from train.whitening import whitening_by
from xsearch.encoder import Encoder

RECIPE = Recipe(
    max_length=40,
    vocabulary=Vocabulary(size=300),
    initialisation=Initialisation(),
    lora=Lora(rank=4, alpha=8.0),
    language_adaptation=LanguageAdaptation(sentences=64, tokens_per_batch=256),
    sentence_encoding=SentenceEncoding(
        sentences=600, bank=64, tokens_per_batch=512, embedding_rate=1e-3, lora_rate=3e-4
    ),
    cross_lingual_alignment=CrossLingualAlignment(sentences=300, bank=64, tokens_per_batch=512),
    data=Data(),
)
"""A recipe for the toy language: seconds on one core."""


@pytest.fixture(autouse=True)
def _apart(tmp_path_factory, monkeypatch):
    """No test touches the installed modules or the user's cache, and a small model is fastest on one core."""
    monkeypatch.setenv("XSEARCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.setenv("XSEARCH_MODULES", "")
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory) -> Path:
    """A data folder of the toy language under the name of Finnish."""
    return toy.write_data(tmp_path_factory.mktemp("data"), "fi", 800)


@pytest.fixture(scope="session")
def toy_data(data_folder) -> TrainingData:
    """What `data_folder` holds."""
    return read_training_data(data_folder, "fi", RECIPE.data)


@pytest.fixture(scope="session")
def modules(tmp_path_factory) -> Path:
    """A folder of modules with the tiny English one, which holds a map for whitening."""
    root = tmp_path_factory.mktemp("modules")
    made = {"base": "tiny", "fingerprint": "0", "licence": "none"}
    checkpoint = load_checkpoint(str(checkpoints.english_bert(root / "checkpoint", toy.sentences(400, 9))))
    plain = write_base(checkpoint, root / "plain" / "en", "en", "English", made)
    vectors = Encoder(plain.path, precision="float32").encode(toy.sentences(400, 8))
    write_base(checkpoint, root / "en", "en", "English", made, whitening=whitening_by(vectors))
    return root


@pytest.fixture
def base(modules) -> Base:
    """The tiny English base."""
    from xsearch.encoder import load_module

    return base_of(load_module(modules / "en"))


@pytest.fixture(scope="session")
def trained(tmp_path_factory, modules, toy_data):
    """A finished run of the toy language: (pipeline, run)."""
    from xsearch.encoder import load_module

    folder = tmp_path_factory.mktemp("run")
    pipeline = Pipeline(
        toy_data, RECIPE, base_of(load_module(modules / "en")), folder / "fi", folder / "cache"
    )
    return pipeline, pipeline.run()


def changed(section: str, **values) -> Recipe:
    """`RECIPE` with some settings of one section changed."""
    return dataclasses.replace(RECIPE, **{section: dataclasses.replace(getattr(RECIPE, section), **values)})
