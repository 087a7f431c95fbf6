import numpy as np
import pytest

from xsearch.index.build import empty_index
from xsearch.index.layout import lay_out

ROWS, DIMENSION = 600, 16


@pytest.fixture
def vectors():
    drawn = np.random.default_rng(5).standard_normal((ROWS, DIMENSION), dtype=np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def filled(factory, vectors):
    index = empty_index(factory, DIMENSION)
    index.train(vectors)
    index.add(vectors)
    return index


def distance_of_neighbours(index, vectors):
    """How far apart in the index the ten nearest of a vector lie, on average."""
    _, positions = index.search(vectors, 10)
    return np.abs(positions - positions[:, :1]).mean()


@pytest.mark.parametrize("factory", ["HNSW8,SQ8", "HNSW8,Flat", "HNSW8,PQ4x4", "PCA8,HNSW8,SQ8"])
def test_a_graph_finds_the_same_vectors_at_other_places(vectors, factory):
    index = filled(factory, vectors)
    scores, positions = index.search(vectors[:50], 10)
    apart = distance_of_neighbours(index, vectors)

    places = lay_out(index)

    assert sorted(places) == list(range(ROWS))
    scores_now, positions_now = index.search(vectors[:50], 10)
    np.testing.assert_array_equal(scores_now, scores)
    # equal scores may change places among themselves
    assert [set(row) for row in places[positions_now].tolist()] == [set(row) for row in positions.tolist()]
    assert distance_of_neighbours(index, vectors) < 0.9 * apart


def test_another_index_of_the_same_vectors_is_laid_out_alike(vectors):
    first, second = filled("HNSW8,SQ8", vectors), filled("HNSW8,Flat", vectors[:, ::-1].copy())
    places = lay_out(first)
    assert lay_out(second, places) is places
    _, [[position]] = second.search(vectors[7:8, ::-1].copy(), 1)
    assert places[position] == 7


@pytest.mark.parametrize(
    "factory", ["Flat", "IVF4,SQ8", "IVF4_HNSW8,SQ8", "HNSW8,Flat,RFlat", "HNSW8_SQ8,RFlat"]
)
def test_what_is_no_graph_alone_stays_as_it_is(vectors, factory):
    index = filled(factory, vectors)
    assert lay_out(index) is None
    _, positions = index.search(vectors[:50], 1)
    assert (positions[:, 0] == np.arange(50)).mean() > 0.9


def test_vectors_to_which_no_link_leads_are_kept(vectors):
    far = np.zeros((4, DIMENSION), np.float32)  # an inner product of 0 with everything: links lead away only
    index = filled("HNSW4,Flat", np.concatenate([vectors, far]))
    assert sorted(lay_out(index)) == list(range(ROWS + 4))


def test_an_empty_graph_has_no_places():
    assert len(lay_out(empty_index("HNSW8,Flat", DIMENSION))) == 0
