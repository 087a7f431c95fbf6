"""Reading questions: the formats, languages, and rows that cannot be scored."""

import csv
import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from xsearch.errors import EvaluationError
from xsearch.qa import DefaultLanguages, InvalidRows, SideLanguages, read_questions
from xsearch.qa.readers import KARDES_ENGLISH

GOOD = {"passage": "A cat sleeps.", "question": "Who sleeps?", "options": ["a cat", "a dog"], "answer": 0}


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read(path, lang="en", *, skip=False, **options):
    invalid = InvalidRows(skip=skip)
    return list(read_questions(path, DefaultLanguages.of(lang), invalid, **options)), invalid


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet", ".csv", ".tsv"])
def test_the_generic_columns_are_read_from_every_format(tmp_path, suffix):
    path = tmp_path / f"questions{suffix}"
    if suffix == ".jsonl":
        write(path, [GOOD])
    elif suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist([GOOD]), path)
    else:
        separator = "," if suffix == ".csv" else "\t"
        options = '"[""a cat"", ""a dog""]"'
        path.write_text(
            f"passage,question,options,answer\nA cat sleeps.,Who sleeps?,{options},0\n".replace(
                ",", separator
            ).replace(f'cat""{separator}', 'cat"",'),
            encoding="utf-8-sig",
        )
    (question,), _ = read(path)
    assert (question.passage, question.question) == ("A cat sleeps.", "Who sleeps?")
    assert question.options == ("a cat", "a dog")
    assert (question.answer, question.row) == (0, 1)


def test_a_cell_of_csv_may_be_as_long_as_a_passage_in_the_other_formats(tmp_path):
    csv.field_size_limit(131_072)  # as in a process that has read no CSV file yet
    passage = "A cat sleeps. " * 10_000
    path = tmp_path / "questions.csv"
    path.write_text(f'passage,question,options\n{passage},Who sleeps?,"[""a cat"", ""a dog""]"\n')
    (question,), _ = read(path)
    assert question.passage == passage.strip()


@pytest.mark.parametrize("suffix", [".jsonl.gz", ".JSONL.GZ"])
def test_text_may_be_compressed(tmp_path, suffix):
    path = tmp_path / f"questions{suffix}"
    path.write_bytes(gzip.compress(json.dumps(GOOD).encode()))
    (question,), _ = read(path)
    assert question.passage == "A cat sleeps."


def test_language_columns_of_a_row_win_over_the_defaults(tmp_path):
    rows = [GOOD, GOOD | {"passage_lang": "English"}, GOOD | {"lang": "sv", "option_lang": "deu"}]
    questions, _ = read(write(tmp_path / "q.jsonl", rows), lang="fi")
    assert [question.langs for question in questions] == [
        SideLanguages("fi", "fi", "fi"),
        SideLanguages("en", "fi", "fi"),
        SideLanguages("sv", "sv", "de"),
    ]


def test_belebele_is_read_as_published(tmp_path):
    row = {
        "link": "https://en.wikinews.org/x",
        "question_number": 1,
        "flores_passage": "Kissa nukkuu.",
        "question": "Kuka nukkuu?",
        "mc_answer1": "kissa",
        "mc_answer2": "koira",
        "mc_answer3": "talo",
        "mc_answer4": "joki",
        "correct_answer_num": "1",
        "dialect": "fin_Latn",
        "ds": "2023-05-03",
    }
    (question,), _ = read(write(tmp_path / "fin_Latn.jsonl", [row]), lang=None)
    assert question.langs == SideLanguages("fi", "fi", "fi")
    assert (question.answer, len(question.options)) == (0, 4)
    assert question.id == "https://en.wikinews.org/x#1"


def test_xcopa_is_read_as_published(tmp_path):
    row = {
        "premise": "L'uomo aprì il rubinetto.",
        "choice1": "Il bagno si riempì d'acqua.",
        "choice2": "L'acqua fluì dal beccuccio.",
        "question": "effect",
        "label": 1,
        "idx": 0,
        "changed": False,
    }
    (question,), _ = read(write(tmp_path / "val.it.jsonl", [row]), lang="it")
    assert (question.question, question.answer) == ("", 1)
    assert question.options == (row["choice1"], row["choice2"])


def test_kardes_is_read_in_translation_or_in_english(tmp_path):
    row = {
        "id": 401, "asks-for": "effect", "most-plausible-alternative": 2,
        "p": "The man turned on the faucet.", "a1": "The toilet filled.", "a2": "Water flowed.",
        "p_translation": "Kişi kranı açdı.", "a1_translation": "Tualet doldu.", "a2_translation": "Su axdı.",
    }  # fmt: skip
    path = write(tmp_path / "xcopa.jsonl", [row])
    (translated,), _ = read(path, lang="az")
    (english,), _ = read(path, lang="en", layout=KARDES_ENGLISH)
    assert (translated.passage, english.passage) == ("Kişi kranı açdı.", "The man turned on the faucet.")
    assert translated.answer == english.answer == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"options": []}, "0 options, expected two or more"),
        ({"options": ["one"]}, "1 options, expected two or more"),
        ({"options": "a or b"}, "options is text, expected a list"),
        ({"options": ["a", 2]}, r"option 1 is a number \(2\), expected text"),
        ({"options": ["a", " "]}, "option 1 is empty"),
        ({"options": None}, "options is missing, expected a list"),
        ({"answer": 2}, "option 2 counted from 0, expected 0 to 1"),
        ({"answer": -1}, "option -1 counted from 0"),
        ({"answer": 0.5}, "answer is 0.5, expected a whole number"),
        ({"answer": True}, "answer is a truth value"),
        ({"answer": "A"}, "answer is “A”, expected a number"),
        ({"passage": ""}, "passage is empty"),
        ({"passage": 5}, r"passage is a number \(5\), expected text"),
        ({"question": "  "}, "question is empty"),
        ({"question": "\ud800"}, "half of a surrogate pair"),
        ({"passage_lang": "klingonish"}, "unknown language 'klingonish'"),
    ],
)
def test_a_row_that_cannot_be_scored_is_named_or_counted(tmp_path, change, message):
    path = write(tmp_path / "q.jsonl", [GOOD, GOOD | change, GOOD])
    with pytest.raises(EvaluationError, match=rf"q\.jsonl, row 2: .*{message}"):
        read(path)
    questions, invalid = read(path, skip=True)
    assert (len(questions), invalid.count) == (2, 1)
    assert "row 2" in invalid.examples[0]


def test_a_line_that_is_no_json_object_is_named_or_counted(tmp_path):
    path = tmp_path / "q.jsonl"
    path.write_text(json.dumps(GOOD) + "\n[1, 2]\n{broken\n", encoding="utf-8")
    with pytest.raises(EvaluationError, match="row 2: not a JSON object"):
        read(path)
    assert read(path, skip=True)[1].count == 2


def test_missing_columns_and_languages_are_named(tmp_path):
    path = write(tmp_path / "q.jsonl", [{"passage": "x", "question": "y"}])
    with pytest.raises(EvaluationError, match="lacks the column options; it has passage, question"):
        read(path)
    with pytest.raises(EvaluationError, match="row 1: the language of the passage is unknown; give --lang"):
        read(write(tmp_path / "q.jsonl", [GOOD]), lang=None)


def test_a_passage_may_be_missing_where_it_will_be_retrieved(tmp_path):
    path = write(tmp_path / "q.jsonl", [GOOD | {"passage": None}])
    (question,), _ = read(path, passage_required=False)
    assert question.passage is None


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("q.parquet", b"PAR1 this is not parquet", "not a readable Parquet file"),
        ("q.jsonl", b"\xff\xfe\x00", "not UTF-8"),
        ("q.jsonl.gz", b"not gzip", "cannot be read"),
        ("q.txt", b"", "is not a table"),
        ("q.jsonl", b"", "has no rows"),
        ("q.csv", b'question,options\n"unclosed, x\n', "not a readable CSV"),
    ],
)
def test_files_that_are_no_tables_are_refused_in_a_sentence(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(EvaluationError, match=message):
        read(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(EvaluationError, match="no file"):
        read(tmp_path / "none.jsonl")


def test_deeply_nested_json_is_refused(tmp_path):
    path = tmp_path / "q.jsonl"
    path.write_text('{"question": ' + "[" * 100_000 + "\n", encoding="utf-8")
    with pytest.raises(EvaluationError, match="row 1: not a JSON object"):
        read(path)


def test_a_parquet_date_beyond_those_of_python_is_refused_in_a_sentence(tmp_path):
    rows = {name: [value] for name, value in GOOD.items()} | {"when": pa.array([10**7], pa.date32())}
    pq.write_table(pa.table(rows), tmp_path / "q.parquet")
    with pytest.raises(EvaluationError, match="not a readable Parquet file: date value out of range"):
        read(tmp_path / "q.parquet")


def test_rows_of_an_unknown_dialect_and_a_first_row_of_no_format_can_be_skipped(tmp_path):
    belebele = {"flores_passage": "p", "question": "q", "correct_answer_num": 1, "dialect": "acm_Arab"}
    belebele |= {f"mc_answer{number}": "a" for number in range(1, 5)}
    path = write(tmp_path / "acm_Arab.jsonl", [belebele, belebele | {"dialect": "arb_Arab"}])
    with pytest.raises(EvaluationError, match="row 1: unknown language 'acm_Arab'"):
        read(path)
    questions, invalid = read(path, skip=True)
    assert ([question.langs.passage for question in questions], invalid.count) == (["ar"], 1)
    path = write(tmp_path / "first.jsonl", [{"passage": "p", "question": "q"}, GOOD])
    with pytest.raises(EvaluationError, match="lacks the column options"):
        read(path)
    questions, invalid = read(path, skip=True)
    assert (len(questions), invalid.count) == (1, 1)
