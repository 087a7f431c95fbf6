"""Comparing two encoders on the same items."""

import numpy as np
import pytest

from tests.evaluation.conceptual import ConceptEncoder
from xsearch.errors import EvaluationError
from xsearch.evaluation import Results, Run, Settings
from xsearch.evaluation.comparison import compare, paired_bootstrap, render_comparison
from xsearch.evaluation.results import Items


def results(data, encoder, *tasks, **settings) -> Results:
    scores = Run(data, encoder, Settings(resamples=50, **settings)).measure(tasks)
    return Results("e", {}, "", "", "", 0, None, scores)


def items(values, gold=None) -> Items:
    return Items(np.array(values, dtype=np.float64), np.full(len(values), 10), gold)


def test_a_real_difference_is_found_and_none_is_not():
    rng = np.random.default_rng(0)
    worse = (rng.random(500) < 0.6).astype(float)
    better = np.maximum(worse, rng.random(500) < 0.2)
    interval, p = paired_bootstrap(items(worse), items(better))
    assert interval.low > 0
    assert p < 0.01
    shuffled = rng.permutation(worse)
    _, p = paired_bootstrap(items(worse), items(shuffled))
    assert p > 0.2


def test_correlations_are_compared_pair_by_pair():
    rng = np.random.default_rng(1)
    gold = rng.random(300)
    close, far = gold + 0.1 * rng.normal(size=300), gold + 1.0 * rng.normal(size=300)
    interval, p = paired_bootstrap(items(far, gold), items(close, gold))
    assert interval.low > 0.2
    assert p < 0.01


def test_only_what_both_measured_is_compared(data):
    first = results(data, ConceptEncoder(), "sts", "bitext")
    second = results(data, ConceptEncoder(bias={"fi": 1.5, "en": 1.5}), "bitext")
    comparisons = compare(first, second)
    assert {item.label.task for item in comparisons} == {"bitext"}
    assert all(item.difference <= 0 for item in comparisons)
    table = render_comparison(comparisons, "plain", "biased")
    assert table.splitlines()[0].startswith("| task | set | subset | space | n | plain | biased |")


def test_a_run_on_several_forms_of_a_language_can_be_compared_with_itself(tmp_path):
    for code, foreign in (("ara", "ar:house"), ("arz", "nothing")):
        lines = [f"{foreign} {number}\n" for number in range(12)]
        (tmp_path / f"tatoeba.{code}-eng.{code}").write_text("".join(lines))
        (tmp_path / f"tatoeba.{code}-eng.eng").write_text(
            "".join(f"house {number}\n" for number in range(12))
        )
    run = results(tmp_path, ConceptEncoder(("en", "ar")), "bitext")
    assert [item.difference for item in compare(run, run)] == [0, 0]


def test_runs_on_other_data_or_other_samples_are_refused(data):
    first = results(data, ConceptEncoder(), "bitext", limit=30)
    with pytest.raises(EvaluationError, match="different data"):
        compare(first, results(data, ConceptEncoder(), "bitext"))
    with pytest.raises(EvaluationError, match="the items differ"):
        compare(first, results(data, ConceptEncoder(), "bitext", limit=30, seed=9))
    with pytest.raises(EvaluationError, match="share no set"):
        compare(first, results(data, ConceptEncoder(), "mcqa"))
