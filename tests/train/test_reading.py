import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.train.toy import ENGLISH
from train.reading import Pair, read_columns, read_pairs, read_texts, read_translations
from xsearch.errors import XsearchError

ONE, TWO = ["the dog", "a house"], ["koira", "talo"]
FINNISH = [
    "Hyvää huomenta kaikille",
    "Missä rautatieasema on?",
    "Talvi tuli tänä vuonna aikaisin",
    "Minä en tiedä sitä",
] * 5
SAME_IN_ENGLISH = [
    "Good morning everyone",
    "Where is the railway station?",
    "The winter came early",
    "I do not know it",
] * 5


def parquet(tmp_path, **columns):
    path = tmp_path / "pairs.parquet"
    pq.write_table(pa.table(columns), path)
    return path


@pytest.mark.parametrize(
    ("first", "second"),
    [("en", "xx"), ("en", "fi"), ("english", "finnish"), ("text_en", "text_fi"), ("eng", "fin"), ("src", "tgt"),
     ("source", "target"), ("en", "anything"), ("anything", "fi")],
)  # fmt: skip
def test_english_comes_first_whatever_the_columns_are_called(tmp_path, first, second):
    path = parquet(tmp_path, **{first: ONE, second: TWO})
    assert read_translations(path, "fi") == [
        Pair("the dog", "koira", "pairs"),
        Pair("a house", "talo", "pairs"),
    ]


@pytest.mark.parametrize(
    ("first", "second"), [("xx", "en"), ("fi", "en"), ("finnish", "english"), ("fi", "other")]
)
def test_named_columns_may_stand_in_any_order(tmp_path, first, second):
    path = parquet(tmp_path, **{first: TWO, second: ONE})
    assert read_translations(path, "fi")[0] == Pair("the dog", "koira", "pairs")


def test_unnamed_columns_in_the_wrong_order_are_told_by_their_texts(tmp_path):
    path = parquet(tmp_path, a=FINNISH, b=SAME_IN_ENGLISH)
    assert read_translations(path, "fi")[0] == Pair(SAME_IN_ENGLISH[0], FINNISH[0], "pairs")


def test_unnamed_columns_in_the_right_order_stay(tmp_path):
    path = parquet(tmp_path, a=SAME_IN_ENGLISH, b=FINNISH)
    assert read_translations(path, "fi")[0] == Pair(SAME_IN_ENGLISH[0], FINNISH[0], "pairs")


def test_sources_and_other_columns_stand_beside_the_texts(tmp_path):
    path = parquet(tmp_path, id=["1", "2"], en=ONE, xx=TWO, source=["news", None], score=[1.0, 2.0])
    assert [pair.source for pair in read_translations(path, "fi")] == ["news", "None"]


def test_the_indonesian_side_may_be_called_id(tmp_path):
    path = parquet(tmp_path, en=ONE, id=TWO, source=["a", "a"])
    assert read_translations(path, "id")[0] == Pair("the dog", "koira", "a")


def test_source_and_target_are_the_sides_where_both_are_there(tmp_path):
    path = parquet(tmp_path, source=ONE, target=TWO, doc=["a", "a"])
    assert read_translations(path, "fi")[0] == Pair("the dog", "koira", "pairs")


def test_paraphrases_keep_the_order_of_their_columns(tmp_path):
    assert read_pairs(parquet(tmp_path, b=ONE, a=TWO))[0] == Pair("the dog", "koira", "pairs")


def test_categories_of_pandas_and_wide_strings_are_text(tmp_path):
    frame = pd.DataFrame({"en": ONE, "fi": TWO})
    frame["en"] = frame["en"].astype("category")
    frame.to_parquet(tmp_path / "pairs.parquet")
    assert read_translations(tmp_path / "pairs.parquet", "fi")[0].left == "the dog"
    path = parquet(tmp_path, en=pa.array(ONE, pa.large_string()), xx=pa.array(TWO, pa.string()))
    assert read_translations(path, "fi")[0].left == "the dog"


def test_missing_sides_are_empty(tmp_path):
    assert read_translations(parquet(tmp_path, en=["a", None], xx=[None, "b"]), "fi") == [
        Pair("a", "", "pairs"),
        Pair("", "b", "pairs"),
    ]


@pytest.mark.parametrize("declared", [pa.string(), pa.binary()])
def test_bytes_that_are_no_utf8_show_as_replacement_characters(tmp_path, declared):
    foreign = pa.array([b"talo", "jää".encode("latin-1")], pa.binary())
    path = parquet(tmp_path, en=["house", "ice"], xx=foreign.view(declared))
    assert [pair.right for pair in read_translations(path, "fi")] == ["talo", "j\ufffd\ufffd"]


def test_a_file_read_in_the_wrong_encoding_throughout_is_refused(tmp_path):
    mojibake = [text.encode().decode("cp1252", "replace") for text in FINNISH * 10]
    path = parquet(tmp_path, en=SAME_IN_ENGLISH * 10, xx=mojibake)
    with pytest.raises(XsearchError, match="read in another encoding.*read the original as UTF-8"):
        read_translations(path, "fi")


@pytest.mark.parametrize("columns", [{"en": ONE}, {"en": ONE, "xx": [1, 2]}, {"n": [1, 2]}])
def test_a_file_without_two_columns_of_text_is_refused(tmp_path, columns):
    with pytest.raises(XsearchError, match="expected two columns of text"):
        read_translations(parquet(tmp_path, **columns), "fi")


def test_a_file_that_is_no_parquet_is_refused(tmp_path):
    path = tmp_path / "pairs.parquet"
    path.write_text(" ".join(ENGLISH))
    with pytest.raises(XsearchError, match="cannot be read as Parquet"):
        read_translations(path, "fi")


def test_single_texts_come_from_the_column_text_without_empty_rows(tmp_path):
    assert read_texts(parquet(tmp_path, id=["1", "2", "3"], text=["a", " ", None])) == ["a"]
    assert read_texts(parquet(tmp_path, content=["a", "b"])) == ["a", "b"]
    with pytest.raises(XsearchError, match="expected a column of text, found n"):
        read_texts(parquet(tmp_path, n=[1]))


def test_missing_columns_are_named(tmp_path):
    with pytest.raises(XsearchError, match="expected the columns s1, s2, score, found s1"):
        read_columns(parquet(tmp_path, s1=ONE), ("s1", "s2"), ("score",))


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"s1": [1, 2], "score": [1.0, 2.0]}, "column 's1' holds int64, expected text"),
        ({"s1": [None, None], "score": [1.0, 2.0]}, "column 's1' holds null, expected text"),
        ({"s1": ONE, "score": ["4.5", "1"]}, "column 'score' holds string, expected numbers"),
    ],
)
def test_columns_of_another_kind_are_refused(tmp_path, columns, said):
    with pytest.raises(XsearchError, match=said):
        read_columns(parquet(tmp_path, **columns), ("s1",), ("score",))
    assert read_columns(parquet(tmp_path, a=ONE, b=[1, None]), ("a",), ("b",)) == {"a": ONE, "b": [1, None]}


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("suffix", ["csv", "tsv"])
def test_delimited_files_are_read_with_and_without_names(tmp_path, suffix, header):
    rows = [('He said "no".', 'Hän sanoi "ei".'), ("One, two.", "Yksi, kaksi.")]
    if suffix == "csv":
        lines = [",".join('"' + text.replace('"', '""') + '"' for text in row) for row in rows]
    else:
        lines = ["\t".join((*row, "CC-BY 2.0")) for row in rows]
    names = {"csv": "English,fi", "tsv": "English\tfi\tsource"}[suffix]
    path = tmp_path / f"pairs.{suffix}"
    path.write_text("\n".join([*([names] if header else []), *lines]) + "\n", encoding="utf-8-sig")
    found = read_translations(path, "fi")
    assert [(pair.left, pair.right) for pair in found] == rows
    source = "CC-BY 2.0" if header and suffix == "tsv" else "pairs"
    assert {pair.source for pair in found} == {source}


def test_a_quotation_mark_at_the_start_of_a_tsv_is_part_of_the_text(tmp_path):
    (tmp_path / "pairs.tsv").write_text('"No\tEi\nYes"\tKyllä\n', encoding="utf-8")
    found = read_translations(tmp_path / "pairs.tsv", "fi")
    assert [(pair.left, pair.right) for pair in found] == [('"No', "Ei"), ('Yes"', "Kyllä")]


def test_two_columns_of_one_name_in_a_delimited_file_are_refused(tmp_path):
    (tmp_path / "pairs.csv").write_text("en,en\na,b\n")
    with pytest.raises(XsearchError, match="two columns have one name"):
        read_translations(tmp_path / "pairs.csv", "fi")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_is_refused_in_one_line(tmp_path, encoding):
    (tmp_path / "pairs.tsv").write_text("\ufeffhouse\ttalo\n", encoding=encoding)
    with pytest.raises(XsearchError, match=r"pairs\.tsv is UTF-16, expected UTF-8; save it as UTF-8$"):
        read_translations(tmp_path / "pairs.tsv", "fi")


def test_single_texts_read_in_the_wrong_encoding_throughout_are_refused(tmp_path):
    mojibake = [text.encode().decode("cp1252", "replace") for text in FINNISH * 10]
    with pytest.raises(XsearchError, match="column 'text'.*read in another encoding"):
        read_texts(parquet(tmp_path, text=mojibake))


def delimited(tmp_path, *lines):
    """A file of these lines: CSV if there are commas, TSV otherwise."""
    path = tmp_path / ("pairs.csv" if "," in lines[0] else "pairs.tsv")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def sides(path, language):
    return [(pair.left, pair.right) for pair in read_translations(path, language)]


BOTH = list(zip(ONE, TWO, strict=True))


@pytest.mark.parametrize(
    "lines",
    [
        ["1276\tthe dog\t77\tkoira", "1277\ta house\t78\ttalo"],  # Tatoeba's own download
        [",en,fi", "0,the dog,koira", "1,a house,talo"],  # pandas' to_csv with its index
        [",text_en,text_fi", "0,the dog,koira", "1,a house,talo"],
        ["score,en,fi", "1.25,the dog,koira", "9e-05,a house,talo"],
        ["en,fi,,", "the dog,koira,,", "a house,talo,,"],  # a spreadsheet's empty columns
    ],
)
def test_numbers_and_nameless_columns_are_no_side(tmp_path, lines):
    assert sides(delimited(tmp_path, *lines), "fi") == BOTH


@pytest.mark.parametrize("number", ["1", "row-1"])
def test_a_column_of_ids_is_not_the_indonesian_side_where_another_is(tmp_path, number):
    path = delimited(tmp_path, "id,english,indonesian", f"{number},the dog,anjing")
    assert sides(path, "id") == [("the dog", "anjing")]


def test_a_column_of_texts_may_begin_with_numbers(tmp_path):
    numbers = [str(number) for number in range(150)]
    path = parquet(tmp_path, en=[*numbers, *ONE * 75], fi=[*numbers, *TWO * 75])
    assert sides(path, "fi")[-1] == ("a house", "talo")


@pytest.mark.parametrize("first", ["Hi\tनमस्ते", "Hi\tIt is so"])
def test_a_first_text_that_happens_to_be_a_code_is_no_name(tmp_path, first):
    path = delimited(tmp_path, first, "Where is the station?\tस्टेशन कहाँ है?")
    assert sides(path, "hi") == [
        tuple(first.split("\t")),
        ("Where is the station?", "स्टेशन कहाँ है?"),
    ]


@pytest.mark.parametrize(
    ("lines", "columns"),
    [
        (["the dog\tkoira\ta note", "a house\ttalo\tanother"], "column 1, column 2, column 3"),
        (["en,text,translation", "the dog,koira,hund"], "en, text, translation"),
    ],
)
def test_more_columns_of_text_whose_names_do_not_tell_the_sides_are_refused(tmp_path, lines, columns):
    with pytest.raises(
        XsearchError, match=rf"3 columns of text \({columns}\), expected two; name one en and"
    ):
        read_translations(delimited(tmp_path, *lines), "fi")


def test_the_usual_names_of_sides_tell_them_from_other_texts(tmp_path):
    assert sides(parquet(tmp_path, src=ONE, url=["a", "b"], tgt=TWO), "fi") == BOTH
    assert sides(parquet(tmp_path, src=["a", "b"], xx=TWO, en=ONE), "fi") == BOTH


def test_names_of_both_sides_make_a_first_line_of_names_whatever_stands_beside(tmp_path):
    path = delimited(tmp_path, "remark,fi,en", "a note,koira,the dog", "another,talo,a house")
    assert sides(path, "fi") == BOTH


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_a_csv_of_a_spreadsheet_that_divides_cells_otherwise_is_read(tmp_path, delimiter):
    (tmp_path / "pairs.csv").write_text("\n".join(map(delimiter.join, [("en", "fi"), *BOTH])) + "\n")
    assert sides(tmp_path / "pairs.csv", "fi") == BOTH


@pytest.mark.parametrize("rows_before", [0, 2])
@pytest.mark.parametrize("suffix", ["csv", "tsv"])
def test_a_huge_row_is_a_row_like_others(tmp_path, suffix, rows_before):
    huge = ("a" * 3_000_000, "b")
    rows = [*BOTH[:rows_before], huge, *BOTH]
    lines = map({"csv": ",", "tsv": "\t"}[suffix].join, rows)
    (tmp_path / f"pairs.{suffix}").write_text("\n".join(lines) + "\n")
    assert sides(tmp_path / f"pairs.{suffix}", "fi") == rows


def test_a_quotation_mark_that_is_never_closed_is_refused_in_one_line(tmp_path):
    (tmp_path / "pairs.csv").write_text('"' + "the dog,koira\n" * 2_000_000)
    with pytest.raises(XsearchError, match=r"pairs\.csv cannot be read as CSV \(field larger than"):
        read_translations(tmp_path / "pairs.csv", "fi")


def test_columns_that_do_not_hold_what_their_names_say_are_refused(tmp_path):
    path = parquet(tmp_path, en=FINNISH, fi=SAME_IN_ENGLISH)
    with pytest.raises(XsearchError, match="texts of column 'fi' are English and those of 'en' are not"):
        read_translations(path, "fi")


def test_one_text_on_both_sides_of_most_rows_is_refused(tmp_path):
    path = parquet(tmp_path, en=[*ONE, "Ubuntu"], fi=[*ONE, "Ubuntu"])
    with pytest.raises(XsearchError, match="hold the same text in 3 of 3 rows, expected translations"):
        read_translations(path, "fi")
    assert len(read_translations(parquet(tmp_path, en=[*ONE, "Ubuntu"], fi=[*TWO, "Ubuntu"]), "fi")) == 3
