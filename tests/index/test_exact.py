import numpy as np
import pytest

from tests.stored import nearest, random_vectors
from xsearch.index.exact import ExactIndex
from xsearch.index.selection import Selection

VECTORS = random_vectors(1000).astype(np.float16)
QUERIES = random_vectors(20, seed=1)


def test_it_finds_what_brute_force_finds_with_the_same_scores():
    scores, rows = ExactIndex(VECTORS).search(QUERIES, 10)
    expected = QUERIES @ VECTORS.astype(np.float32).T
    assert np.array_equal(rows, nearest(QUERIES, VECTORS.astype(np.float32)))
    np.testing.assert_allclose(scores, np.take_along_axis(expected, rows, axis=1), atol=1e-6)


def test_it_reads_a_memory_map_in_place(tmp_path):
    np.save(tmp_path / "v.npy", VECTORS)
    mapped = np.load(tmp_path / "v.npy", mmap_mode="r")
    index = ExactIndex(mapped[100:])
    assert np.shares_memory(index._vectors, mapped)
    assert not index._index.codes.is_owned
    assert np.array_equal(index.search(QUERIES, 1)[1], ExactIndex(VECTORS[100:].copy()).search(QUERIES, 1)[1])


@pytest.mark.parametrize("allowed", [[], [7], [7, 999], range(0, 1000, 3)])
def test_a_filter_leaves_only_what_it_allows(allowed):
    mask = np.zeros(1000, bool)
    mask[list(allowed)] = True
    rows = ExactIndex(VECTORS).search(QUERIES, 5, Selection(mask))[1]
    assert np.all(np.isin(rows[rows >= 0], list(allowed)))
    assert np.all((rows >= 0).sum(axis=1) == min(5, len(allowed)))


def test_more_than_there_is_gives_all_there_is():
    assert ExactIndex(VECTORS[:3]).search(QUERIES, 10)[1].shape == (20, 3)
