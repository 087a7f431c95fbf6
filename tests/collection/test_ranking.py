import numpy as np

from tests.stored import random_vectors
from xsearch.collection.ranking import cosines
from xsearch.collection.vectors import widen

VECTORS = random_vectors(200, dimension=384).astype(np.float16)
QUERIES = random_vectors(200, seed=1, dimension=384)


def test_every_finite_half_is_widened_to_the_same_number():
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    finite = halves[np.isfinite(halves)]
    assert np.array_equal(widen(finite).view(np.uint32), finite.astype(np.float32).view(np.uint32))


def test_cosines_are_those_of_the_stored_vectors():
    exact = VECTORS.astype(np.float64)
    expected = (exact * QUERIES).sum(axis=1) / np.linalg.norm(exact, axis=1)
    np.testing.assert_allclose(cosines(VECTORS, QUERIES), expected, atol=1e-6)


def test_equal_vectors_get_equal_scores_wherever_they_stand():
    for count in (1, 2, 7, 64):
        for start in range(3):
            copies = np.empty((count + start, 384), np.float16)
            copies[:] = VECTORS[5]
            query = np.broadcast_to(QUERIES[9], (count, 384))
            assert set(cosines(copies[start:], query)) == {cosines(VECTORS[5:6], QUERIES[9:10])[0]}


def test_a_zero_vector_scores_nothing_and_no_score_leaves_the_range():
    assert cosines(np.zeros((1, 384), np.float16), QUERIES[:1]) == 0
    itself = cosines(VECTORS, widen(VECTORS) / np.linalg.norm(widen(VECTORS), axis=1, keepdims=True))
    assert np.all((itself > 0.99999) & (itself <= 1))
