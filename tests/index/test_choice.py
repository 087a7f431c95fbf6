import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsearch.index.choice import EXACT_ROWS, choose_index, lists_for, span_to_index, subquantizers

GIB = 1 << 30


@pytest.mark.parametrize(
    ("rows", "memory", "recall", "factory"),
    [
        (0, 4 * GIB, 0.95, None),
        (EXACT_ROWS, 4 * GIB, 0.95, None),
        (100_000, 4 * GIB, 0.95, "HNSW32,SQ8_direct_signed"),
        (1_000_000, 4 * GIB, 0.95, "HNSW32,SQ8_direct_signed"),
        (1_000_000, 4 * GIB, 0.85, "HNSW16,SQ8_direct_signed"),
        (1_000_000, 4 * GIB, 0.99, "HNSW48,SQ8_direct_signed"),
        (1_000_000, GIB // 2, 0.95, "IVF4096_HNSW32,SQ8"),
        (1_000_000, GIB // 8, 0.95, "IVF4096_HNSW32,PQ96x4fs"),
        (10_000_000, 4 * GIB, 0.95, "IVF8192_HNSW32,SQ8"),
        (10_000_000, 2 * GIB, 0.95, "IVF8192_HNSW32,PQ96x4fs"),
        (10_000_000, GIB // 2, 0.95, "IVF8192_HNSW32,PQ48x4fs"),
        (10_000_000, 1, 0.95, "IVF8192_HNSW32,PQ48x4fs"),
    ],
)
def test_the_index_chosen_for_384_dimensions(rows, memory, recall, factory):
    assert choose_index(rows, 384, memory, recall).factory == factory


@pytest.mark.parametrize(
    ("rows", "memory", "factory"),
    [(1_000, GIB, None), (1_000_000, 4 * GIB, "IVF4096,SQ8"), (10_000_000, GIB, "IVF8192,PQ48")],
)
def test_on_a_gpu_only_kinds_that_run_there_are_chosen(rows, memory, factory):
    assert choose_index(rows, 384, memory, 0.95, gpu=True).factory == factory


@given(
    st.integers(EXACT_ROWS + 1, 10**9),
    st.integers(1, 4096),
    st.integers(1, 2**42),
    st.floats(0, 1),
    st.booleans(),
)
def test_whatever_is_chosen_fits_the_memory_or_is_the_smallest_there_is(rows, dimension, memory, recall, gpu):
    choice = choose_index(rows, dimension, memory, recall, gpu=gpu)
    smallest = choose_index(rows, dimension, 0, recall, gpu=gpu)
    assert choice.factory is not None
    assert choice.bytes_per_vector * rows <= memory or choice == smallest


@given(st.integers(EXACT_ROWS + 1, 10**9))
def test_every_list_has_vectors_enough_to_be_trained(rows):
    lists = lists_for(rows)
    assert lists & (lists - 1) == 0
    assert 39 * lists <= rows


@given(st.integers(1, 4096), st.integers(1, 16))
def test_sub_vectors_divide_the_dimension(dimension, components):
    parts = subquantizers(dimension, components)
    assert dimension % parts == 0
    assert parts <= max(1, dimension // components)


@given(st.lists(st.integers(1, EXACT_ROWS * 3), max_size=300))
def test_parts_stay_few_however_documents_arrive(additions):
    parts: list[int] = []
    rebuilt = tail = 0
    for rows in additions:
        tail += rows
        if tail > EXACT_ROWS:
            taken = span_to_index(parts, tail)
            built = tail + sum(parts[len(parts) - taken :])
            parts = [*parts[: len(parts) - taken], built]
            rebuilt, tail = rebuilt + built, 0
    total = sum(parts)
    assert total + tail == sum(additions)
    assert len(parts) <= max(total // EXACT_ROWS, 1).bit_length()
    assert rebuilt <= total * (2 + len(additions).bit_length())
