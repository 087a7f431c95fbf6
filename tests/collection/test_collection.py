import datetime
import decimal
import math
import os

import numpy as np
import pyarrow as pa
import pytest

from tests.stored import DIMENSION, FakeEncoder, contents, create, put, random_vectors, texts
from xsearch.collection import Collection, Hit
from xsearch.errors import CollectionError, QueryError


def test_the_document_with_the_query_s_own_text_is_first_with_cosine_one(news):
    hits = news.search(texts(7, 8)[0], lang="fi", k=3)
    assert [hit.rank for hit in hits] == [1, 2, 3]
    assert hits[0].id == "d7"
    assert hits[0].score == pytest.approx(1, abs=1e-6)
    assert hits[0] == Hit(
        1, hits[0].score, "d7", texts(7, 8)[0], "fi", "news", {"year": 2007, "topic": "sport"}
    )


def test_scores_are_the_cosines_of_query_and_document(news):
    query = random_vectors(1, seed=5)
    vectors = FakeEncoder("fi").encode(texts(0, 100))
    expected = np.sort(vectors @ query[0])[::-1][:10]
    assert [hit.score for hit in news.search_vectors(query)[0]] == pytest.approx(expected, abs=1e-3)


def test_a_batch_of_queries_gives_what_each_gives_alone(news):
    queries = random_vectors(7, seed=3)
    together = news.search_vectors(queries, k=5)
    assert together == [news.search_vectors(query[None], k=5)[0] for query in queries]


def test_k_beyond_the_documents_gives_all_of_them(news):
    assert len(news.search("x", lang="fi", k=10_000)) == 100


@pytest.mark.parametrize("k", [0, -1, 10_001, 2.5, "3", None])
def test_an_impossible_k_is_refused(news, k):
    with pytest.raises(QueryError, match=f"k is {k!r}"):
        news.search("x", lang="fi", k=k)


def test_k_may_be_an_integer_of_numpy(news):
    assert news.search("x", lang="fi", k=np.int64(3)) == news.search("x", lang="fi", k=3)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("queries", [["text"], [[1.0], [1.0, 2.0]], np.full((1, DIMENSION), 1e300)])
def test_queries_that_are_no_vectors_are_refused(news, queries):
    with pytest.raises(QueryError, match="no numbers|infinite"):
        news.search_vectors(queries)


def test_an_empty_collection_answers_with_nothing(empty):
    assert empty.search("x", lang="fi") == []
    assert empty.search("x", lang="fi", where="lang = 'fi'") == []
    assert empty.verify().ok
    assert len(empty) == 0


def test_equal_documents_stand_in_the_order_of_their_arrival(empty):
    vector = random_vectors(1)
    ids = [f"twin{number:03}" for number in range(60)]
    for part in (ids[:20], ids[20:]):
        empty.add(
            part, ["same"] * len(part), lang="fi", vectors={"shared": np.repeat(vector, len(part), axis=0)}
        )
    hits = empty.search_vectors(vector, k=25)[0]
    assert [hit.id for hit in hits] == ids[:25]
    empty.compact()
    assert [hit.id for hit in empty.search_vectors(vector, k=25)[0]] == ids[:25]


def test_metadata_keeps_its_types(empty):
    when = datetime.datetime(2020, 5, 17, 12, 30, 1, 250)
    row = {
        "date": datetime.date(2020, 5, 17),
        "when": when,
        "utc": when.replace(tzinfo=datetime.UTC),
        "time": datetime.time(12, 30),
        "price": decimal.Decimal("12.50"),
        "raw": b"\x00\xff",
        "tags": ["a", None, "ö"],
        "place": {"lat": 60.2, "names": ["Helsinki", "Helsingfors"]},
        "flag": True,
        "small": 7,
        "ratio": 0.1,
        "nothing": None,
        "dollar": {"$": "date"},
        "text": "a title that is called text",
        "id": 12,
    }
    metadata = pa.Table.from_pylist([row]).set_column(9, "small", pa.array([7], pa.int8()))
    empty.add(["d"], ["t"], lang="fi", vectors={"shared": random_vectors(1)}, metadata=metadata)
    found = Collection.open(empty.path, encoder_for=FakeEncoder).search("x", lang="fi")[0]
    assert found.metadata == row
    assert {name: type(value) for name, value in found.metadata.items()} == {
        name: type(value) for name, value in row.items()
    }
    assert (found.id, found.text) == ("d", "t")
    exported = next(empty.documents()).to_pylist()[0]
    assert (exported["id"], exported["text"], exported["metadata_id"]) == ("d", "t", 12)


def test_not_a_number_and_infinity_survive_in_metadata(empty):
    metadata = pa.table({"x": [math.nan, math.inf]})
    empty.add(["a", "b"], ["t", "u"], lang="fi", vectors={"shared": random_vectors(2)}, metadata=metadata)
    values = {hit.id: hit.metadata["x"] for hit in empty.search("x", lang="fi")}
    assert math.isnan(values["a"])
    assert values["b"] == math.inf


@pytest.mark.parametrize("text", ["", "\n\r\u2028\x00", "😀" * 50, "a" * 200_000, "mies\u0301 ħ"])
def test_any_text_comes_back_as_it_was(empty, text):
    empty.add(["before", "d", "after"], ["x", text, "y"], lang="fi", vectors={"shared": random_vectors(3)})
    assert contents(empty) == {"before": "x", "d": text, "after": "y"}
    assert {hit.id: hit.text for hit in empty.search("x", lang="fi")} == contents(empty)


def test_columns_may_come_and_go_between_additions(empty):
    vectors = {"shared": random_vectors(1)}
    empty.add(["a"], ["t"], lang="fi", vectors=vectors, metadata=pa.table({"year": [2001]}))
    empty.add(["b"], ["t"], lang="fi", vectors=vectors, metadata=pa.table({"author": ["Canth"]}))
    expected = {"a": {"year": 2001, "author": None}, "b": {"year": None, "author": "Canth"}}
    assert {hit.id: hit.metadata for hit in empty.search("x", lang="fi")} == expected
    assert [hit.id for hit in empty.search("x", lang="fi", where="author = 'Canth' OR year = 1")] == ["b"]
    empty.compact()
    assert {hit.id: hit.metadata for hit in empty.search("x", lang="fi")} == expected


def test_values_are_cast_to_the_type_that_the_column_has(empty):
    vectors = {"shared": random_vectors(1)}
    empty.add(
        ["a"], ["t"], lang="fi", vectors=vectors, metadata=pa.table({"year": pa.array([1], pa.int64())})
    )
    empty.add(
        ["b"], ["t"], lang="fi", vectors=vectors, metadata=pa.table({"year": pa.array([2], pa.int16())})
    )
    assert empty.info().columns == {"year": "int64"}
    with pytest.raises(CollectionError, match="'year' is string here"):
        empty.add(["c"], ["t"], lang="fi", vectors=vectors, metadata=pa.table({"year": ["soon"]}))
    assert len(empty) == 2


def test_a_column_has_one_type_within_a_commit_too(empty):
    with empty.writer() as writer:
        for id_, year in (("a", 1), ("b", "2")):
            metadata = pa.table({"year": [year]})
            writer.add([id_], ["t"], lang="fi", vectors={"shared": random_vectors(1)}, metadata=metadata)
        metadata = pa.table({"year": ["x"]})
        with pytest.raises(CollectionError, match="'year' is string here"):
            writer.add(["c"], ["t"], lang="fi", vectors={"shared": random_vectors(1)}, metadata=metadata)
        writer.commit()
    empty.refresh()
    assert [hit.id for hit in empty.search("x", lang="fi", where="year = 2")] == ["b"]
    empty.compact()
    assert len(empty) == 2


def test_names_that_sql_cannot_tell_apart_are_refused(empty):
    metadata = pa.table({"Year": [1], "year": [2]})
    with pytest.raises(CollectionError, match="ignores case"):
        empty.add(["a"], ["t"], lang="fi", vectors={"shared": random_vectors(1)}, metadata=metadata)


@pytest.mark.parametrize("name", ["_id", "_Key", "_TEXT", ""])
def test_names_that_a_filter_would_take_for_ours_are_refused(empty, name):
    with pytest.raises(CollectionError, match=f"may not be called '{name}'"):
        empty.add(
            ["a"], ["t"], lang="fi", vectors={"shared": random_vectors(1)}, metadata=pa.table({name: [1]})
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ids": ["d1"]}, "2 texts"),
        ({"texts": ["one"]}, "1 texts"),
        ({"ids": "ab"}, "list of strings"),
        ({"texts": ["one", None]}, "number 1 is NoneType"),
        ({"lang": "sv"}, "was made for fi"),
        ({"vectors": {}}, "shared space are missing"),
        ({"vectors": {"shared": random_vectors(3)}}, r"expected \[2, 32\]"),
        ({"vectors": {"shared": np.full((2, DIMENSION), np.nan)}}, "infinite or NaN"),
        ({"vectors": {"shared": [["a"] * DIMENSION] * 2}}, "no numbers"),
        ({"metadata": pa.table({"year": [1]})}, "1 rows of metadata"),
        ({"ids": ["a", "\ud800"]}, "lone surrogate"),
        ({"texts": ["a", "\ud800"]}, "lone surrogate"),
        ({"ids": ["a", "a"]}, "taken already"),
    ],
)
def test_documents_that_do_not_fit_are_refused_and_nothing_changes(news, change, message):
    before = contents(news)
    given = {
        "ids": ["x", "y"],
        "texts": ["one", "two"],
        "lang": "fi",
        "vectors": {"shared": random_vectors(2)},
    } | change
    with pytest.raises(CollectionError, match=message):
        news.add(given.pop("ids"), given.pop("texts"), **given)
    assert contents(Collection.open(news.path)) == before
    assert news.verify().orphans == ()


def test_an_id_that_is_taken_is_refused_by_add(news):
    with pytest.raises(CollectionError, match=r"'d3'.*upsert"):
        put(news, 3, 4)


def test_upsert_replaces_by_id_and_adds_the_rest(news):
    assert put(news, 95, 105, word="uusi", upsert=True) == 5
    assert len(news) == 105
    assert contents(news) == {
        f"d{number}": texts(number, number + 1, "uusi" if number >= 95 else "teksti")[0]
        for number in range(105)
    }
    assert news.search(texts(97, 98, "uusi")[0], lang="fi", k=1)[0].id == "d97"
    assert news.search(texts(97, 98)[0], lang="fi", k=1)[0].score < 0.99


def test_of_twins_in_one_upsert_the_last_stays(empty):
    replaced = empty.upsert(
        ["a", "b", "a"], ["1", "2", "3"], lang="fi", vectors={"shared": random_vectors(3)}
    )
    assert replaced == 1
    assert contents(empty) == {"a": "3", "b": "2"}


def test_what_a_session_refused_leaves_no_trace_in_what_it_commits(news):
    one = {"shared": random_vectors(1)}
    with news.writer() as writer:
        with pytest.raises(CollectionError, match="taken already"):
            writer.add(["new", "d1"], ["a", "b"], lang="fi", vectors={"shared": random_vectors(2)})
        with pytest.raises(CollectionError, match="not valid Unicode"):
            writer.upsert(["d1"], ["\ud800"], lang="fi", vectors=one)
        writer.commit()
        writer.upsert(["x"], ["t"], lang="fi", vectors=one)
        assert writer.upsert(["new"], ["t"], lang="fi", vectors=one) == 0
        writer.commit()
    news.refresh()
    assert contents(news).keys() == {"x", "new", *(f"d{number}" for number in range(100))}
    assert news.verify().ok


def test_delete_by_id_counts_only_what_was_there(news):
    assert news.delete(ids=["d1", "d2", "nobody", "d1"]) == 2
    assert news.delete(ids=["d1"]) == 0
    assert len(news) == 98
    assert not {"d1", "d2"} & {hit.id for hit in news.search("x", lang="fi", k=100)}


def test_delete_by_condition(news):
    assert news.delete(where="topic = 'law' AND year >= 2010") == sum(
        number % 2 == 0 and number % 25 >= 10 for number in range(100)
    )
    assert news.search("x", lang="fi", where="topic = 'law' AND year >= 2010") == []


@pytest.mark.parametrize("choice", [{}, {"ids": ["d1"], "where": "true"}])
def test_delete_takes_ids_or_a_condition(news, choice):
    with pytest.raises(CollectionError, match="either ids or a where"):
        news.delete(**choice)


def test_a_deleted_document_can_come_back(news):
    news.delete(ids=["d5"])
    put(news, 5, 6, word="taas")
    assert contents(news)["d5"].startswith("taas")


def test_deleting_everything_and_compacting_leaves_an_empty_collection(news):
    assert news.delete(where="true") == 100
    news.compact()
    assert news.search("x", lang="fi") == []
    assert news.verify().ok
    assert news.info().segments == 0
    put(news, 0, 3)
    assert len(news) == 3


def test_compacting_changes_no_answer_and_frees_room(news):
    news.delete(ids=[f"d{number}" for number in range(0, 100, 2)])
    query = random_vectors(1, seed=2)
    before, size = news.search_vectors(query, k=20), news.info().bytes
    news.compact()
    assert news.search_vectors(query, k=20) == before
    assert news.info().bytes < size
    assert news.info().deleted == 0
    assert news.verify().ok


def test_info_counts_no_deleted_document_among_those_searched_exactly(news):
    news.delete(where="year < 2020")
    info = news.info()
    assert (info.documents, info.exact, info.deleted) == (20, 20, 80)


def test_documents_have_one_schema_although_columns_came_later_and_lose_none(empty):
    vectors = {"shared": random_vectors(1)}
    empty.add(["a"], ["t"], lang="fi", vectors=vectors)
    metadata = pa.table({"id": ["own"], "metadata_id": ["other"], "tags": [["x"]], "vector_shared": [1]})
    empty.add(["b"], ["t"], lang="fi", vectors=vectors, metadata=metadata)
    table = pa.Table.from_batches(empty.documents(vectors=("shared",)))
    rows = table.drop_columns(["vector_shared"]).to_pylist()
    extra = {
        "metadata_id": "own",
        "metadata_metadata_id": "other",
        "tags": ["x"],
        "metadata_vector_shared": 1,
    }
    assert rows == [
        {"id": "a", "lang": "fi", "text": "t"} | dict.fromkeys(extra),
        {"id": "b", "lang": "fi", "text": "t"} | extra,
    ]


def test_documents_streams_vectors_too(news):
    news.delete(ids=["d0"])
    batches = list(news.documents(vectors=["shared"], batch_rows=30))
    assert max(batch.num_rows for batch in batches) <= 30
    table = pa.Table.from_batches(batches)
    assert table.column("id").to_pylist() == [f"d{number}" for number in range(1, 100)]
    vectors = np.array(table.column("vector_shared").to_pylist(), np.float32)
    np.testing.assert_allclose(vectors, FakeEncoder("fi").encode(texts(1, 100)), atol=1e-3)
    with pytest.raises(QueryError, match="native space is not indexed"):
        next(news.documents(vectors=["native"]))


def test_many_small_additions_are_merged_on_the_way(empty):
    for number in range(40):
        put(empty, number, number + 1)
    empty.delete(ids=["d3"])
    assert empty.info().segments < 16
    assert contents(empty) == {f"d{n}": texts(n, n + 1)[0] for n in range(40) if n != 3}
    assert empty.verify().ok


def test_a_collection_that_exists_is_not_made_again(news):
    with pytest.raises(CollectionError, match="exists already"):
        create(news.path)


def test_a_place_that_cannot_be_written_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CollectionError, match="cannot be created"):
        create(tmp_path / "file" / "news")


def test_an_unknown_index_type_is_refused_at_creation(tmp_path):
    from xsearch.collection import IndexSettings

    with pytest.raises(QueryError, match=r"'Nonsense7' is not a FAISS index factory string"):
        create(tmp_path / "news", settings=IndexSettings("Nonsense7"))
    assert not (tmp_path / "news").exists()


@pytest.mark.parametrize("mixed", [False, True])
def test_languages_are_counted_without_the_deleted(tmp_path, mixed):
    both = create(tmp_path / "both", languages=("fi", "sv"))
    langs = [("fi", "sv")[i % 2] if mixed else ("fi", "sv")[i >= 5] for i in range(10)]
    for rows in [range(10)] if mixed else [range(5), range(5, 10)]:
        ids, bodies = [f"d{i}" for i in rows], [f"teksti {i}" for i in rows]
        vectors = {"shared": random_vectors(len(rows), rows[0])}
        both.add(ids, bodies, lang=[langs[i] for i in rows], vectors=vectors)
    assert both.info().languages == {"fi": 5, "sv": 5}
    both.delete(ids=[f"d{i}" for i in range(10) if langs[i] == "sv"][:3])
    assert both.info().languages == {"fi": 5, "sv": 2}


def test_what_an_interrupted_making_or_dropping_has_left_is_removed_later(news):
    left, fresh, foreign = (news.path.with_name(f".news.{name}") for name in ("a" * 32, "b" * 32, "c" * 31))
    for folder in (left, fresh, foreign):
        folder.mkdir()
        (folder / "rows.npy").touch()
        if folder is not fresh:
            os.utime(folder, (0, 0))
    assert news.name == "news"
    news.drop()
    assert [folder.exists() for folder in (left, fresh, foreign)] == [False, True, True]


def test_drop_removes_everything(news):
    news.drop()
    assert list(news.path.parent.iterdir()) == []
    with pytest.raises(CollectionError, match="no collection at"):
        Collection.open(news.path)


def test_a_module_that_has_changed_is_noticed_by_search(news):
    changed = Collection.open(news.path, encoder_for=lambda lang: FakeEncoder(lang, version="2"))
    with pytest.raises(CollectionError, match="fi module has changed"):
        changed.search("x", lang="fi")


@pytest.mark.parametrize(
    "queries",
    [np.zeros((1, DIMENSION)), np.full((1, DIMENSION), np.nan), np.ones((1, 5)), np.ones(DIMENSION)],
)
def test_queries_that_are_no_vectors_of_the_space_are_refused(news, queries):
    with pytest.raises(QueryError):
        news.search_vectors(queries)


def test_vectors_of_any_length_are_stored_as_directions(empty):
    vectors = random_vectors(2)
    empty.add(["a", "b"], ["t", "u"], lang="fi", vectors={"shared": vectors * [[5.0], [0.0]]})
    scores = {hit.id: hit.score for hit in empty.search_vectors(vectors[:1] * 3)[0]}
    assert scores == {"a": pytest.approx(1, abs=1e-6), "b": 0}


def test_lists_go_on_fitting_after_the_collection_was_compacted(empty):
    """Parquet calls the values of a list `element`, Arrow calls them `item`."""
    for number in range(3):
        metadata = pa.table({"tags": [["a", "b"]], "deep": [{"inner": [number]}]})
        vectors = {"shared": random_vectors(1, seed=number)}
        empty.add([f"d{number}"], ["t"], lang="fi", vectors=vectors, metadata=metadata)
        empty.compact()
    assert empty.search("t", lang="fi", k=1)[0].metadata["tags"] == ["a", "b"]
    assert {column.type for column in empty.manifest.columns} == {
        "list<item: string>",
        "struct<inner: list<item: int64>>",
    }
