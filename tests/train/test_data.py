import gzip
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.train import toy
from train.data import MINIMUM_PAIRS, TrainingData, cross_lingual_paraphrases, read_training_data
from train.leaks import refuse_leaks
from train.reading import Pair
from train.recipe import Data
from xsearch.errors import XsearchError


def two_columns(path, rows):
    pq.write_table(pa.table({"en": [a for a, _ in rows], "fi": [b for _, b in rows]}), path)
    return path


def good(count):
    return [(pair.left, pair.right) for pair in toy.pairs(count)]


def test_a_whole_folder_is_read(data_folder):
    data = read_training_data(data_folder, "fi", Data())
    assert (len(data.pairs), len(data.paraphrases), len(data.english), len(data.monolingual)) == (
        800,
        299,
        299,
        300,
    )
    assert data.left_out == {"in a development set": 2}  # a rewording and its translation
    assert len(data.dev["short"]) == 200
    assert len(data.scored["stsb"]) == 60
    assert len(data.graded) == 100
    assert {p.source for p in data.graded} == {"stsb-train scores"}


def test_scored_pairs_without_a_side_or_a_score_are_left_out(data_folder, tmp_path):
    shutil.copytree(data_folder, tmp_path / "data")
    rows = {"s1": ["a", "", "c", "d"], "s2": ["b", "b", "b", None], "score": [1.0, 2.0, None, 3.0]}
    pq.write_table(pa.table(rows), tmp_path / "data" / "sts_train" / "stsb_train_fi.parquet")
    assert [p.gold for p in read_training_data(tmp_path / "data", "fi", Data()).graded] == [1.0]


def test_relatives_give_translations_that_carry_their_name(data_folder, tmp_path):
    shutil.copytree(data_folder, tmp_path / "data")
    toy.write_pairs(tmp_path / "data" / "parallel" / "en-et.parquet", toy.pairs(900, seed=5))
    data = read_training_data(tmp_path / "data", "fi", Data(relatives=("et",), relatives_share=0.2))
    assert len(data.relatives) == 200
    assert {p.source for p in data.relatives} == {"et:source-0"}
    assert len(data.translations()) == 1000
    held_out = {p.left for pairs in data.dev.values() for p in pairs}
    assert held_out.isdisjoint(p.left for p in data.relatives)


def test_a_relative_without_data_is_refused(data_folder):
    with pytest.raises(XsearchError, match="no translation pairs for the relative 'et'"):
        read_training_data(data_folder, "fi", Data(relatives=("et",)))


def test_two_columns_are_enough_and_some_pairs_are_held_out_by_content(tmp_path):
    rows = good(1000)
    data = read_training_data(two_columns(tmp_path / "a.parquet", rows), "fi", Data())
    again = read_training_data(two_columns(tmp_path / "b.parquet", rows[::-1]), "fi", Data())
    assert (len(data.pairs), len(data.dev["short"])) == (950, 50)
    assert {p.left for p in data.dev["short"]} == {p.left for p in again.dev["short"]}
    assert {p.left for p in data.pairs}.isdisjoint(p.left for p in data.dev["short"])


def test_no_text_is_held_out_twice(tmp_path):
    rows = [(a, f"{b} {wording}") for a, b in good(500) for wording in "abcdefgh"]
    held = read_training_data(two_columns(tmp_path / "a.parquet", rows), "fi", Data()).dev["short"]
    assert len(held) == 80
    assert len({p.left for p in held}) == 80
    rows = [(f"{a} {wording}", b) for a, b in good(500) for wording in "abcdefgh"]
    held = read_training_data(two_columns(tmp_path / "b.parquet", rows), "fi", Data()).dev["short"]
    assert len({p.right for p in held}) == len(held) == 80


def test_what_is_held_out_is_nowhere_in_training_even_in_another_spelling(tmp_path):
    rows = good(600)
    data = read_training_data(
        two_columns(tmp_path / "a.parquet", rows + [(a.upper() + "!", b) for a, b in rows]), "fi", Data()
    )
    held = {p.left.lower().rstrip("!") for p in data.dev["short"]}
    assert held.isdisjoint(p.left.lower().rstrip("!") for p in data.pairs)


def every_part(data):
    rows = [*data.translations(), *data.paraphrases, *data.english, *data.graded]
    return [text for p in rows for text in (p.left, p.right)] + data.monolingual


def test_what_is_held_out_is_in_no_part_that_is_learnt_from(tmp_path, data_folder):
    folder = shutil.copytree(data_folder, tmp_path / "data")
    shutil.rmtree(folder / "dev")
    rows = toy.pairs(800)
    toy.write_pairs(folder / "parallel" / "en-fi.parquet", rows)
    toy.write_pairs(folder / "parallel" / "en-et.parquet", rows)
    pq.write_table(pa.table({"text": [p.right for p in rows]}), folder / "mono" / "fi.parquet")
    for name, side in (("en", "left"), ("fi", "right")):
        texts = [getattr(p, side) for p in rows]
        columns = {"a": [text.upper() for text in texts], "b": [f"{text} again" for text in texts]}
        pq.write_table(pa.table(columns), folder / "paraphrase" / f"{name}.parquet")
    toy.write_scored(folder / "sts_train" / "stsb_train_fi.parquet", rows, np.random.default_rng(0), 800)
    data = read_training_data(folder, "fi", Data(relatives=("et",)))
    held = {text for p in data.dev["short"] for text in (p.left, p.right)}
    assert len(data.dev["short"]) == 50
    assert held.isdisjoint(text.lower() for text in every_part(data))
    assert data.relatives
    assert data.left_out["held out"] >= 50 * 6  # a row of each part


def test_what_dev_holds_is_in_no_part_that_is_learnt_from(tmp_path, data_folder):
    folder = shutil.copytree(data_folder, tmp_path / "data")
    before = read_training_data(folder, "fi", Data())
    given = [
        before.pairs[3],
        Pair("Is it?", before.monolingual[3], "s"),
        Pair("x", before.graded[3].right, "s"),
    ]
    scored = {"s1": [before.paraphrases[5].left], "s2": [before.english[9].right], "score": [1.0]}
    toy.write_pairs(folder / "dev" / "en-fi.parquet", given)
    pq.write_table(pa.table(scored), folder / "dev" / "stsb_dev_fi.parquet")
    relatives = [*toy.pairs(300, seed=5), Pair("IS IT", "on", "s")]
    toy.write_pairs(folder / "parallel" / "en-et.parquet", relatives)
    data = read_training_data(folder, "fi", Data(relatives=("et",)))
    chosen_on = {text for p in (*given, *data.scored["stsb"]) for text in (p.left, p.right)}
    assert chosen_on.isdisjoint(every_part(data))
    assert data.left_out["in a development set"] >= 6
    assert len(data.relatives) == 300
    assert "held out" not in data.left_out


def test_what_holding_out_takes_is_said_where_too_few_pairs_stay(tmp_path):
    rows = good(MINIMUM_PAIRS + 10)
    again = [(a + "!", b) for a, b in rows]
    path = two_columns(tmp_path / "a.parquet", (rows + again)[: MINIMUM_PAIRS + 40])
    with pytest.raises(XsearchError, match=r"4\d\d usable translation pairs \(left out: \d+ held out\)"):
        read_training_data(path, "fi", Data())


def test_bad_rows_are_left_out_and_counted(tmp_path):
    bad = [
        ("", "koira"),
        ("dog", None),
        (" ", "\n"),
        ("a" * 5000, "b"),
        ("b", "ä" * 1_000_000),
        ("odd \ufffd", "outo"),
        ("h\0o\0u\0s\0e", "talo"),
    ]
    rows = good(800) + bad + good(800)[:7]
    data = read_training_data(two_columns(tmp_path / "a.parquet", rows), "fi", Data())
    assert data.left_out == {
        "with an empty side": 3,
        "longer than 1200 characters": 2,
        "wrongly decoded": 2,
        "duplicated": 7,
        "held out": 50,
    }
    assert len(data.pairs) + len(data.dev["short"]) == 800


def test_huge_and_wrongly_decoded_monolingual_texts_are_left_out(tmp_path, data_folder):
    import shutil

    folder = shutil.copytree(data_folder, tmp_path / "data")
    pq.write_table(
        pa.table({"text": ["x" * 10**6, "good", "b\ufffdd", "b\0a\0d", "", None]}),
        folder / "mono" / "fi.parquet",
    )
    data = read_training_data(folder, "fi", Data())
    assert data.monolingual == ["good"]
    assert data.left_out["(monolingual) longer than 1200 characters"] == 1
    assert data.left_out["(monolingual) wrongly decoded"] == 2


def test_ten_pairs_are_too_few(tmp_path):
    path = two_columns(tmp_path / "a.parquet", [*good(10), ("", "")])
    with pytest.raises(XsearchError, match=rf"10 usable .*1 with an empty side.*at least {MINIMUM_PAIRS}"):
        read_training_data(path, "fi", Data())


def test_the_same_pair_a_thousand_times_is_one_pair(tmp_path):
    with pytest.raises(XsearchError, match="1 usable translation pairs .*999 duplicated"):
        read_training_data(two_columns(tmp_path / "a.parquet", good(1) * 1000), "fi", Data())


def test_one_side_missing_throughout_is_refused(tmp_path):
    rows = [(a, None) for a, _ in good(700)]
    pq.write_table(
        pa.table({"en": [a for a, _ in rows], "fi": pa.array([None] * 700, pa.string())}),
        tmp_path / "a.parquet",
    )
    with pytest.raises(XsearchError, match="0 usable .*700 with an empty side"):
        read_training_data(tmp_path / "a.parquet", "fi", Data())


def test_no_data_for_the_language_is_said_with_the_path(tmp_path):
    with pytest.raises(XsearchError, match=r"no translation pairs for 'fi'.*parallel/en-fi\.parquet"):
        read_training_data(tmp_path, "fi", Data())


def test_skipped_sources_are_left_out(data_folder):
    data = read_training_data(data_folder, "fi", Data(skip_sources=("source-1",)))
    assert {p.source for p in data.pairs} == {"source-0", "source-2"}
    assert data.left_out["of a skipped source"] > 0


@pytest.mark.parametrize("part", ["pairs", "paraphrases", "english", "mono"])
def test_a_test_sentence_in_any_part_of_the_training_data_is_refused(tmp_path, data_folder, part):
    data = read_training_data(data_folder, "fi", Data())
    leaked = {
        "pairs": data.pairs[5].right,
        "paraphrases": data.paraphrases[5].left,
        "english": data.english[5].right,
        "mono": data.monolingual[5],
    }[part]
    (tmp_path / "deep").mkdir()
    spelt = leaked.replace(" ", "  ").upper() + " !"
    pq.write_table(
        pa.table({"s1": ["quite another sentence", spelt], "score": [1, 2]}),
        tmp_path / "deep" / "test.parquet",
    )
    with pytest.raises(
        XsearchError, match=r"stand in the test sets too, the first in test\.parquet.*remove them"
    ):
        read_training_data(data_folder, "fi", Data(), tmp_path)


def test_test_sets_without_a_common_sentence_are_no_hindrance(tmp_path, data_folder):
    pq.write_table(pa.table({"s1": ["quite another sentence", "yes."]}), tmp_path / "test.parquet")
    assert read_training_data(data_folder, "fi", Data(), tmp_path).pairs


def test_an_empty_folder_of_test_sets_is_a_mistake(tmp_path):
    with pytest.raises(XsearchError, match="no files there"):
        refuse_leaks(["anything"], tmp_path, "fi")


def test_short_sentences_recur_by_accident_but_less_so_in_chinese(tmp_path):
    pq.write_table(pa.table({"s1": ["Thank you.", "我昨天去了北京"]}), tmp_path / "test.parquet")
    refuse_leaks(["thank you"], tmp_path, "fi")
    with pytest.raises(XsearchError, match="1 training texts"):
        refuse_leaks(["我昨天去了北京。"], tmp_path, "zh")


def test_cross_lingual_paraphrases_come_from_either_side():
    data = TrainingData(
        "fi",
        pairs=[Pair("house", "talo", "s"), Pair("dog", "koira", "s")],
        paraphrases=[Pair("rakennus", "talo", "p")],
        monolingual=[],
        dev={},
        english=[Pair("dog", "hound", "q"), Pair("unseen", "neither", "q")],
    )
    found = cross_lingual_paraphrases(data)
    assert found == [Pair("house", "rakennus", "p"), Pair("hound", "koira", "en:q")]


def test_sentences_of_copa_are_a_dev_set_of_their_own(data_folder, tmp_path):
    shutil.copytree(data_folder, tmp_path / "data")
    english = {"p": ["The man ran.", "It rained."], "a1": ["He fell.", "It rained."], "a2": ["He won.", ""]}
    finnish = {
        "p": ["Mies juoksi.", "Satoi."],
        "a1": ["Hän kaatui.", "Satoi."],
        "a2": ["Hän voitti.", "Hän."],
    }
    columns = english | {f"{name}_translation": texts for name, texts in finnish.items()}
    pq.write_table(pa.table(columns), tmp_path / "data" / "dev" / "kardes_xcopa_dev_fi.parquet")
    pairs = read_training_data(tmp_path / "data", "fi", Data()).dev["everyday"]
    assert [(p.left, p.right) for p in pairs] == [
        ("The man ran.", "Mies juoksi."),
        ("He fell.", "Hän kaatui."),
        ("He won.", "Hän voitti."),
        ("It rained.", "Satoi."),
    ]


def test_sentences_of_xcopa_find_their_english_by_number(data_folder, tmp_path):
    shutil.copytree(data_folder, tmp_path / "data")
    dev = tmp_path / "data" / "dev"
    english = {
        "id": [401, 402],
        "p": ["The man ran.", "It rained."],
        "a1": ["He fell.", "A."],
        "a2": ["He won.", "B."],
    }
    beside = {f"{name}_translation": ["?", "?"] for name in ("p", "a1", "a2")}
    pq.write_table(pa.table(english | beside), dev / "kardes_xcopa_dev_et.parquet")
    finnish = {
        "premise": ["Satoi.", "Muu.", "Muu."],
        "choice1": ["Aa.", "Muu.", "Muu."],
        "choice2": ["Bee.", "Muu.", "Muu."],
        "idx": [1, 7, None],
    }
    pq.write_table(pa.table(finnish), dev / "xcopa_val_fi.parquet")
    pairs = read_training_data(tmp_path / "data", "fi", Data()).dev["everyday"]
    assert [(p.left, p.right) for p in pairs] == [("It rained.", "Satoi."), ("A.", "Aa."), ("B.", "Bee.")]


def test_a_test_sentence_in_a_spelling_that_the_tokenizer_reads_alike_is_a_leak(tmp_path):
    toy.write_pairs(
        tmp_path / "parallel" / "en-zh.parquet", [*toy.pairs(600), Pair("x", "他们正在说话吗", "s")]
    )
    (tmp_path / "test").mkdir()
    pq.write_table(pa.table({"xx": ["他們正在說話嗎？"]}), tmp_path / "test" / "zh.parquet")
    with pytest.raises(XsearchError, match="1 training texts stand in the test sets too"):
        read_training_data(tmp_path, "zh", Data(), tmp_path / "test")


def test_some_pairs_are_held_out_where_only_another_dev_set_is_there(data_folder, tmp_path):
    shutil.copytree(data_folder / "parallel", tmp_path / "parallel")
    data = read_training_data(tmp_path, "fi", Data())
    assert len(data.dev["short"]) >= 50


TRAINED = "He walked to the station this morning."


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tatoeba.fin-eng.eng", f"{TRAINED}\n"),
        ("sts.tsv", f"0.5\t{TRAINED}\tanother\tragged\n1\t2\n"),
        ("semrel.csv", f'PairID,Text,Score\n1,"{TRAINED}\nAnother",0.5\n'),
        ("stsb.csv", f"a;b\n{TRAINED};another\n"),
        ("corpus.jsonl", f'{{"_id": "1", "text": "{TRAINED}"}}\n'),
        ("dev.json", f'{{"data": [{{"paragraphs": [{{"context": "{TRAINED}"}}]}}]}}'),
    ],
)
def test_test_sets_are_compared_with_in_every_layout(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content.replace("station", "harbour").encode()))
    for text in (TRAINED, TRAINED.replace("station", "harbour")):
        with pytest.raises(XsearchError, match="1 training texts stand in the test sets"):
            refuse_leaks([text, "Something else altogether."], tmp_path, "fi")
    refuse_leaks(["Something else altogether."], tmp_path, "fi")


def test_texts_in_lists_and_structures_of_test_sets_are_compared_with(tmp_path):
    pq.write_table(pa.table({"choices": [[{"label": "A", "texts": [TRAINED]}]]}), tmp_path / "set.parquet")
    with pytest.raises(XsearchError, match="1 training texts stand in the test sets"):
        refuse_leaks([TRAINED], tmp_path / "set.parquet", "fi")


@pytest.mark.parametrize("name", ["sets.zip", "broken.json", "broken.gz"])
def test_a_file_among_the_test_sets_that_cannot_be_read_is_refused_and_not_passed_over(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x1f\x8b\xff")
    with pytest.raises(XsearchError, match=rf"{name} cannot be compared with"):
        refuse_leaks([TRAINED], tmp_path, "fi")


def test_what_is_held_out_to_choose_on_is_in_no_test_set(tmp_path):
    path = two_columns(tmp_path / "pairs.parquet", good(800))
    held = read_training_data(path, "fi", Data()).dev["short"][0]
    toy.write_pairs(tmp_path / "tests" / "set.parquet", [held])
    with pytest.raises(XsearchError, match="stand in the test sets"):
        read_training_data(path, "fi", Data(), tmp_path / "tests")
