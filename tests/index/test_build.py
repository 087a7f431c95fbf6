import math
import time
import warnings

import numpy as np
import pytest

from tests.stored import clustered_vectors, nearest
from xsearch.errors import CollectionError, QueryError
from xsearch.index.approximate import ApproximateIndex, save_index
from xsearch.index.build import build_index, check_factory, empty_index, insertion_order, training_rows
from xsearch.index.choice import choose_index
from xsearch.index.library import faiss
from xsearch.index.selection import Selection
from xsearch.index.signed_bytes import queries_as_bytes, takes_bytes
from xsearch.index.vector_run import VectorRun

ROWS = 4000
VECTORS = clustered_vectors(ROWS).astype(np.float16)
QUERIES = clustered_vectors(50, seed=1)


def build(factory, recall=0.95, device="cpu", vectors=VECTORS):
    order, probes = insertion_order(len(vectors))
    half = len(vectors) // 2
    run = VectorRun([vectors[:half], vectors], [np.arange(half), np.arange(half, len(vectors))])
    progress: list[int] = []
    built = build_index(factory, run, order, probes, recall=recall, device=device, report=progress.append)
    assert progress == sorted(progress)
    assert progress[-1] == len(vectors)
    return order, built


def as_asked(index):
    return queries_as_bytes(QUERIES) if takes_bytes(index) else QUERIES


def recall(order, built, depth):
    found = built.index.search(as_asked(built.index), math.ceil(10 * depth))[1]
    true = nearest(QUERIES, VECTORS.astype(np.float32))
    return np.mean([len(set(order[row]) & set(best)) for row, best in zip(found, true, strict=True)]) / 10


@pytest.mark.parametrize(
    ("factory", "parameters"),
    [
        ("HNSW16,SQ8", {"efSearch"}),
        ("HNSW16,SQ8_direct_signed", {"efSearch"}),
        ("IVF64,SQ8", {"nprobe"}),
        ("IVF64,PQ8x4fs", {"nprobe"}),
        ("IVF64,Flat", {"nprobe"}),
        ("IVF64_HNSW8,SQ8", {"nprobe", "quantizer_efSearch"}),
        ("IVF64,RaBitQ", {"nprobe"}),
        ("PCA16,IVF16,SQ8", {"nprobe"}),
        ("IVF16,SQ4,RFlat", {"nprobe"}),
        ("HNSW16_SQfp16", {"efSearch"}),
        ("SQ4", set()),
        ("Flat", set()),
    ],
)
def test_any_kind_of_index_reaches_the_recall_that_was_asked_for(factory, parameters):
    order, built = build(factory)
    assert built.tuning.parameters.keys() == parameters
    assert built.tuning.recall >= 0.95
    assert built.probes == 200
    assert recall(order, built, built.tuning.depth) >= 0.93
    assert (built.imbalance is not None) == ("IVF" in factory)


@pytest.mark.parametrize("factory", ["HNSW16,SQ8", "IVF64,SQ8"])
def test_many_copies_of_one_text_do_not_drive_the_effort_up(factory):
    """Any ten of a hundred copies are right, so that an index which finds other ones has missed nothing."""
    copies = np.repeat(VECTORS[:10], 100, axis=0)
    _, built = build(factory, vectors=np.concatenate([VECTORS, copies]))
    assert built.tuning.recall >= 0.95
    assert max(built.tuning.parameters.values()) < {"HNSW16,SQ8": 1024, "IVF64,SQ8": 64}[factory]
    _, only = build(factory, vectors=np.repeat(VECTORS[:40], 100, axis=0))
    assert 0 <= only.tuning.recall <= 1


def test_more_recall_costs_more_effort():
    efforts = [
        build("IVF64,SQ8", recall=wanted)[1].tuning.parameters["nprobe"] for wanted in (0.5, 0.9, 0.999)
    ]
    assert efforts == sorted(efforts)
    assert efforts[0] < efforts[-1]


def test_the_measured_recall_is_that_of_vectors_which_the_index_has_not_seen():
    order, built = build("IVF64,SQ8", recall=0.8)
    assert built.tuning.recall == pytest.approx(recall(order, built, built.tuning.depth), abs=0.1)


def test_what_cannot_be_reached_is_told_as_it_is():
    _, built = build("PQ1x4", recall=0.999)
    assert built.tuning.recall < 0.999


def test_the_same_vectors_give_the_same_index():
    faiss().omp_set_num_threads(1)
    first, second = (build("IVF32,SQ8")[1] for _ in range(2))
    assert np.array_equal(faiss().serialize_index(first.index), faiss().serialize_index(second.index))
    assert first.tuning == second.tuning


def test_training_says_nothing_about_too_few_points(capfd):
    rows = training_rows(empty_index("IVF32,SQ8", 32))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build("IVF32,SQ8", vectors=VECTORS[: rows * 20 // 19 + 2])
    assert "WARNING" not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("factory", "rows"),
    [
        ("Flat", 1),
        ("HNSW32,SQ8", 1),
        ("IVF100,SQ8", 3900),
        ("IVF4,PQ8", 9984),
        ("IVF4,PQ8x4fs", 624),
        ("HNSW16_PQ8", 9984),
        ("PCA16,Flat", 16),
        ("PCA16,SQ4,RFlat", 16),
        ("PCA16,IVF4,SQ8", 156),
        ("OPQ8,PQ8x4fs", 9984),
        ("RQ4x4", 32),
    ],
)
def test_how_many_vectors_training_needs(factory, rows):
    assert training_rows(empty_index(factory, 32)) == rows


@pytest.mark.parametrize(
    "factory", ["", "Nonsense7", "IVF", "PQ7", "IVF0,Flat", "IVF99999999999999999999,Flat"]
)
def test_factory_strings_that_faiss_does_not_know_are_refused(factory):
    with pytest.raises(
        QueryError, match=r"not a FAISS index factory string for \d+ dimensions: [^<>]*; use auto"
    ):
        empty_index(factory, 32)


@pytest.mark.parametrize(
    ("factory", "reason"),
    [
        ("IDMap,Flat", "use add_with_ids"),
        ("IDMap2,HNSW16", "use add_with_ids"),
        ("NSG32", "does not support incremental addition"),
        ("ZnLattice4x4_2", "carries no code storage"),
        ("IVF16_NSG32,Flat", "cannot build a graph smaller than 100"),
    ],
)
def test_a_kind_that_faiss_cannot_fill_or_open_again_is_refused_before_it_is_built(factory, reason):
    empty_index(factory, 32)
    with pytest.raises(
        QueryError, match=rf"{factory}' cannot be built.* in 32 dimensions: .*{reason}.*; use auto"
    ):
        check_factory(factory, 32)


@pytest.mark.parametrize(
    "factory",
    [
        *(
            choose_index(rows, 384, memory, 0.95, gpu=gpu).factory
            for rows in (100_000, 1_000_000, 10_000_000)
            for memory in (1 << 20, 1 << 28, 1 << 40)
            for gpu in (False, True)
        ),
        "OPQ48,IVF4096,PQ48",
        "OPQ8_64,PQ8x4fs",
        "PCA64,IVF4096_HNSW32,SQ8,RFlat",
        "HNSW16_PQ8",
        "IVF65536,RaBitQ",
        "IVF256(RCQ2x4),SQ8",
        "IVF16k_NSG32,Flat",
        "ITQ64,Flat",
        "L2norm,Pad512,Flat",
    ],
)
def test_a_kind_that_works_passes_quickly_and_in_silence(capfd, factory):
    before = time.process_time()
    check_factory(factory, 384)
    assert time.process_time() - before < 10  # building it over the vectors that it needs takes minutes
    assert capfd.readouterr() == ("", "")


def test_what_faiss_fails_at_in_building_is_an_error_of_ours():
    with pytest.raises(
        CollectionError, match=r"cannot build 'IDMap,Flat' over 4000 vectors: .*; the documents are stored"
    ):
        build("IDMap,Flat")


@pytest.mark.parametrize(
    "factory",
    [
        "HNSW16,SQ8",
        "HNSW16,SQ8_direct_signed",
        "IVF64,SQ8",
        "IVF64,PQ8x4fs",
        "PCA16,IVF16,SQ8",
        "IVF16,SQ4,RFlat",
    ],
)
def test_a_saved_index_finds_the_same_and_honours_a_filter(tmp_path, factory):
    order, built = build(factory)
    faiss().write_index(built.index, str(tmp_path / "x.faiss"))
    opened = ApproximateIndex(tmp_path / "x.faiss", ROWS, built.tuning.parameters)
    found = opened.search(QUERIES, 40)
    assert np.array_equal(found, built.index.search(as_asked(built.index), 40)[1])
    allowed = np.zeros(ROWS, bool)
    allowed[::5] = True
    filtered = opened.search(QUERIES, 40, Selection(allowed))
    assert np.all((filtered == -1) | allowed[filtered])
    true = nearest(QUERIES, VECTORS.astype(np.float32)[order][allowed])
    hits = [len(set(row // 5) & set(best)) for row, best in zip(filtered, true, strict=True)]
    assert np.mean(hits) / 10 >= 0.9


def test_where_faiss_cannot_filter_a_few_excluded_ones_are_stepped_over_and_many_are_refused(tmp_path):
    _, built = build("PQ8x4fs")
    save_index(built.index, tmp_path / "x.faiss")
    opened = ApproximateIndex(tmp_path / "x.faiss", ROWS, {})
    allowed = np.ones(ROWS, bool)
    allowed[opened.search(QUERIES[:10], 60)[:, ::3]] = False
    some = Selection(allowed)
    plain = opened.search(QUERIES, 40 + some.excluded)
    for one, everything in zip(opened.search(QUERIES, 40, some), plain, strict=True):
        assert one.tolist() == everything[allowed[everything]][:40].tolist()
    few = opened.search(QUERIES, 40, Selection(np.arange(ROWS) < 3))
    found = np.count_nonzero(few >= 0, axis=1)
    assert set(found) <= {0, 3}  # all or nothing, so that nobody takes one of them for the best
    assert 0 in found


def test_a_selection_knows_its_positions():
    mask = np.random.default_rng(0).random(77) < 0.5
    positions = np.array([[*range(77), -1]])
    assert Selection(mask).holds(positions).tolist() == [[*mask.tolist(), False]]
    assert Selection(mask).excluded == np.count_nonzero(~mask)


def test_a_saved_index_is_mapped_and_not_read(tmp_path):
    _, built = build("HNSW16,SQ8")
    faiss().write_index(built.index, str(tmp_path / "x.faiss"))
    index = faiss().read_index(str(tmp_path / "x.faiss"), faiss().IO_FLAG_MMAP_IFC)
    assert not faiss().downcast_index(index.storage).codes.is_owned


def test_a_graph_is_built_as_thoroughly_as_its_size_asks_for(monkeypatch):
    from xsearch.index import build as module
    from xsearch.index.kinds import inner_kind

    asked_for = []
    monkeypatch.setattr(module, "construction_breadth", lambda rows: asked_for.append(rows) or 37)
    _, built = build("HNSW8,SQ8")
    assert asked_for == [len(VECTORS)]
    assert inner_kind(built.index).hnsw.efConstruction == 37
