"""Collections with approximate indexes: what they cover, what stays exact, and that both answer together."""

import numpy as np
import pyarrow as pa
import pytest

from tests.stored import clustered_vectors, create, nearest, random_vectors
from xsearch.collection import Collection, IndexSettings, ranking
from xsearch.collection.maintenance import _commit_segments, segments_to_merge
from xsearch.collection.merging import merge
from xsearch.errors import QueryError

ROWS = 1500
VECTORS = clustered_vectors(ROWS)
QUERIES = clustered_vectors(40, seed=1)


@pytest.fixture(autouse=True)
def small_limits(monkeypatch):
    """As if 200 vectors were many."""
    monkeypatch.setattr("xsearch.index.choice.EXACT_ROWS", 200)
    monkeypatch.setattr("xsearch.collection.maintenance.EXACT_ROWS", 200)
    monkeypatch.setattr("xsearch.collection.ranking.EXACT_SURVIVORS", 20)


def add(collection, first, last, spaces=("shared",)):
    collection.add(
        [str(number) for number in range(first, last)],
        ["t"] * (last - first),
        lang="fi",
        vectors=dict.fromkeys(spaces, VECTORS[first:last]),
        metadata=pa.table({"n": list(range(first, last))}),
    )


def recall(collection, alive, where=None):
    """recall@10 against brute force over the rows `alive`, and a check that every score is the true cosine."""
    true = alive[nearest(QUERIES, VECTORS[alive])]
    found = collection.search_vectors(QUERIES, where=where)
    for query, hits in zip(QUERIES, found, strict=True):
        rows = [int(hit.id) for hit in hits]
        assert set(rows) <= set(alive)
        np.testing.assert_allclose([hit.score for hit in hits], VECTORS[rows] @ query, atol=1e-3)
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        assert len(hits) == min(10, len(alive))
    pairs = zip(true, found, strict=True)
    return np.mean([len(set(best) & {int(hit.id) for hit in hits}) / len(best) for best, hits in pairs])


@pytest.mark.parametrize("factory", ["auto", "IVF16,SQ8", "IVF16,PQ8x4fs", "HNSW16,SQ8", "PCA16,IVF8,SQ8"])
def test_documents_beyond_the_exact_size_are_indexed_and_found(tmp_path, factory):
    collection = create(tmp_path / "c", settings=IndexSettings(factory, recall=0.95))
    add(collection, 0, ROWS)
    info = collection.info()
    assert (info.exact, info.parts[0].rows) == (0, ROWS)
    assert info.index == ("HNSW32,SQ8_direct_signed" if factory == "auto" else factory)
    assert info.parts[0].index.recall_at_10 >= 0.95
    assert recall(collection, np.arange(ROWS)) >= 0.93
    assert collection.verify().ok


def test_a_small_collection_stays_exact(tmp_path):
    collection = create(tmp_path / "c")
    add(collection, 0, 200)
    assert collection.info().parts == ()
    assert collection.info().index == "exact"
    assert recall(collection, np.arange(200)) == 1


def test_an_index_type_that_needs_more_vectors_waits_for_them(tmp_path):
    collection = create(tmp_path / "c", settings=IndexSettings("IVF8,SQ8"))
    add(collection, 0, 100)
    assert collection.info().index == "exact"
    add(collection, 100, 400)
    assert collection.info().index == "IVF8,SQ8"


def test_a_transformation_that_needs_more_vectors_waits_for_them(tmp_path):
    collection = create(tmp_path / "c", settings=IndexSettings("PCA24,Flat"))
    add(collection, 0, 20)
    assert collection.info().index == "exact"
    add(collection, 20, 240)
    assert collection.info().index == "PCA24,Flat"


@pytest.mark.parametrize("factory", ["IDMap,Flat", "NSG32", "ZnLattice4x4_2"])
def test_an_index_type_that_faiss_cannot_keep_is_refused_before_anything_is_made(tmp_path, factory):
    with pytest.raises(QueryError, match=f"{factory}' cannot be built"):
        create(tmp_path / "c", settings=IndexSettings(factory))
    assert not (tmp_path / "c").exists()


def test_an_index_over_fewer_documents_than_ten_is_not_blamed_for_it(tmp_path):
    collection = create(tmp_path / "c", settings=IndexSettings("Flat"))
    add(collection, 0, 5)
    assert collection.info().parts[0].index.recall_at_10 == 1
    assert collection.info().advice == ()


def test_later_documents_are_found_before_and_after_they_are_indexed(tmp_path):
    collection = create(tmp_path / "c")
    add(collection, 0, 1000)
    sizes = []
    for first in range(1000, ROWS, 100):
        add(collection, first, first + 100)
        sizes.append([part.rows for part in collection.info().parts])
        assert recall(collection, np.arange(first + 100)) >= 0.93
    assert sizes == [[1000], [1000], [1000, 300], [1000, 300], [1000, 300]]
    assert collection.info().exact == 200
    assert collection.info().index == "HNSW32,SQ8_direct_signed + exact"


@pytest.mark.parametrize("factory", ["auto", "HNSW16,SQ8", "IVF16,SQ8", "IVF16,PQ8x4fs", "PCA16,IVF8,SQ8"])
def test_the_dead_are_not_found_and_leave_no_gap(tmp_path, factory):
    collection = create(tmp_path / "c", settings=IndexSettings(factory))
    add(collection, 0, 1300)
    add(collection, 1300, ROWS)
    collection.delete(where="n % 3 = 0")
    alive = np.array([n for n in range(ROWS) if n % 3])
    assert recall(collection, alive) >= 0.9
    collection.compact()
    assert collection.info().parts[0].rows == len(alive)
    assert recall(collection, alive) >= 0.93
    assert collection.verify().ok


@pytest.mark.parametrize(
    "factory", ["HNSW16,SQ8", "IVF16,SQ8", "IVF16,PQ8x4fs", "PCA16,IVF8,SQ8", "IVF16,SQ4,RFlat"]
)
@pytest.mark.parametrize("share", [2, 7, 40, 300, 2000])
def test_filters_of_any_selectivity_give_k_results_when_k_exist(tmp_path, factory, share):
    collection = create(tmp_path / "c", settings=IndexSettings(factory))
    add(collection, 0, ROWS)
    assert recall(collection, np.arange(0, ROWS, share), where=f"n % {share} = 0") >= 0.9


@pytest.mark.parametrize("where", [None, "n % 5 > 0"])
@pytest.mark.parametrize("factory", ["auto", "IVF64,SQ8", "PCA16,HNSW16"])
def test_many_hits_are_found_as_well_as_ten(tmp_path, factory, where):
    """Also where documents beside the index would fill the places of those that it did not find."""
    rows = 4000
    vectors, topics = clustered_vectors(rows, topics=20), clustered_vectors(20, seed=1, topics=20)
    collection = create(tmp_path / "c", settings=IndexSettings(factory, recall=0.9))
    for numbers in (range(3800), range(3800, rows)):
        collection.add(
            list(map(str, numbers)),
            ["t"] * len(numbers),
            lang="fi",
            vectors={"shared": vectors[numbers.start : numbers.stop]},
            metadata=pa.table({"n": list(numbers)}),
        )
    assert collection.info().exact == 200
    alive = np.array([n for n in range(rows) if where is None or n % 5])
    for k in (100, 1000):
        true = alive[nearest(topics, vectors[alive], k)]
        found = collection.search_vectors(topics, k=k, where=where)
        shares = [
            len(set(best) & {int(hit.id) for hit in hits}) / k for best, hits in zip(true, found, strict=True)
        ]
        assert np.mean(shares) >= 0.9


@pytest.mark.parametrize("factory", ["RaBitQ", "IVF4,PQ8x4fs"])
def test_the_first_hits_are_the_same_however_few_are_asked_for(tmp_path, factory):
    """Of codes so short that many candidates must be looked at."""
    collection = create(tmp_path / "c", settings=IndexSettings(factory))
    add(collection, 0, ROWS)
    ten = collection.search_vectors(QUERIES)
    for k in (1, 3):
        assert collection.search_vectors(QUERIES, k=k) == [hits[:k] for hits in ten]


@pytest.fixture
def scanned(monkeypatch):
    """How many queries of each call were answered by looking at every document."""
    counts: list[int] = []
    scan = ranking.rank_exactly

    def counted(snapshot, space, queries, k, among=None):
        counts.append(len(queries))
        return scan(snapshot, space, queries, k, among)

    monkeypatch.setattr(ranking, "rank_exactly", counted)
    return counts


def test_one_deleted_document_does_not_take_an_index_out_of_use_that_faiss_cannot_filter(tmp_path, scanned):
    """Such as any on a GPU, and one of 4-bit codes without lists."""
    collection = create(tmp_path / "c", settings=IndexSettings("PQ8x4fs"))
    add(collection, 0, 1300)
    best = [int(hit.id) for hits in collection.search_vectors(QUERIES, k=1) for hit in hits]
    collection.delete(ids=[str(row) for row in set(best)])
    assert recall(collection, np.setdiff1d(np.arange(1300), best)) >= 0.9
    assert scanned == []


def test_queries_that_such_an_index_cannot_answer_are_answered_together_from_every_document(
    tmp_path, scanned, monkeypatch
):
    """Not from the documents beside the index alone, although these would fill the hits."""
    monkeypatch.setattr("xsearch.index.approximate.MOST_ON_GPU", 1)
    collection = create(tmp_path / "c", settings=IndexSettings("PQ8x4fs"))
    add(collection, 0, 1300)
    add(collection, 1300, ROWS)
    assert recall(collection, np.arange(2, ROWS, 26), where="n % 26 = 2") == 1
    assert scanned == [len(QUERIES)]


@pytest.mark.parametrize("deleted", [0, 300])
def test_a_batch_of_queries_gets_what_each_gets_alone(tmp_path, monkeypatch, deleted):
    monkeypatch.setattr("xsearch.collection.ranking._AT_ONCE", 64)
    collection = create(tmp_path / "c")
    for first, last in ((0, 700), (700, 1000), (1000, 1100), (1100, 1180)):
        add(collection, first, last)
    collection.delete(where=f"n < {deleted}")
    assert (collection.info().exact, len(collection.info().parts)) == (180, 2)
    alone = [collection.search_vectors(query[None])[0] for query in QUERIES]
    assert collection.search_vectors(QUERIES) == alone


def test_each_space_has_an_index_of_its_own_vectors(tmp_path):
    collection = create(tmp_path / "c", spaces=("shared", "native"))
    numbers = [str(number) for number in range(500)]
    mirrored = np.ascontiguousarray(VECTORS[:500, ::-1])
    vectors = {"shared": VECTORS[:500], "native": mirrored}
    collection.add(numbers, numbers, lang="fi", vectors=vectors)
    assert [(part.space, part.rows) for part in collection.info().parts] == [("shared", 500), ("native", 500)]
    for space, stored in vectors.items():
        found = collection.search_vectors(stored[:100], space=space)
        assert [hits[0].id for hits in found] == numbers[:100]


def test_merging_segments_keeps_the_parts(tmp_path):
    collection = create(tmp_path / "c")
    add(collection, 0, 1000)
    for first in range(1000, 1160, 10):
        add(collection, first, first + 10)
    info = collection.info()
    assert info.segments < 12
    assert [part.rows for part in info.parts] == [1000]
    assert recall(collection, np.arange(1160)) >= 0.93
    assert collection.verify().ok


def test_everything_in_a_part_may_die(tmp_path):
    collection = create(tmp_path / "c")
    add(collection, 0, 1000)
    add(collection, 1000, 1100)
    collection.delete(where="n < 1000")
    assert recall(collection, np.arange(1000, 1100)) == 1
    assert "deleted; compact" in collection.info().advice[0]
    collection.compact()
    assert collection.info().index == "exact"
    assert collection.info().advice == ()


def test_the_dead_that_only_an_index_still_holds_are_advised_about(tmp_path):
    collection = create(tmp_path / "c")
    add(collection, 0, 1000)
    collection.delete(where="n < 300")
    # many small segments are merged, which forgets the dead there
    with collection.writer() as writer:
        merged = merge(writer.snapshot, writer.snapshot.segments, writer.new_name())
        _commit_segments(writer, (merged,))
    collection.refresh()
    assert collection.info().deleted == 0
    assert collection.info().advice == (
        "an index still holds many deleted documents, which every query steps over; compact to build it anew",
    )
    assert recall(collection, np.arange(300, 1000)) >= 0.93
    collection.compact()
    assert collection.info().advice == ()


def test_uneven_lists_are_advised_about(tmp_path, monkeypatch):
    collection = create(tmp_path / "c", settings=IndexSettings("IVF16,SQ8"))
    add(collection, 0, ROWS)
    assert 1.05 < collection.info().parts[0].index.imbalance < 3
    assert collection.info().advice == ()
    monkeypatch.setattr("xsearch.collection.describe._UNEVEN", 1.05)
    assert "uneven" in collection.info().advice[0]


def test_a_recall_that_was_not_reached_is_advised_about(tmp_path, monkeypatch):
    monkeypatch.setattr("xsearch.index.tuning.DEEPEST", 2)
    collection = create(tmp_path / "c", settings=IndexSettings("PQ1x4", recall=0.99))
    add(collection, 0, ROWS)
    assert any("recall@10" in line for line in collection.info().advice)
    assert recall(collection, np.arange(ROWS)) < 0.99


def test_opening_maps_the_index_and_reads_no_vector(tmp_path):
    collection = create(tmp_path / "c")
    add(collection, 0, ROWS)
    opened = Collection.open(collection.path)
    segment = opened._view.snapshot.segments[0]
    assert not segment.vectors["shared"].flags.owndata
    assert not segment.keys.flags.owndata


@pytest.mark.parametrize(
    ("rows", "count"),
    [
        ([], 0),
        ([5] * 7, 0),
        ([5] * 8, 8),
        ([5000] + [5] * 7, 0),
        ([5000] + [5] * 8, 8),
        ([5000] * 8, 8),
        ([5000] * 8 + [5] * 3, 11),
        ([5000] * 7 + [40] * 7 + [5] * 8, 8),
    ],
)
def test_segments_are_merged_by_eights(rows, count):
    assert segments_to_merge(rows) == count


def test_recall_is_measured_again_and_a_drop_is_noticed(tmp_path):
    collection = create(tmp_path / "c", settings=IndexSettings("IVF16,SQ8"))
    ids = [str(number) for number in range(800)]
    collection.add(ids, ["t"] * 800, lang="fi", vectors={"shared": random_vectors(800)})
    recall = collection.measure_recall()
    assert recall.probes == 100
    assert recall.built == collection.info().parts[0].index.recall_at_10
    assert recall.now == pytest.approx(recall.built, abs=0.05)
    assert not recall.has_dropped
    assert recall.advice is None
    collection._view.snapshot.parts[0]._indexes["shared"]._index.nprobe = 1
    assert collection.measure_recall().has_dropped
    assert "compact to build it anew" in collection.measure_recall().advice
    with pytest.raises(QueryError, match="native space is not indexed"):
        collection.measure_recall("native")


def test_copies_of_a_text_do_not_count_as_missed(tmp_path):
    collection = create(tmp_path / "c", settings=IndexSettings("HNSW32,SQ8"))
    ids = [str(number) for number in range(600)]
    vectors = np.repeat(random_vectors(20), 30, axis=0)
    collection.add(ids, ["t"] * 600, lang="fi", vectors={"shared": vectors})
    assert collection.measure_recall().now == 1


def test_recall_of_a_collection_without_an_index_is_perfect(tmp_path):
    collection = create(tmp_path / "c")
    assert collection.measure_recall().now == 1
    add(collection, 0, 1)
    assert collection.measure_recall().now == 1
    add(collection, 1, 50)
    assert collection.measure_recall().now == 1
    assert collection.measure_recall().built == 1
