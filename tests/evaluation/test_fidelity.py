import numpy as np
import pytest

from xsearch.evaluation.fidelity import fidelity


def vectors(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 8)).astype(np.float32)


def test_a_form_agrees_with_itself_at_any_length_of_its_vectors() -> None:
    found = fidelity(3 * vectors(40), vectors(40))

    assert found == pytest.approx((1, 1, 1))


def test_the_text_that_differs_most_is_the_least() -> None:
    other = vectors(40)
    other[7] = -other[7]

    found = fidelity(other, vectors(40))

    assert found.least == pytest.approx(-1)
    assert found.cosine == pytest.approx(38 / 40)
    assert found.overlap < 1


def test_unlike_forms_share_neighbours_by_chance_alone() -> None:
    assert fidelity(vectors(400, 1), vectors(400, 2)).overlap < 0.1


def test_of_few_texts_all_are_neighbours() -> None:
    assert fidelity(vectors(3, 1), vectors(3, 2)).overlap == 1
