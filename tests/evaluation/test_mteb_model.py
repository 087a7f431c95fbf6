"""The model class for mteb: its protocol, and which module reads what."""

from types import SimpleNamespace

import numpy as np
import pytest

from tests.evaluation.conceptual import ConceptEncoder
from xsearch.errors import EvaluationError
from xsearch.evaluation.mteb_model import MtebModel

ENGLISH = [
    "the weather is very nice today",
    "where is the nearest railway station",
    "she reads a long letter",
]
FINNISH = ["sää on tänään erittäin kaunis", "missä on lähin rautatieasema", "hän lukee pitkää kirjettä"]


def task(**subsets):
    return SimpleNamespace(name="STS17", hf_subsets_to_langscripts=subsets, languages=["eng", "fin"])


def encode(model, texts, subset, metadata, prompt_type=None):
    batches = [{"text": texts[:2]}, {"text": texts[2:]}]
    return model.encode(
        batches, task_metadata=metadata, hf_split="test", hf_subset=subset, prompt_type=prompt_type
    )


def test_a_subset_in_one_language_is_read_in_its_native_space():
    encoder = ConceptEncoder()
    vectors = encode(MtebModel(encoder=encoder), FINNISH, "fi", task(fi=["fin-Latn"]))
    assert vectors.shape == (3, 64)
    assert encoder.calls == [("fi", "native", "query", 3)]


def test_of_two_languages_the_one_that_the_texts_are_in_is_read():
    encoder = ConceptEncoder()
    model = MtebModel(encoder=encoder)
    metadata = task(**{"fi-en": ["fin-Latn", "eng-Latn"]})
    for texts in (FINNISH, ENGLISH):
        encode(model, texts, "fi-en", metadata)
    assert [call[:2] for call in encoder.calls] == [("fi", "shared"), ("en", "shared")]


def test_documents_and_queries_are_told_apart():
    encoder = ConceptEncoder()
    metadata = task(default=["eng-Latn"])
    encode(MtebModel(encoder=encoder), ENGLISH, "default", metadata, SimpleNamespace(value="document"))
    encode(MtebModel(encoder=encoder), ENGLISH, "default", metadata, SimpleNamespace(value="query"))
    assert [call[2] for call in encoder.calls] == ["document", "query"]


def test_languages_without_a_module_are_named():
    with pytest.raises(EvaluationError, match="there is no module for tr"):
        encode(MtebModel(encoder=ConceptEncoder()), ENGLISH, "tr", task(tr=["tur-Latn"]))


def test_similarities_are_cosines_for_arrays_of_any_kind():
    torch = pytest.importorskip("torch")
    model = MtebModel(encoder=ConceptEncoder())
    vectors = ConceptEncoder().encode(ENGLISH, lang="en", space="shared")
    np.testing.assert_allclose(
        model.similarity(vectors, torch.from_numpy(vectors)), vectors @ vectors.T, atol=1e-6
    )
    np.testing.assert_allclose(model.similarity_pairwise(vectors, vectors), np.ones(3), atol=1e-6)
    assert model.similarity(vectors[0], vectors).shape == (1, 3)


def test_mteb_runs_it():
    mteb = pytest.importorskip("mteb", reason="mteb is not among our dependencies")
    datasets = pytest.importorskip("datasets")
    from mteb.abstasks import AbsTaskSTS
    from mteb.abstasks.task_metadata import TaskMetadata
    from mteb.models import EncoderProtocol

    class Finnish(AbsTaskSTS):
        metadata = TaskMetadata(
            name="TinyFinnishSTS", description="Pairs of a test.", reference=None, type="STS", category="t2t",
            modalities=["text"], eval_splits=["test"], eval_langs={"fi-en": ["fin-Latn", "eng-Latn"]},
            main_score="cosine_spearman", dataset={"path": "none", "revision": "1"},
        )  # fmt: skip

        def load_data(self, **kwargs):
            rows = {"sentence1": FINNISH, "sentence2": ENGLISH, "score": [5.0, 3.0, 1.0]}
            self.dataset = {"fi-en": {"test": datasets.Dataset.from_dict(rows)}}
            self.data_loaded = True

    model = MtebModel(encoder=ConceptEncoder())
    assert isinstance(model, EncoderProtocol)
    result = mteb.evaluate(model, Finnish(), cache=None)
    assert -1 <= result.task_results[0].get_score() <= 1
