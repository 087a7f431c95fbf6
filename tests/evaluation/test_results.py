"""Results on disk, the report that is made of them, and published scores beside it."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.evaluation.conceptual import ConceptEncoder
from xsearch.errors import EvaluationError
from xsearch.evaluation import Results, Run, Settings, read_results, write_results
from xsearch.evaluation.anchors import read_anchors
from xsearch.evaluation.report import render
from xsearch.evaluation.results import LengthScore, items_path

ANCHORS = """task,split,subset,model,metric,score
STSBenchmarkMultilingualSTS,test,fi,LaBSE,spearman,71.53
STSBenchmarkMultilingualSTS,test,en,LaBSE,spearman,72.25
Tatoeba,test,fin-eng,LaBSE,accuracy,97.1
SemRel24STS,test,ary,LaBSE,spearman,37.63
SemRel24STS,test,arb,LaBSE,spearman,51.0
SemRel24STS,test,arb,mE5-small,spearman,52.0
"""


@pytest.fixture
def results(data):
    encoder = ConceptEncoder()
    scores = Run(data, encoder, Settings(resamples=50)).measure(("sts", "bitext", "retrieval", "mcqa"))
    return Results(
        encoder="concepts",
        content_hashes=encoder.content_hashes(["en", "fi"]),
        date="2026-01-01T00:00:00+00:00",
        command="xsearch eval sts --data data",
        version="0.1.0",
        seed=0,
        limit=None,
        scores=scores,
        notices=["a notice"],
    )


@pytest.fixture
def anchors(tmp_path):
    path = tmp_path / "anchors.csv"
    path.write_text(ANCHORS, encoding="utf-8")
    return read_anchors(path)


def test_results_come_back_as_they_were_written(results, tmp_path):
    path = tmp_path / "runs" / "fi.json"
    write_results(results, path)
    read = read_results(path, items=True)
    for ours, theirs in zip(results.scores, read.scores, strict=True):
        assert (ours.label, ours.metrics, ours.interval, ours.provenance) == (
            theirs.label, theirs.metrics, theirs.interval, theirs.provenance,
        )  # fmt: skip
        np.testing.assert_array_equal(ours.items.values, theirs.items.values)
        assert (ours.items.gold is None) == (theirs.items.gold is None)
    assert read.content_hashes == results.content_hashes
    assert read.scores[0].items.gold is not None


def test_the_file_says_what_was_measured_with_what(results, tmp_path):
    write_results(results, tmp_path / "fi.json")
    content = json.loads((tmp_path / "fi.json").read_text())
    assert {
        "format",
        "encoder",
        "content_hashes",
        "date",
        "command",
        "seed",
        "limit",
        "scores",
    } <= content.keys()
    score = content["scores"][0]
    assert len(score["provenance"]["checksum"]) == 64
    assert score["provenance"]["files"] == ["stsb_test_en.parquet"]


def test_items_of_another_run_are_refused(results, tmp_path):
    path = tmp_path / "fi.json"
    write_results(results, path)
    items_path(path).write_bytes(items_path(path).read_bytes() + b"\0")
    with pytest.raises(EvaluationError, match="is not the file that fi.json was written with"):
        read_results(path, items=True)
    items_path(path).unlink()
    with pytest.raises(EvaluationError, match="is missing"):
        read_results(path, items=True)


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"format": 9}', '{"format": 1}', '{"format": 1, "scores": [{}]}']
)
def test_files_that_are_no_results_are_refused(tmp_path, content):
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(EvaluationError):
        read_results(path)


def written(results, path, **changes):
    """The results in a file, the first score of which was changed by hand."""
    write_results(results, path)
    content = json.loads(path.read_text())
    content["scores"][0] |= changes
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize("changes", [{"count": float("inf")}, {"main": "accuracy"}, {"metrics": {}}])
def test_scores_that_make_no_sense_are_damage(results, tmp_path, changes):
    with pytest.raises(EvaluationError, match=r"fi\.json is damaged"):
        read_results(written(results, tmp_path / "fi.json", **changes))


def test_a_file_made_by_hand_is_reported_as_far_as_it_goes(results, tmp_path):
    metrics = {"spearman": 0.5}
    lengths = [{"characters": name, "count": 20, "value": 0.5} for name in ("²", "x", "9" * 5000)]
    for task, subset in (("bitext", "en-fi"), ("retrieval", "en-fi mixed pool")):
        changes = {"task": task, "subset": subset, "metrics": metrics, "by_length": lengths}
        text = render([read_results(written(results, tmp_path / "fi.json", **changes))])
        assert "| – | – | – |" in text


def test_the_report_sets_published_scores_beside_ours(results, anchors):
    text = render([results], anchors, ("LaBSE",))
    lines = text.splitlines()
    finnish = next(line for line in lines if line.startswith("| sts | STSb test | fi |"))
    assert finnish.endswith("| 71.5 |")
    assert next(line for line in lines if "| Tatoeba test | fi-en |" in line).endswith("| 97.1 |")
    assert next(line for line in lines if line.startswith("| bitext | Tatoeba test | en-fi |")).endswith(
        "| – |"
    )
    mean = next(line for line in lines if line.startswith("| sts | STSb test | **mean across languages** |"))
    assert mean.endswith("| – |")
    assert "## Language bias in mixed pools" in text
    assert "- a notice" in text
    assert "xsearch eval sts --data data" in text


def test_a_notice_is_one_line_of_the_report(results):
    text = render([replace(results, notices=["left out\n\n# Scores\n| en | 100.0 |"])])
    assert "\n- left out # Scores | en | 100.0 |\n" in text


def test_the_report_has_a_column_for_each_run(results):
    other = replace(results, encoder="other", scores=results.scores[:1])
    text = render([results, other])
    assert "| concepts | other |" in text


def test_the_report_says_the_number_of_items_in_a_cell_with_others_than_its_row(results):
    score = replace(results.scores[0], interval=None)
    fewer = replace(score, count=50)
    runs = [replace(results, scores=[each]) for each in (score, fewer, score)]
    row = next(line for line in render(runs).splitlines() if line.startswith("| sts |"))
    value = f"{100 * score.value:.1f}"
    assert row == f"| sts | STSb test | en | shared | 60 | spearman | {value} | {value} (n=50) | {value} |"


def test_the_report_sets_a_score_apart_that_was_measured_on_other_data(results):
    scores = [replace(score, interval=None) for score in results.scores if score.label.langs == ("en", "fi")]
    elsewhere = replace(scores[0], count=50, provenance=replace(scores[0].provenance, checksum="other"))
    other = replace(results, encoder="other", scores=[elsewhere, *scores[1:]])
    text = render([replace(results, scores=scores), other])
    value = f"{100 * scores[0].value:.1f}"
    assert f"| sts | STSb test | en-fi | shared | 60 | spearman | {value} | – |\n" in text
    assert (
        "|\n\nLeft out of their rows, as they were measured on other data: "
        f"sts STSb test en-fi (shared) of other, {value} (n=50).\n\n"
    ) in text
    assert "measured on other data" not in render([results, results])


def test_a_mean_is_only_of_runs_on_the_same_data(results):
    scores = [score for score in results.scores if score.label.task == "sts"]
    other = [
        replace(
            score, provenance=replace(score.provenance, checksum=score.label.subset.replace("fi-en", "x"))
        )
        for score in scores
    ]
    first = [
        replace(score, provenance=replace(score.provenance, checksum=score.label.subset)) for score in scores
    ]
    text = render([replace(results, scores=first), replace(results, scores=other)])
    mean = next(line for line in text.splitlines() if "| **mean across languages** |" in line)
    assert mean.endswith("** | – |")


def test_the_report_breaks_scores_down_by_length(results):
    parts = [LengthScore("under 50", 30, 0.9), LengthScore("100-199", 20, 0.5)]
    longer = replace(results.scores[0], by_length=[LengthScore("50-99", 20, 0.7), *parts[1:]])
    scores = [replace(results.scores[0], by_length=parts), longer]
    table = render([replace(results, scores=scores)]).split("## By length of the text")[1]
    assert "| under 50 characters | 50-99 characters | 100-199 characters |" in table
    assert "| task | set | subset | space | encoder |" in table
    assert "| sts | STSb test | en | shared | concepts | 90.0 (n=30) | – | 50.0 (n=20) |" in table
    assert "| – | 70.0 (n=20) | 50.0 (n=20) |" in table


def test_anchors_go_by_our_codes_and_keep_dialects_apart(anchors):
    assert anchors.models == ("LaBSE", "mE5-small")
    assert anchors.scores["SemRel24STS", "test", "ar", "spearman"] == {"LaBSE": 51.0, "mE5-small": 52.0}
    assert anchors.scores["SemRel24STS", "test", "ary", "spearman"] == {"LaBSE": 37.63}
    with pytest.raises(EvaluationError, match="no scores of GPT; there are some of LaBSE, mE5-small"):
        anchors.select(["GPT"])
