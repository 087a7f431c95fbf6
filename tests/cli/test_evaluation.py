import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cli.conftest import refusal
from tests.modules import tiny_module

WORDS = ["kissa", "koira", "talo", "joki", "talvi", "kesä", "järvi", "metsä", "leipä", "maito"]


def write_parquet(path, rows):
    pq.write_table(pa.Table.from_pylist(rows), path)


@pytest.fixture
def data(tmp_path):
    """Finnish and English SemRel and Tatoeba in the layouts of the published sets."""
    folder = tmp_path / "data"
    folder.mkdir()
    rows = [
        (f"{a} ja {b}", f"{a} on {c}") for a in WORDS for b, c in ((WORDS[1], WORDS[2]), (WORDS[3], "ei"))
    ]
    scored = "".join(f'{n},"{a}\n{b}",{n % 7 / 7}\n' for n, (a, b) in enumerate(rows))
    (folder / "fin_test_with_labels.csv").write_text(f"PairID,Text,Score\n{scored}", encoding="utf-8")
    (folder / "eng_test_with_labels.csv").write_text(f"PairID,Text,Score\n{scored}", encoding="utf-8")
    (folder / "tatoeba.fin-eng.fin").write_text("".join(f"{a}\n" for a, _ in rows), encoding="utf-8")
    (folder / "tatoeba.fin-eng.eng").write_text("".join(f"{b}\n" for _, b in rows), encoding="utf-8")
    return folder


def test_results_go_to_stdout_as_json_and_a_line_for_each_score_to_stderr(run, data):
    result = run("eval", "str", "bitext", "--lang", "fi", "--data", data)
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    subsets = {(score["task"], score["subset"], score["space"]) for score in content["scores"]}
    assert subsets == {("str", "fi", "native"), ("bitext", "en-fi", "shared"), ("bitext", "fi-en", "shared")}
    assert set(content["content_hashes"]) == {"en", "fi"}
    assert content["command"] == f"xsearch eval str bitext --data {data} --lang fi"
    assert "str SemRel test fi (native): spearman" in result.stderr


def test_results_in_a_file_are_reported_and_compared(run, data, tmp_path):
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    for path, space in ((first, "native"), (second, "shared")):
        result = run("eval", "str", "bitext", "--data", data, "--space", space, "-o", path)
        assert (result.exit_code, result.stdout) == (0, "")
    anchors = tmp_path / "anchors.csv"
    anchors.write_text("task,split,subset,model,metric,score\nTatoeba,test,fin-eng,LaBSE,accuracy,97.1\n")
    report = run("eval", "report", first, second, "--anchors", anchors, "--beside", "LaBSE")
    assert report.exit_code == 0, report.output
    assert "| bitext | Tatoeba test | fi-en | shared | 20 | accuracy |" in report.stdout
    assert "97.1 |" in report.stdout
    comparison = run("eval", "compare", first, second)
    assert "| a | b | difference | p |" in comparison.stdout
    assert "| str | SemRel test | en | shared |" in comparison.stdout
    written = run("eval", "report", first, "-o", tmp_path / "report.md")
    assert written.stdout == ""
    assert (tmp_path / "report.md").read_text().startswith("# Evaluation")


def test_centring_measures_pairs_of_languages_again(run, data):
    result = run("eval", "bitext", "--lang", "fi", "--data", data, "--centre", data, "--centre-on", "en")
    assert result.exit_code == 0, result.output
    variants = [score["variant"] for score in json.loads(result.stdout)["scores"]]
    assert variants == ["", "", "centred on en", "centred on en"]


def test_a_bonus_measures_mixed_pools_again(run, data):
    rows = [{"en": f"kissa ja {word}", "xx": f"{word} on kissa"} for word in WORDS]
    write_parquet(data / "en-fi-long.parquet", rows)
    result = run("eval", "retrieval", "--lang", "fi", "--data", data, "--bonus", "0.05")
    assert result.exit_code == 0, result.output
    found = [(score["subset"], score["variant"]) for score in json.loads(result.stdout)["scores"]]
    assert found[-2:] == [("en-fi mixed pool", "bonus 0.05"), ("fi-en mixed pool", "bonus 0.05")]


def test_a_limit_and_a_seed_are_part_of_the_result(run, data):
    result = run("eval", "str", "--data", data, "--limit", "12", "--seed", "3")
    content = json.loads(result.stdout)
    assert (content["limit"], content["seed"]) == (12, 3)
    assert {score["count"] for score in content["scores"]} == {12}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("eval", "sts", "--data", "none"), 1, "no file or folder none"),
        (("eval", "sts"), 2, "Missing option '--data'"),
        (("eval", "chess", "--data", "."), 2, "'chess' is not one of"),
        (("eval", "report", "none.json"), 1, "none.json is not a results file"),
        (("eval", "compare", "none.json", "none.json"), 1, "none.json is not a results file"),
        (("eval", "sts", "--data", ".", "--lang", "klingonish"), 1, "unknown language 'klingonish'"),
        (("eval", "passages", "--data", "none"), 1, "no file or folder none"),
    ],
)
def test_mistakes_are_told_in_a_line(run, arguments, code, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in refusal(run(*arguments), code)


def test_broken_data_is_named_or_left_out_and_said_in_the_result(run, data):
    (data / "hun_test_with_labels.csv").write_text("PairID,Text\n1,x\n")
    (data / "tatoeba.fin-eng.eng").write_text("one line\n")
    assert "expected translations line by line" in refusal(run("eval", "bitext", "--data", data))
    result = run("eval", "bitext", "str", "--data", data, "--skip-invalid")
    assert result.exit_code == 0, result.output
    notices = json.loads(result.stdout)["notices"]
    assert any(notice.startswith("Left out Tatoeba en-fi:") for notice in notices)
    assert "str: left out 1 sets for want of modules for hu." in notices


def test_options_alone_lack_a_task(run):
    result = run("eval", "--lang", "fi")
    assert result.exit_code == 2
    assert "Missing argument 'TASK...'" in result.stderr


def test_help_names_tasks_and_commands(run):
    shown = run("eval", "--help").stdout
    for word in ("sts", "bitext", "retrieval", "mcqa", "report", "compare", "passages"):
        assert word in shown
    assert "--centre" in run("eval", "sts", "--help").stdout


def test_a_mistake_in_centring_is_said_before_anything_is_measured(run, data, tmp_path, monkeypatch):
    monkeypatch.setattr("xsearch.evaluation.run.Run.measure", lambda *_: pytest.fail("measured"))
    nowhere = ("eval", "bitext", "--data", data, "--centre", tmp_path / "nowhere")
    assert "there is no file or folder" in refusal(run(*nowhere), 2)
    assert "klingonese" in refusal(
        run("eval", "bitext", "--data", data, "--centre", data, "--centre-on", "klingonese")
    )


def test_scores_within_one_language_are_kept_where_there_is_nothing_to_centre(run, data):
    result = run("eval", "str", "--lang", "fi", "--data", data, "--centre", data)
    assert result.exit_code == 0, result.output
    assert [score["subset"] for score in json.loads(result.stdout)["scores"]] == ["fi"]
    assert "--centre changes nothing within one language" in result.stderr


def test_questions_are_measured_in_the_languages_that_their_rows_say(run, tmp_path):
    rows = [
        {
            "passage": "kissa ja koira",
            "question": "x",
            "options": ["a", "b"],
            "answer": 0,
            "passage_lang": "en",
        },
        {"passage": "talo", "question": "y", "options": ["c", "d"], "answer": 1},
    ]
    for name, part in (("mixed", rows), ("one", rows[:1])):
        (tmp_path / f"{name}.jsonl").write_text(
            "".join(json.dumps(row) + "\n" for row in part), encoding="utf-8"
        )
    for langs in (("--lang", "fi"), ("--lang", "fi", "--lang", "en")):
        result = run("eval", "mcqa", "--data", tmp_path / "mixed.jsonl", *langs)
        if len(langs) > 2:
            assert "language of the question is unknown" in refusal(result)
            continue
        content = json.loads(result.stdout)
        assert [score["space"] for score in content["scores"]] == ["by row"]
        assert set(content["content_hashes"]) == {"en", "fi"}
    (score,) = json.loads(run("eval", "mcqa", "--data", tmp_path / "one.jsonl", "--lang", "fi").stdout)[
        "scores"
    ]
    assert (score["langs"], score["space"]) == (["en", "fi"], "shared")


def test_a_report_replaces_an_old_one_but_never_its_results(run, data, tmp_path):
    results, anchors = tmp_path / "r.json", tmp_path / "anchors.csv"
    run("eval", "str", "--lang", "fi", "--data", data, "-o", results)
    anchors.write_text("task,split,subset,model,metric,score\nTatoeba,test,fin-eng,LaBSE,accuracy,97.1\n")
    before = results.read_bytes(), anchors.read_bytes()
    for output in (results, anchors):
        refused = run("eval", "report", results, "--anchors", anchors, "--beside", "LaBSE", "-o", output)
        assert "it is one of the inputs" in refusal(refused)
    assert (results.read_bytes(), anchors.read_bytes()) == before
    (tmp_path / "report.md").write_text("old")
    (tmp_path / "linked.md").hardlink_to(tmp_path / "report.md")
    assert run("eval", "report", results, "-o", tmp_path / "report.md").exit_code == 0
    assert (tmp_path / "report.md").read_text().startswith("# Evaluation")
    assert (tmp_path / "linked.md").read_text() == "old"  # the new one is written aside, not over the old one


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("file/results.json", "there is no directory"),
        ("file/deeper/results.json", "there is no directory"),
        ("data.jsonl", "it is one of the inputs"),
        ("centre.txt", "it is one of the inputs"),
        ("taken.json", "it is a directory"),
    ],
)
def test_results_that_cannot_be_written_are_refused_before_anything_is_measured(
    run, tmp_path, monkeypatch, output, message
):
    monkeypatch.setattr("xsearch.evaluation.run.Run.measure", lambda *_: pytest.fail("measured"))
    for name in ("file", "data.jsonl", "centre.txt"):
        (tmp_path / name).write_text(name)
    (tmp_path / "taken.items.parquet").mkdir()
    measured = ("eval", "bitext", "--data", tmp_path / "data.jsonl", "--centre", tmp_path / "centre.txt")
    assert message in refusal(run(*measured, "-o", tmp_path / output))
    assert (tmp_path / "data.jsonl").read_text() == "data.jsonl"


def test_results_may_go_to_a_new_directory(run, data, tmp_path):
    output = tmp_path / "new" / "deeper" / "r.json"
    assert run("eval", "str", "--lang", "fi", "--data", data, "-o", output).exit_code == 0
    assert json.loads(output.read_text())["scores"]


def test_a_bonus_without_retrieval_is_a_mistake(run, data):
    message = refusal(run("eval", "str", "--data", data, "--bonus", "0.05"), 2)
    assert message == "--bonus measures mixed pools again; name retrieval among the tasks."


def test_modules_of_different_bases_are_not_compared(run, data, tmp_path, monkeypatch):
    for seed, language in enumerate(("fi", "en")):
        tiny_module(tmp_path / "modules", language, seed=seed)
    monkeypatch.setenv("XSEARCH_MODULES", str(tmp_path / "modules"))
    assert "different bases" in refusal(run("eval", "bitext", "--data", data))
    assert run("eval", "str", "--data", data, "--lang", "fi").exit_code == 0
