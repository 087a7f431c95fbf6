"""Our figures are those of independent libraries on the same vectors."""

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from xsearch.errors import MissingExtraError
from xsearch.evaluation.bitext import bitext_accuracy
from xsearch.evaluation.metrics import (
    mean_interval,
    required,
    retrieval_metrics,
    row_spearman,
    spearman,
    spearman_interval,
    weighted_f1,
)

RNG = np.random.default_rng(11)
QUERIES = [f"q{number}" for number in range(30)]
DOCUMENTS = [f"d{number}" for number in range(200)]
SCORES = RNG.random((30, 200))
RELEVANT = {
    query: {
        str(document): int(grade)
        for document, grade in zip(RNG.choice(DOCUMENTS, 5, False), (1, 1, 1, 2, 3), strict=True)
    }
    for query in QUERIES
}


@pytest.fixture(scope="module")
def measured():
    ranked = {
        query: dict(zip(DOCUMENTS, row.tolist(), strict=True))
        for query, row in zip(QUERIES, SCORES, strict=True)
    }
    return retrieval_metrics(RELEVANT, ranked)


def test_ndcg_is_that_of_scikit_learn(measured):
    gold = np.array([[RELEVANT[query].get(document, 0) for document in DOCUMENTS] for query in QUERIES])
    assert measured["ndcg@10"].mean() == pytest.approx(ndcg_score(gold, SCORES, k=10), abs=1e-9)


def test_recall_and_mrr_are_those_of_sentence_transformers(measured):
    evaluation = pytest.importorskip("sentence_transformers.sentence_transformer.evaluation")
    evaluator = evaluation.InformationRetrievalEvaluator(
        {query: query for query in QUERIES},
        {document: document for document in DOCUMENTS},
        {query: set(grades) for query, grades in RELEVANT.items()},
        mrr_at_k=[200],
        precision_recall_at_k=[10, 100],
        accuracy_at_k=[1],
        ndcg_at_k=[10],
        map_at_k=[10],
    )
    hits = [
        [{"corpus_id": document, "score": score} for document, score in zip(DOCUMENTS, row, strict=True)]
        for row in SCORES.tolist()
    ]
    theirs = evaluator.compute_metrics(hits)
    assert measured["mrr"].mean() == pytest.approx(theirs["mrr@k"][200])
    for depth in (10, 100):
        assert measured[f"recall@{depth}"].mean() == pytest.approx(theirs["recall@k"][depth])


def test_bitext_accuracy_is_that_of_sentence_transformers():
    torch = pytest.importorskip("torch")
    evaluation = pytest.importorskip("sentence_transformers.sentence_transformer.evaluation")
    source = RNG.normal(size=(80, 8)).astype(np.float32)
    target = source + RNG.normal(size=source.shape).astype(np.float32)
    source, target = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in (source, target))
    texts = {f"s{row}": vector for row, vector in enumerate(source)} | {
        f"t{row}": vector for row, vector in enumerate(target)
    }
    evaluator = evaluation.TranslationEvaluator(
        [f"s{row}" for row in range(80)], [f"t{row}" for row in range(80)]
    )
    evaluator.embed_inputs = lambda model, sentences: [torch.from_numpy(texts[text]) for text in sentences]
    evaluator.store_metrics_in_model_card_data = lambda *args: None
    theirs = evaluator(None)
    ours = bitext_accuracy(source, target)
    assert (ours.forward, ours.backward) == pytest.approx(
        (theirs["src2trg_accuracy"], theirs["trg2src_accuracy"])
    )


def test_many_rank_correlations_at_once_are_those_of_scipy():
    left, right = RNG.normal(size=(5, 40)), np.round(RNG.normal(size=(5, 40)), 1)
    ours = row_spearman(left, right)
    assert ours == pytest.approx([spearman(a, b) for a, b in zip(left, right, strict=True)])


def test_intervals_hold_their_estimate_and_narrow_with_more_items():
    values = RNG.random(400)
    gold = values + RNG.normal(size=400)
    for interval, value in (
        (mean_interval(values, seed=0, resamples=500), values.mean()),
        (spearman_interval(values, gold, seed=0, resamples=500), spearman(values, gold)),
    ):
        assert interval.low < value < interval.high
    wide = mean_interval(values[:40], seed=0, resamples=500)
    narrow = mean_interval(values, seed=0, resamples=500)
    assert wide.high - wide.low > narrow.high - narrow.low
    assert mean_interval(values[:5], seed=0, resamples=500) is None


def test_a_missing_library_is_named_with_the_command_that_installs_it():
    with pytest.raises(MissingExtraError, match=r"pip install 'xsearch\[eval\]'"):
        required("no_such_library")


def test_weighted_f1_is_lower_than_accuracy_where_a_hub_attracts_many():
    predicted = np.array([0, 0, 0, 3, 4])
    assert weighted_f1(predicted) == pytest.approx((0.5 + 0 + 0 + 1 + 1) / 5)
    assert weighted_f1(np.arange(5)) == 1.0
