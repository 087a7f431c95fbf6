import numpy as np
import pytest

from tests.stored import clustered_vectors, nearest
from xsearch.index.build import empty_index
from xsearch.index.signed_bytes import queries_as_bytes, scale_of, takes_bytes, vectors_as_bytes

VECTORS = clustered_vectors(2000, dimension=64)
QUERIES = clustered_vectors(50, seed=1, dimension=64)


@pytest.mark.parametrize(
    ("factory", "expected"),
    [
        ("HNSW16,SQ8_direct_signed", True),
        ("SQ8_direct_signed", True),
        ("HNSW16,SQ8", False),
        ("HNSW16", False),
        ("IVF4,SQ8", False),
        ("Flat", False),
    ],
)
def test_only_codes_that_are_whole_numbers_are_prepared(factory, expected):
    assert takes_bytes(empty_index(factory, 64)) == expected


def test_bytes_keep_the_order_of_neighbours():
    index = empty_index("SQ8_direct_signed", 64)
    index.add(vectors_as_bytes(VECTORS, scale_of(VECTORS)))
    found = index.search(queries_as_bytes(QUERIES), 12)[1]
    true = nearest(QUERIES, VECTORS)
    shares = [np.isin(best, row).mean() for best, row in zip(true, found, strict=True)]
    assert np.mean(shares) > 0.99


def test_all_are_whole_numbers_of_one_byte_whatever_comes():
    wild = np.concatenate([VECTORS, 100 * VECTORS[:1], np.zeros((1, 64), np.float32)])
    for prepared in (vectors_as_bytes(wild, scale_of(VECTORS)), queries_as_bytes(wild)):
        assert np.array_equal(prepared, prepared.astype(np.int8))
        assert np.abs(prepared).max() == 127


def test_one_outlier_does_not_coarsen_the_rest():
    with_outlier = VECTORS.copy()
    with_outlier[0, 0] = 50
    assert scale_of(with_outlier) == pytest.approx(scale_of(VECTORS), rel=0.05)


def test_nothing_but_zeros_has_a_scale():
    assert np.isfinite(scale_of(np.zeros((3, 64), np.float32)))
