from collections import Counter

import numpy as np
import pytest

from train.batches import Examples, lay_out, rows_of
from train.reading import Pair
from train.recipe import Data, SentenceEncoding

SETTINGS = SentenceEncoding(sentences=1000, tokens_per_batch=256)


def examples(count, sources=1):
    pairs = [Pair(f"left {i}", f"right {i}", f"source-{i % sources}") for i in range(count)]
    return Examples(pairs, lambda texts: [np.zeros(len(text), np.int32) for text in texts])


def plan(translations=2000, paraphrases=500, scored=500, sources=2, **shares):
    kinds = {"paraphrases": examples(paraphrases, sources), "scored": examples(scored, sources)}
    shares = {"paraphrases": 0.2, "scored": 0.3} | shares
    laid = lay_out({"translations": examples(translations)} | kinds, shares, SETTINGS, Data(), seed=1)
    return laid, kinds


def steps(laid):
    return Counter(
        {kind: sum(len(b.rows) for b in laid if b.kind == kind) for kind in {b.kind for b in laid}}
    )


def test_every_kind_has_its_share_of_the_sentence_steps():
    counted = steps(plan()[0])
    assert counted["translations"] == 500
    assert counted["paraphrases"] == pytest.approx(200, abs=16)
    assert counted["scored"] == pytest.approx(300, abs=16)


def test_a_kind_without_examples_leaves_its_share_to_the_translations():
    assert steps(plan(paraphrases=0, scored=0)[0]) == {"translations": 1000}


def test_a_few_scored_pairs_are_not_learnt_by_heart():
    counted = steps(plan(scored=20, sources=1)[0])
    assert counted["scored"] <= 200
    assert counted["translations"] >= 600


def test_batches_beside_the_translations_are_of_one_source():
    laid, kinds = plan()
    for batch in laid:
        if batch.kind != "translations":
            assert len({kinds[batch.kind].pairs[row].source for row in batch.rows}) == 1


def test_the_same_seed_lays_out_the_same_batches_and_names_the_rows_used():
    one, two = plan()[0], plan()[0]
    assert [(b.kind, b.rows.tolist()) for b in one] == [(b.kind, b.rows.tolist()) for b in two]
    used = {int(row) for b in one if b.kind == "scored" for row in b.rows}
    assert rows_of(one, "scored").tolist() == sorted(used)
