"""Bitext retrieval on vectors, and on sets."""

import numpy as np
import pytest

from tests.evaluation.conceptual import ConceptEncoder
from xsearch.evaluation import Settings, bitext_accuracy
from xsearch.evaluation.bitext import NEIGHBOURS, measure_bitext, nearest
from xsearch.evaluation.datasets import Bitext, Provenance
from xsearch.evaluation.results import Label

LABEL = Label("bitext", "Tatoeba", "test", "en-fi", ("en", "fi"), "shared")


def unit(seed: int, count: int, dimension: int = 16) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def noisy(vectors: np.ndarray, seed: int, scale: float = 0.25) -> np.ndarray:
    moved = vectors + scale * np.random.default_rng(seed).normal(size=vectors.shape).astype(np.float32)
    return moved / np.linalg.norm(moved, axis=1, keepdims=True)


def test_translations_that_are_equal_are_all_found():
    vectors = unit(1, 40)
    found = bitext_accuracy(vectors, vectors)
    assert (found.forward, found.backward, found.margin_forward, found.margin_backward) == (1, 1, 1, 1)
    assert found.mean == 1


def test_the_nearest_is_that_of_a_plain_search_in_any_block_size(monkeypatch):
    source, target = unit(2, 50), noisy(unit(2, 50), 3)
    expected = (source @ target.T).argmax(axis=1)
    for block in (7, 50, 1024):
        monkeypatch.setattr("xsearch.evaluation.bitext._BLOCK", block)
        np.testing.assert_array_equal(nearest(source, target), expected)


def test_the_margin_is_the_ratio_as_laser_defines_it(monkeypatch):
    monkeypatch.setattr("xsearch.evaluation.bitext._BLOCK", 16)
    source, target = unit(4, 30), noisy(unit(4, 30), 5, 0.5)
    similarity = (source @ target.T).astype(np.float64)
    forward = np.sort(similarity, axis=1)[:, -NEIGHBOURS:].mean(axis=1)
    backward = np.sort(similarity, axis=0)[-NEIGHBOURS:].mean(axis=0)
    margin = similarity / (forward[:, None] / 2 + backward[None, :] / 2)
    np.testing.assert_array_equal(nearest(source, target, margin=True), margin.argmax(axis=1))


def test_the_margin_recovers_what_a_hub_took():
    source = unit(6, 60)
    target = noisy(source, 7, 0.3)
    hub = source.mean(axis=0)
    target[0] = hub / np.linalg.norm(hub)
    found = bitext_accuracy(source, target)
    assert found.margin_forward >= found.forward


def test_arrays_that_do_not_match_are_refused():
    with pytest.raises(ValueError, match="expected two of one shape"):
        bitext_accuracy(unit(1, 3), unit(1, 4))


def test_both_directions_are_scores_of_their_own(sentences):
    bitext = Bitext(("en", "fi"), sentences, [f"fi:{text}" for text in sentences], Provenance((), ""))
    scores = measure_bitext(ConceptEncoder(), bitext, LABEL, Settings(resamples=50))
    assert [score.label.subset for score in scores] == ["en-fi", "fi-en"]
    for score in scores:
        assert set(score.metrics) == {"accuracy", "f1", "margin_accuracy", "margin_f1"}
        assert score.value == score.items.values.mean()
        assert score.count == len(sentences)
