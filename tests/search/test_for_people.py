"""What the page shows beside plain hits: best sentences, answering words, near-duplicates, similar documents, maps."""

import json
from datetime import date

import numpy as np
import pytest

from tests.modules import tiny_module
from xsearch import Collection, Corpus, Hit
from xsearch.collection.facets import all_of, between, containing, facets, one_of
from xsearch.collection.lookup import find_document
from xsearch.encoder import encoder
from xsearch.errors import QueryError
from xsearch.search import SearchResult, Timings, index_corpus, search
from xsearch.search.comparison import compare
from xsearch.search.folding import fold
from xsearch.search.highlight import best_sentences, sentences
from xsearch.search.projection import project
from xsearch.search.similar import more_like
from xsearch.search.words import answering_words

ROWS = [
    {"id": f"d{number}", "text": text, "year": 2000 + number, "when": f"20{number:02}-05-01", "quote": "it's \"x\"",
     "topic": "animals" if number % 2 else None, "share": number / 3, "open": number > 3, "empty": None}
    for number, text in enumerate(
        ["the cat was in the house", "the dog was in the house", "bread and milk", "the river and the lake",
         "snow on the forest in winter", "the blue lake in summer", "the old red house", "a new cat and a new dog"]
    )
]  # fmt: skip


def hit(text, id="a", lang="en", rank=1):
    return Hit(rank, 0.5, id, text, lang, "news", {})


def result(*ids):
    hits = tuple(hit("x", id, rank=rank) for rank, id in enumerate(ids, 1))
    return SearchResult("q", "en", "shared", hits, Timings(0, 0, 0))


@pytest.fixture(autouse=True)
def languages(tmp_path, monkeypatch):
    english = tiny_module(tmp_path / "modules", "en", adapter=False, lora=False)
    tiny_module(tmp_path / "modules", "fi", base=english)
    monkeypatch.setenv("XSEARCH_MODULES", str(tmp_path / "modules"))
    monkeypatch.setattr(encoder, "_encoders", {})


@pytest.fixture
def news(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist(ROWS)
    table = table.set_column(3, "when", table["when"].cast(pa.date32()))
    pq.write_table(table, tmp_path / "news.parquet")
    index_corpus(Corpus.open(tmp_path / "news.parquet"), tmp_path / "news", lang="en")
    return Collection.open(tmp_path / "news")


class TestFacets:
    def test_they_follow_the_types_and_values_of_the_columns(self, news):
        found = {facet.name: facet for facet in facets([news])}
        assert {name: facet.kind for name, facet in found.items()} == {
            "year": "number", "when": "date", "quote": "category", "topic": "category", "share": "number",
            "open": "category",
        }  # fmt: skip
        assert (found["year"].low, found["year"].high, found["year"].whole) == (2000, 2007, True)
        assert found["when"].low == date(2000, 5, 1)
        assert found["open"].values == (True, False) or found["open"].values == (False, True)
        assert not found["share"].whole

    def test_every_condition_is_a_filter_that_collections_accept(self, news):
        found = {facet.name: facet for facet in facets([news])}
        conditions = [
            one_of(found["topic"], ["animals"]),
            one_of(found["quote"], ['it\'s "x"']),
            one_of(found["open"], [False]),
            between(found["year"], 2001, 2003),
            between(found["share"], 0.1, 0.9),
            between(found["when"], date(2000, 1, 1), date(2002, 1, 1)),
            containing(found["quote"], "IT'S"),
        ]
        hits = news.search("cat", lang="en", where=all_of(conditions))
        assert [one.id for one in hits] == ["d1"]

    def test_only_what_all_collections_have_is_offered(self, news, tmp_path):
        (tmp_path / "more.jsonl").write_text(json.dumps({"text": "the cat", "year": "2001", "topic": "x"}))
        index_corpus(Corpus.open(tmp_path / "more.jsonl"), tmp_path / "more", lang="en")
        both = facets([news, Collection.open(tmp_path / "more")])
        assert [(facet.name, set(facet.values)) for facet in both] == [("topic", {"animals", "x"})]

    def test_no_choice_is_no_condition(self):
        assert all_of([]) is None
        assert facets([]) == ()


class TestSimilar:
    def test_the_document_itself_is_left_out(self, news):
        like = more_like(find_document(news, "d0"), [news], k=7)
        assert "d0" not in [one.id for one in like.hits]
        assert [one.rank for one in like.hits] == list(range(1, 8))

    def test_a_document_that_is_not_there_is_named(self, news):
        news.delete(ids=["d0"])
        with pytest.raises(QueryError, match="'d0'"):
            find_document(news, "d0")

    def test_k_is_what_a_search_takes(self, news):
        document = find_document(news, "d3")
        assert len(more_like(document, [news], k=10_000).hits) == len(news) - 1
        for k in (0, -1, 10_001):
            with pytest.raises(QueryError, match=f"k is {k};"):
                more_like(document, [news], k=k)

    def test_a_document_has_its_metadata(self, news):
        assert find_document(news, "d3").metadata["when"] == date(2003, 5, 1)


class TestFolding:
    def test_a_small_edit_is_folded_and_another_text_is_not(self):
        texts = ["one two three four five six seven eight nine ten eleven twelve", "bread and milk and honey"]
        hits = [hit(texts[0], "a"), hit(texts[1], "b"), hit(texts[0].upper() + " more", "c")]
        assert [(one.hit.id, [twin.id for twin in one.duplicates]) for one in fold(hits)] == [
            ("a", ["c"]),
            ("b", []),
        ]

    def test_scripts_without_spaces_are_compared_by_characters(self):
        hits = [
            hit("猫が家の中にいて犬が川のそばにいる", "a"),
            hit("猫が家の中にいて犬が川のそばにいる。", "b"),
            hit("パンと牛乳", "c"),
        ]
        assert [one.hit.id for one in fold(hits)] == ["a", "c"]

    def test_empty_texts_are_one(self):
        assert len(fold([hit(""), hit("", "b")])) == 1


class TestSentences:
    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("One. Two! Three?", ["One.", "Two!", "Three?"]),
            ("He said: “Stop.” Then he left.", ["He said: “Stop.”", "Then he left."]),
            ("猫がいる。犬もいる。", ["猫がいる。", "犬もいる。"]),
            ("ድመቷ ተኛች። ውሻው ሮጠ።", ["ድመቷ ተኛች።", "ውሻው ሮጠ።"]),
            ("A. Lindgren wrote it. Yes.", ["A. Lindgren wrote it.", "Yes."]),
            ("  one line\n\nanother  ", ["one line", "another"]),
            ("", []),
        ],
    )
    def test_they_are_found_where_they_stand(self, text, found):
        assert [text[start:end] for start, end in sentences(text)] == found

    def test_a_hit_in_a_language_without_a_module_has_none(self):
        hits = [hit("A house. The dog ran.", lang="hu"), hit("A house. The dog ran.", lang="en")]
        places = best_sentences("The dog ran.", hits, query_lang="en")
        assert (places[0], places[1]) == (None, (9, 21))

    def test_the_best_one_is_that_which_says_the_same(self):
        hits = [hit("Bread and milk. The dog ran to the river. It is old."), hit("Only one sentence.")]
        places = best_sentences("the dog ran to the river.", hits, query_lang="en")
        assert places[0] == (16, 41)
        assert places[1] is None


class TestWords:
    def test_the_same_word_answers_to_itself(self):
        text = "the river and the cat"
        found = answering_words("cat", text, query_lang="en", text_lang="en")
        best = found[0].answers[0]
        assert text[best.start : best.end] == "cat"

    def test_places_are_within_both_texts_across_languages(self):
        query, text = "the cat, in winter", "kissa on talossa talvella"
        for word in answering_words(query, text, query_lang="en", text_lang="fi"):
            assert query[word.start : word.end].isalpha()
            assert all(0 <= one.start < one.end <= len(text) for one in word.answers)
            assert list(word.answers) == sorted(word.answers, key=lambda one: -one.similarity)

    def test_a_word_is_marked_with_all_its_vowel_signs(self):
        for query, text in [("लड़की", "लड़की।"), ("كَتَبَ", "كَتَبَ.")]:
            (word,) = answering_words(query, text, query_lang="en", text_lang="en")
            assert query[word.start : word.end] == query
            assert [text[a.start : a.end] for a in word.answers] == [query]

    @pytest.mark.parametrize(
        ("query", "text"), [("", "cat"), ("cat", ""), ("?!", "cat"), ("cat", "..."), ("猫", "猫と犬")]
    )
    def test_texts_without_words_have_no_answers_and_no_errors(self, query, text):
        found = answering_words(query, text, query_lang="en", text_lang="en")
        assert all(isinstance(word.answers, tuple) for word in found)


class TestComparison:
    def test_moves_are_positive_upwards_and_none_for_newcomers(self):
        change = compare(result("a", "b", "c"), result("c", "a", "x"))
        assert [change.moves["news", id] for id in ("c", "a", "x")] == [2, -1, None]
        assert (change.shared, change.length, change.overlap) == (2, 3, pytest.approx(2 / 3))

    def test_two_empty_lists_agree(self):
        assert compare(result(), result()).overlap == 1.0


class TestProjection:
    def test_every_document_has_a_place_and_the_hits_are_found_on_it(self, news):
        drawn = project([news])
        assert drawn.points.shape == (8, 2)
        assert np.isfinite(drawn.points).all()
        hits = search([news], ["the cat"], lang="en", k=3)[0].hits
        assert [drawn.documents["id"][row].as_py() for row in drawn.positions(hits)] == [
            one.id for one in hits
        ]

    def test_a_document_is_placed_near_itself(self, news):
        drawn = project([news])
        x, y = drawn.place(drawn.vectors[0])
        low, high = drawn.points.min(axis=0), drawn.points.max(axis=0)
        assert low[0] <= x <= high[0]
        assert low[1] <= y <= high[1]

    def test_a_large_collection_is_sampled_the_same_way_each_time(self, news):
        one, other = project([news], sample=5), project([news], sample=5)
        assert len(one.points) == 5
        assert one.total == 8
        assert one.documents["id"] == other.documents["id"]
        assert np.array_equal(one.points, other.points)

    @pytest.mark.parametrize("sample", [1, 2, 3])
    def test_a_handful_of_documents_is_drawn_too(self, news, sample):
        assert project([news], sample=sample).points.shape == (sample, 2)

    def test_metadata_called_collection_is_kept_beside_the_collection_s_name(self, tmp_path):
        rows = [
            {"text": f"house {number}", "collection": "stamps", "metadata_collection": "coins"}
            for number in range(3)
        ]
        (tmp_path / "box.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        index_corpus(Corpus.open(tmp_path / "box.jsonl"), tmp_path / "box", lang="en")
        drawn = project([Collection.open(tmp_path / "box")]).documents
        assert drawn["collection"].to_pylist() == ["box"] * 3
        assert drawn["metadata_collection"].to_pylist() == ["stamps"] * 3
        assert drawn["metadata_metadata_collection"].to_pylist() == ["coins"] * 3

    def test_nothing_to_draw_is_said(self):
        with pytest.raises(QueryError, match="no documents"):
            project([])


def test_a_document_without_a_vector_in_the_collections_own_space_is_compared_in_a_common_one(news, tmp_path):
    rows = "".join(
        json.dumps({"id": f"f{number}", "text": row["text"]}) + "\n" for number, row in enumerate(ROWS)
    )
    (tmp_path / "fi.jsonl").write_text(rows, encoding="utf-8")
    made = {}
    for spaces in ("shared", "both", "native"):
        index_corpus(Corpus.open(tmp_path / "fi.jsonl"), tmp_path / spaces, lang="fi", spaces=spaces)
        made[spaces] = Collection.open(tmp_path / spaces)
    document = find_document(made["shared"], "f3")
    answered = more_like(document, [made["both"]], k=3)
    assert answered.space == "shared"
    assert answered.hits == more_like(document, [made["both"], made["shared"]], k=3).hits
    with pytest.raises(QueryError, match="the shared space is not indexed"):
        more_like(document, [made["native"]])


def test_a_map_shows_collections_whose_columns_have_other_types(news, tmp_path):
    rows = [
        {"text": "the cat", "year": "unknown", "quote": [1]},
        {"text": "the dog", "year": "2001", "quote": [2, 3]},
    ]
    (tmp_path / "more.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    index_corpus(Corpus.open(tmp_path / "more.jsonl"), tmp_path / "more", lang="en")
    documents = project([Collection.open(tmp_path / "more"), news]).documents
    assert documents["year"].to_pylist()[:3] == ["unknown", "2001", "2000"]
    assert documents["quote"].to_pylist()[1:3] == ["[2, 3]", ROWS[0]["quote"]]
