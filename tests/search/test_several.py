from unittest.mock import Mock

import pytest

from tests.stored import FakeCorpus, FakeEncoder, create, put, random_vectors, texts
from xsearch.collection import Collection, Hit, ModuleRecord
from xsearch.collection.lookup import find_document
from xsearch.errors import CollectionError, QueryError
from xsearch.search import index_corpus, search
from xsearch.search.several import merge_hits
from xsearch.search.similar import more_like


@pytest.fixture
def store(tmp_path):
    """Finnish documents d0 to d49 in a, d25 to d74 in b: half of each is in the other too."""
    collections = [create(tmp_path / name) for name in ("b", "a")]
    put(collections[0], 25, 75)
    put(collections[1], 0, 50)
    return collections


def ask(collections, *queries, lang="fi", **options):
    return search(collections, queries or ["x"], lang=lang, encoder_for=FakeEncoder, **options)


def test_the_best_of_all_collections_come_first(store):
    query = texts(60, 61)[0]
    result = ask(store, query, k=5)[0]
    assert (result.hits[0].id, result.hits[0].collection) == ("d60", "b")
    assert [hit.rank for hit in result.hits] == [1, 2, 3, 4, 5]
    assert [hit.score for hit in result.hits] == sorted((hit.score for hit in result.hits), reverse=True)
    assert (result.query, result.lang, result.space) == (query, "fi", "shared")


def test_a_document_that_two_collections_hold_appears_once(store):
    hits = ask(store, k=100)[0].hits
    assert len(hits) == 75
    assert len({hit.id for hit in hits}) == 75
    assert {hit.collection for hit in hits if 25 <= int(hit.id[1:]) < 50} == {"a"}


def test_documents_like_one_are_others_whichever_collection_it_was_found_in(store):
    for collection in store:
        like = more_like(find_document(collection, "d30"), store, k=100)
        assert len(like.hits) == 74
        assert "d30" not in {hit.id for hit in like.hits}


def test_the_order_of_the_collections_does_not_matter(store):
    assert ask(store, k=100)[0].hits == ask(store[::-1], k=100)[0].hits


def test_the_same_id_with_another_text_is_another_document(store):
    put(store[0], 7, 8, word="toinen")
    assert sum(hit.id == "d7" for hit in ask(store, k=100)[0].hits) == 2


def test_a_batch_gives_a_result_for_each_query_in_order(store):
    results = ask(store, *texts(10, 14), k=1)
    assert [result.hits[0].id for result in results] == ["d10", "d11", "d12", "d13"]
    assert all(result.timings.total > 0 for result in results)
    assert search(store, [], lang="fi", encoder_for=FakeEncoder) == []


def test_a_condition_applies_to_every_collection(store):
    hits = ask(store, k=100, where="year = 2001")[0].hits
    assert sorted(hit.id for hit in hits) == ["d1", "d26", "d51"]


def test_no_collection_at_all_is_an_error():
    with pytest.raises(QueryError, match="no collection to search"):
        ask([])


def test_a_module_that_changed_is_noticed(store):
    with pytest.raises(CollectionError, match="module has changed"):
        search(store, ["x"], lang="fi", encoder_for=lambda lang: FakeEncoder(lang, version="2"))


def make(path, languages, spaces, lang="fi", one_space=False):
    collection = Collection.create(
        path,
        modules=[ModuleRecord(name, FakeEncoder(name).content_hash, one_space) for name in languages],
        dimension=32,
        spaces=spaces,
        encoder_for=lambda name: FakeEncoder(name, one_space=one_space),
    )
    put(collection, 0, 5, lang=lang)
    return collection


@pytest.mark.parametrize(
    ("kinds", "lang", "asked", "space"),
    [
        ([(["fi"], ["shared"])], "fi", "auto", "shared"),
        ([(["fi"], ["shared", "native"])], "fi", "auto", "native"),
        ([(["fi"], ["shared", "native"])], "en", "auto", "shared"),
        ([(["fi"], ["shared", "native"])], "fi", "shared", "shared"),
        ([(["fi"], ["native"])], "fi", "auto", "native"),
        ([(["fi", "en"], ["shared", "native"])], "fi", "auto", "shared"),
        ([(["fi", "en"], ["shared", "native"])], "fi", "native", "native"),
        ([(["fi"], ["shared", "native"]), (["fi"], ["shared", "native"])], "fi", "auto", "native"),
        ([(["fi"], ["shared", "native"]), (["fi"], ["shared"])], "fi", "auto", "shared"),
        ([(["fi"], ["shared", "native"]), (["fi", "en"], ["shared"])], "fi", "auto", "shared"),
    ],
)
def test_the_space_that_answers(tmp_path, kinds, lang, asked, space):
    collections = [make(tmp_path / str(number), *kind) for number, kind in enumerate(kinds)]
    result = ask(collections, texts(3, 4)[0], lang=lang, space=asked)[0]
    assert result.space == space
    assert result.hits[0].id == "d3" or lang != "fi"


@pytest.mark.parametrize(
    ("kind", "lang", "asked", "message"),
    [
        ((["fi"], ["shared"]), "fi", "native", "native space is not indexed here, only shared"),
        ((["fi"], ["native"]), "fi", "shared", "shared space is not indexed here, only native"),
        ((["fi"], ["native"]), "en", "auto", "cannot be answered in the native space of fi"),
        ((["fi"], ["shared", "native"]), "en", "native", "cannot be answered in the native space of fi"),
        ((["fi"], ["shared"]), "fi", "own", "'own' is not a space"),
    ],
)
def test_a_space_that_cannot_answer_is_an_error(tmp_path, kind, lang, asked, message):
    with pytest.raises(QueryError, match=message):
        ask([make(tmp_path / "c", *kind)], lang=lang, space=asked)


def test_a_language_with_one_space_answers_in_either(tmp_path):
    collection = make(tmp_path / "en", ["en"], ["shared"], lang="en", one_space=True)
    assert collection.search("x", lang="en", space="native") == collection.search(
        "x", lang="en", space="shared"
    )


def test_in_native_spaces_a_language_with_one_space_finds_its_own_documents_alone(tmp_path):
    modules = [
        ModuleRecord("en", FakeEncoder("en").content_hash, one_space=True),
        ModuleRecord("fi", FakeEncoder("fi").content_hash),
    ]
    collection = Collection.create(
        tmp_path / "c",
        modules=modules,
        dimension=32,
        spaces=["native"],
        encoder_for=lambda name: FakeEncoder(name, one_space=name == "en"),
    )
    put(collection, 0, 5, lang="fi")
    put(collection, 5, 8, lang="en")
    assert {hit.lang for hit in collection.search("x", lang="en", space="shared")} == {"en"}


def on_base(base):
    return lambda language: FakeEncoder(language, version=base, base=base)


def test_vectors_of_modules_on_different_bases_are_not_compared(tmp_path):
    index_corpus(FakeCorpus(20), tmp_path / "one", lang="fi", encoder_for=on_base("1"))
    index_corpus(FakeCorpus(20), tmp_path / "two", lang="sv", encoder_for=on_base("2"))
    one, two = (Collection.open(tmp_path / name, encoder_for=on_base("2")) for name in ("one", "two"))
    with pytest.raises(CollectionError, match="another base than the fi module"):
        one.search("x", lang="en")
    with pytest.raises(CollectionError, match="another base than the fi module"):
        search([one, two], ["x"], lang="en", encoder_for=on_base("2"))
    with pytest.raises(CollectionError, match="another base than the fi module"):
        more_like(find_document(two, "d3"), [one, two])
    with pytest.raises(CollectionError, match="another base than the fi module"):
        index_corpus(
            FakeCorpus(5, first=50), tmp_path / "one", lang="sv", mode="append", encoder_for=on_base("2")
        )
    assert len(one) == 20
    assert two.search("x", lang="en")


def test_a_collection_that_is_made_anew_in_the_middle_of_a_query_is_not_asked_what_was_meant_for_the_other(
    tmp_path, monkeypatch
):
    index_corpus(FakeCorpus(20), tmp_path / "c", lang="fi", encoder_for=on_base("1"))
    reader = Collection.open(tmp_path / "c", encoder_for=on_base("1"))
    Collection.open(tmp_path / "c").drop()
    index_corpus(FakeCorpus(20), tmp_path / "c", lang="fi", encoder_for=on_base("2"))
    monkeypatch.setattr(Collection, "_answer", Mock(side_effect=FileNotFoundError))
    with pytest.raises(CollectionError, match="made anew while it was asked"):
        reader.search("x", lang="fi")


def test_of_equal_scores_the_first_list_comes_first():
    def hit(id_, collection, score=0.5):
        return Hit(1, score, id_, "t", "fi", collection, {})

    merged = merge_hits([[hit("a", "one"), hit("b", "one", 0.4)], [hit("c", "two"), hit("a", "two")]], 10)
    assert [(found.rank, found.id, found.collection) for found in merged] == [
        (1, "a", "one"), (2, "c", "two"), (3, "b", "one")
    ]  # fmt: skip


def test_vectors_of_another_collection_s_dimension_are_refused(store):
    with pytest.raises(QueryError, match="expected"):
        store[0].search_vectors(random_vectors(1, dimension=16))
