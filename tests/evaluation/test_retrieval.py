"""Retrieval within and across languages, and what a mixed pool shows."""

from dataclasses import replace

import pytest

from tests.evaluation.conceptual import ConceptEncoder, foreign
from xsearch.errors import EvaluationError
from xsearch.evaluation import Settings
from xsearch.evaluation.centring import CentredEncoder, fit_means
from xsearch.evaluation.datasets import Provenance, RetrievalSet
from xsearch.evaluation.results import Label
from xsearch.evaluation.retrieval import MIXED, measure_retrieval

LABEL = Label("retrieval", "XQuAD", "dev", "", (), "shared")
SETTINGS = Settings(resamples=50)


@pytest.fixture
def parallel(sentences):
    """Questions are half sentences, documents the sentences, both in two languages."""
    texts = {str(number): text for number, text in enumerate(sentences)}
    halves = {f"q{number}": " ".join(text.split()[:7]) for number, text in texts.items()}
    return RetrievalSet(
        queries={"en": halves, "fi": {key: foreign(text) for key, text in halves.items()}},
        documents={"en": texts, "fi": {key: foreign(text) for key, text in texts.items()}},
        relevant={f"q{number}": {number: 1} for number in texts},
        provenance=Provenance((), ""),
    )


EVERY = [("en", "en"), ("en", "fi"), ("fi", "en"), ("fi", "fi")]


def measured(encoder, data, directions=EVERY, settings=SETTINGS):
    return {
        score.label.subset: score for score in measure_retrieval(encoder, data, LABEL, settings, directions)
    }


def test_each_direction_and_each_mixed_pool_is_measured(parallel):
    scores = measured(ConceptEncoder(), parallel)
    assert set(scores) == {
        *("en", "fi", "en-fi", "fi-en", "en-fi mixed pool", "fi-en mixed pool"),
        *("en mixed pool with fi", "fi mixed pool with en"),
    }
    assert scores["en-fi"].label.space == "shared"
    assert scores["en-fi"].value > 0.9
    assert set(scores["en"].metrics) == {"ndcg@10", "recall@1", "recall@10", "recall@100", "mrr"}


def test_only_directions_that_were_asked_for_are_measured(parallel):
    scores = measured(ConceptEncoder(), parallel, [("fi", "en")])
    assert set(scores) == {"fi-en", "fi-en mixed pool"}


def test_without_bias_a_mixed_pool_costs_nothing_much(parallel):
    scores = measured(ConceptEncoder(), parallel)
    assert scores["en-fi mixed pool"].metrics["lost"] < 0.2


def test_language_bias_shows_in_the_mixed_pool_and_centring_removes_it(
    parallel, tmp_path, sentences, write_table
):
    biased = ConceptEncoder(bias={"en": 1.0, "fi": 1.0})
    before = measured(biased, parallel)
    assert before["en-fi mixed pool"].metrics["lost"] > 0.3
    assert before["en-fi"].value > 0.7

    write_table(tmp_path / "en-fi.parquet", [{"en": text, "xx": foreign(text)} for text in sentences])
    means = fit_means(biased, tmp_path, {"en", "fi"})
    for pivot in (None, "en"):
        after = measured(CentredEncoder(biased, means, pivot), parallel)
        assert after["en-fi mixed pool"].metrics["lost"] < 0.2
        assert after["en-fi mixed pool"].value > before["en-fi mixed pool"].value + 0.1


def test_a_bonus_for_other_languages_moves_answers_from_one_kind_of_loss_to_the_other(parallel):
    biased = ConceptEncoder(bias={"en": 1.0, "fi": 1.0})
    lost = []
    for bonus in (0.0, 0.5, 1.0):
        scores = measured(biased, parallel, settings=Settings(bonus=bonus, resamples=50))
        lost.append([scores[name].metrics["lost"] for name in ("en-fi mixed pool", "en mixed pool with fi")])
    assert lost[0][0] >= lost[1][0] > lost[2][0]
    assert lost[0][1] <= lost[1][1] < lost[2][1]


def test_centring_on_a_pivot_leaves_its_vectors_alone(tmp_path, sentences, write_table):
    biased = ConceptEncoder(bias={"en": 1.0, "fi": 1.0})
    write_table(tmp_path / "en-fi.parquet", [{"en": text, "xx": foreign(text)} for text in sentences])
    centred = CentredEncoder(biased, fit_means(biased, tmp_path, {"en", "fi"}), "en")
    plain = biased.encode(sentences, lang="en", space="shared")
    with pytest.raises(EvaluationError, match="no mean of fr to centre on; expected one of en, fi"):
        CentredEncoder(biased, fit_means(biased, tmp_path, {"en", "fi"}), "fr")
    assert centred.encode(sentences, lang="en", space="shared") == pytest.approx(plain, abs=1e-6)
    native = centred.encode(["fi:cat"], lang="fi", space="native")
    assert native == pytest.approx(biased.encode(["fi:cat"], lang="fi", space="native"))


def test_in_a_mixed_pool_a_query_does_not_find_itself(parallel):
    texts = parallel.documents
    items = RetrievalSet(texts, texts, {key: {key: 1} for key in texts["en"]}, parallel.provenance)
    scores = measured(ConceptEncoder(), items, [("en", "fi"), ("fi", "en")])
    assert scores["en-fi mixed pool"].metrics["recall@1"] > 0.9


def test_a_limit_measures_fewer_queries_against_fewer_documents(parallel):
    encoder = ConceptEncoder()
    scores = measured(encoder, parallel, [("en", "en")], Settings(limit=2, resamples=50))
    assert scores["en"].count == 2
    assert scores["en"].metrics["recall@100"] == 1
    assert max(count for *_, count in encoder.calls) <= 42


def test_a_set_whose_queries_have_no_answer_in_the_corpus_is_refused():
    data = RetrievalSet({"en": {"q": "cat"}}, {"en": {"d": "dog"}}, {"q": {"lost": 1}}, Provenance((), ""))
    with pytest.raises(EvaluationError, match="XQuAD en: no query has a relevant document"):
        list(measure_retrieval(ConceptEncoder(), data, LABEL, SETTINGS, [("en", "en")]))


def test_a_mixed_pool_of_one_language_has_its_own_pool_beside_it_in_the_same_space(parallel):
    scores = list(measure_retrieval(ConceptEncoder(), parallel, LABEL, SETTINGS, EVERY))
    labels = {score.label for score in scores}
    mixed = [label for label in labels if MIXED in label.subset]
    assert mixed
    assert {replace(label, subset=label.subset.split(MIXED)[0]) for label in mixed} <= labels


@pytest.mark.parametrize("ignored", [True, False])
def test_a_query_does_not_find_the_document_of_its_own_id_where_the_set_ignores_that(ignored):
    """As in ArguAna, where each query is an argument of the corpus and looks for the one against it."""
    texts = {"pro": "cat dog house", "con": "cat dog river", "other": "bread milk road"}
    relevant = {"pro": {"con": 1}, "con": {"pro": 1}}
    queries = {"en": {key: texts[key] for key in relevant}}
    data = RetrievalSet(queries, {"en": texts}, relevant, Provenance((), ""), ignored)
    score = measured(ConceptEncoder(), data, [("en", "en")])["en"]
    assert score.metrics["recall@1"] == (1 if ignored else 0)
    assert score.metrics["mrr"] == (1 if ignored else 0.5)


def test_an_ignored_document_counts_as_not_found(sentences):
    texts = {str(number): text for number, text in enumerate(sentences)}
    relevant = {"0": {"0": 1, "1": 1}}
    data = RetrievalSet({"en": {"0": texts["0"]}}, {"en": texts}, relevant, Provenance((), ""), True)
    assert measured(ConceptEncoder(), data, [("en", "en")])["en"].metrics["recall@100"] == 0.5
