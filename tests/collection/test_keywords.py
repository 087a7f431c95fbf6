import pytest

from tests.stored import FakeEncoder, create, put, random_vectors
from xsearch.collection import Collection, IndexSettings, ModuleRecord
from xsearch.errors import MissingExtraError, QueryError
from xsearch.search import search

pytest.importorskip("tantivy")

TEXTS = ["Koira juoksi metsässä", "Kissat nukkuvat sohvalla", "Metsän koirat", "Talo", "Kissa ja koira"]


@pytest.fixture(params=[False, True], ids=["in memory", "on disk"])
def animals(tmp_path, request, monkeypatch):
    """Five Finnish texts and one Swedish, with an index of words on disk or without one."""
    monkeypatch.setattr("xsearch.collection.maintenance._FEW_WORDS", 0)
    collection = create(
        tmp_path / "c", languages=("fi", "sv"), settings=IndexSettings(keywords=request.param)
    )
    collection.add(
        [f"d{n}" for n in range(6)],
        [*TEXTS, "En koira på svenska"],
        lang=["fi"] * 5 + ["sv"],
        vectors={"shared": random_vectors(6)},
    )
    assert (collection.manifest.keywords is not None) == request.param
    return collection


def ids(collection, query, lang="fi", k=10, where=None):
    vector = random_vectors(1, seed=9)[0]
    return [
        hit.id
        for _, hit in collection.answer_words(query, vector, lang=lang, space="shared", k=k, where=where)
    ]


def test_words_match_in_any_inflection_the_stemmer_knows_and_rare_words_weigh_more(animals):
    assert set(ids(animals, "koira")) == {"d0", "d2", "d4"}
    assert ids(animals, "koirat metsässä")[0] == "d2"
    assert ids(animals, "talossa") == ["d3"]


def test_a_document_has_half_of_the_words_or_is_not_found(animals):
    assert ids(animals, "koira sohvalla pöytä") == []
    assert ids(animals, "kissat sohvalla pöytä tuoli") == ["d1"]


def test_words_that_many_documents_have_do_not_count(animals, monkeypatch):
    monkeypatch.setattr("xsearch.collection.keywords._FEW", 2)
    assert ids(animals, "koira") == []
    assert ids(animals, "koira sohvalla") == ["d1"]


def test_words_match_within_a_language_only(animals):
    assert ids(animals, "koira", lang="sv") == ["d5"]
    assert ids(animals, "koira", lang="en") == []


@pytest.mark.parametrize(
    "query", ["", "   ", "?!", "koira AND (", 'fi:"koira', "*", "\\", "key:1", "a" * 100_000, "\x00"]
)
def test_a_query_is_words_and_never_syntax(animals, query):
    assert set(ids(animals, query)) <= {"d0", "d2", "d4"}


def test_the_dead_and_the_filtered_do_not_come_back(animals):
    animals.delete(ids=["d0"])
    assert set(ids(animals, "koira")) == {"d2", "d4"}
    assert ids(animals, "koira", where="id = 'd4'") == ["d4"]


def test_later_documents_are_found_too(animals):
    animals.add(["new"], ["Uusi koira"], lang="fi", vectors={"shared": random_vectors(1)})
    assert set(ids(animals, "koira")) == {"d0", "d2", "d4", "new"}
    animals.compact()
    assert set(ids(animals, "koira")) == {"d0", "d2", "d4", "new"}
    assert animals.verify().ok


def test_every_file_of_the_index_of_words_is_verified(animals):
    for path in animals.path.glob("keywords/*/*"):
        if path.suffix == ".lock":
            continue
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        assert [damage.file for damage in animals.verify().damage] == [
            path.relative_to(animals.path).as_posix()
        ]
        path.write_bytes(content)


def test_an_index_of_words_opens_without_writing_to_the_collection(animals):
    before = {path for path in animals.path.rglob("*") if path.suffix != ".lock"}
    ids(Collection.open(animals.path), "koira")
    assert {path for path in animals.path.rglob("*") if path.suffix != ".lock"} == before


def test_too_many_documents_without_an_index_of_words_are_an_error(animals, monkeypatch):
    monkeypatch.setattr("xsearch.collection.keywords.IN_MEMORY", 3)
    if animals.manifest.keywords is None:
        with pytest.raises(QueryError, match="6 documents of 'c' have no word index"):
            ids(animals, "koira")
    else:
        assert len(ids(animals, "koira")) == 3


def test_without_tantivy_the_extra_is_named(animals, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tantivy", None)
    with pytest.raises(MissingExtraError, match=r"xsearch\[hybrid\]"):
        ids(animals, "koira")


def test_hybrid_search_brings_up_what_only_the_words_find(animals):
    put(animals, 100, 300)
    query = "talossa"
    dense = search([animals], [query], lang="fi", k=3, encoder_for=FakeEncoder)[0]
    hybrid = search([animals], [query], lang="fi", k=3, hybrid=True, encoder_for=FakeEncoder)[0]
    assert "d3" not in {hit.id for hit in dense.hits}
    assert "d3" in {hit.id for hit in hybrid.hits}
    assert [hit.rank for hit in hybrid.hits] == [1, 2, 3]
    found = next(hit for hit in hybrid.hits if hit.id == "d3")
    vector = FakeEncoder("fi").encode([query])[0]
    assert found.score == pytest.approx(float(vector @ random_vectors(6)[3]), abs=1e-3)


def test_a_language_that_came_later_leaves_the_words_of_the_others_findable(animals):
    with animals.writer() as writer:
        writer.admit(ModuleRecord("da", FakeEncoder("da").content_hash))
        writer.add(["new"], ["En hund"], lang="da", vectors={"shared": random_vectors(1)})
        writer.commit()
    animals.refresh()
    assert set(ids(animals, "koira")) == {"d0", "d2", "d4"}
    assert ids(animals, "hund", lang="da") == ["new"]
    assert ids(animals, "koira", lang="sv") == ["d5"]


def test_a_word_with_vowel_signs_is_one_word(tmp_path):
    collection = create(tmp_path / "c", languages=("hi",), settings=IndexSettings(keywords=True))
    # the second holds what a cut at the virama leaves of the first
    texts = ["हिन्दी की किताब", "हिन और दी", "चिट्ठी"]
    collection.add(["a", "b", "c"], texts, lang="hi", vectors={"shared": random_vectors(3)})
    assert ids(collection, "हिन्दी", lang="hi") == ["a"]
