import pytest

from tests.stored import FakeEncoder, create, put, random_vectors
from xsearch.collection import Collection, IndexSettings, ModuleRecord
from xsearch.collection.maintenance import _commit_segments
from xsearch.collection.merging import merge
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


@pytest.mark.parametrize("k", [0, -3, 10**12])
def test_an_impossible_k_is_refused_for_words_too(animals, k):
    """The library of words ends the process when it has no memory for so many."""
    with pytest.raises(QueryError, match=f"k is {k}"):
        ids(animals, "koira", k=k)
    with pytest.raises(QueryError, match=f"k is {k}"):
        search([animals], ["koira"], lang="fi", k=k, hybrid=True, encoder_for=FakeEncoder)


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


def rivers(collection, first, last, *, word="joki", upsert=False):
    """Documents d{first} to d{last - 1} about the word, each with other words too."""
    bodies = [f"{word} numero{number} virtaa" for number in range(first, last)]
    store = collection.upsert if upsert else collection.add
    store(
        [f"d{n}" for n in range(first, last)],
        bodies,
        lang="fi",
        vectors={"shared": random_vectors(last - first)},
    )


@pytest.fixture
def many(tmp_path):
    """A collection with 1,100 documents, all in the index of words."""
    collection = create(tmp_path / "many", settings=IndexSettings(keywords=True))
    put(collection, 0, 1100)
    assert collection.manifest.keywords.rows == 1100
    return collection


def test_a_word_that_only_new_documents_have_is_telling(many):
    rivers(many, 2000, 2030)
    assert many.manifest.keywords.rows == 1100
    new = {f"d{number}" for number in range(2000, 2030)}
    assert set(ids(many, "joki", k=50)) == new
    many.compact()
    assert set(ids(many, "joki", k=50)) == new


def test_a_word_that_many_have_in_all_the_indexes_together_is_not(many, monkeypatch):
    rivers(many, 2000, 2070)
    many.compact()
    rivers(many, 3000, 3070)
    assert len(ids(many, "joki", k=200)) == 0
    monkeypatch.setattr("xsearch.collection.keywords._COMMON", 0.2)
    assert len(ids(many, "joki", k=200)) == 140


def test_a_word_weighs_the_same_in_whichever_index_its_document_is(many):
    rivers(many, 2000, 2060)
    many.compact()
    rivers(many, 3000, 3030)
    vector = random_vectors(1)[0]

    def scores():
        found = many.answer_words("joki", vector, lang="fi", space="shared", k=100)
        return {hit.id: score for score, hit in found}

    apart = scores()
    assert apart["d3000"] == pytest.approx(apart["d2000"], rel=0.2)  # the lengths are of each index
    many.compact()
    assert scores() == pytest.approx(apart, rel=0.2)


def test_documents_are_found_whatever_number_of_dead_had_the_same_words(many):
    rivers(many, 2000, 2100)
    many.compact()
    rivers(many, 2000, 2080, word="puro", upsert=True)
    assert many.manifest.keywords.rows == 1200
    still = {f"d{number}" for number in range(2080, 2100)}
    assert set(ids(many, "joki", k=1)) < still
    assert set(ids(many, "joki", k=50)) == still
    assert len(ids(many, "puro", k=50)) == 50


def test_replaced_documents_are_found_after_the_dead_were_forgotten(many):
    rivers(many, 2000, 2100)
    many.compact()
    # a merge of all the segments, as that of many small ones
    rivers(many, 2000, 2100, upsert=True)
    with many.writer() as writer:
        merged = merge(writer.snapshot, writer.snapshot.segments, writer.new_name())
        _commit_segments(writer, (merged,))
    many.refresh()
    assert many.manifest.tombstones is None
    assert many.manifest.keywords.rows == 1200
    assert set(ids(many, "joki", k=100)) == {f"d{number}" for number in range(2000, 2100)}


def test_a_filter_finds_what_many_better_documents_stand_before(many):
    rivers(many, 2000, 2100)
    many.compact()
    assert ids(many, "joki", k=1, where="id = 'd2099'") == ["d2099"]


def test_the_index_of_words_is_made_anew_once_many_in_it_are_dead(many):
    many.delete(ids=[f"d{number}" for number in range(1050)])
    put(many, 2000, 2001)
    assert many.manifest.keywords.rows == 51
    many.delete(where="true")
    put(many, 0, 0, upsert=True)
    assert len(many) == 0


@pytest.mark.parametrize("query", ["koira \udcff", "\ud800koira", "\ud83d koira \ude00"])
def test_half_of_a_surrogate_pair_in_a_query_is_read_as_the_encoder_reads_it(animals, query):
    assert set(ids(animals, query)) == {"d0", "d2", "d4"}
