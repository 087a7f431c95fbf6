"""Finding and reading evaluation sets as they are published."""

import gzip
import json

import numpy as np
import pytest

from xsearch.errors import EvaluationError
from xsearch.evaluation.layouts import (
    RetrievalLanguages,
    find_bitext,
    find_questions,
    find_relatedness,
    find_retrieval,
    find_similarity,
)
from xsearch.qa.question import SideLanguages
from xsearch.qa.rows import InvalidRows


def found(candidates):
    return {(each.dataset, each.split, each.subset): each for each in candidates}


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def load(candidate, *, skip=False):
    return candidate.load(InvalidRows(skip=skip))


def test_stsb_comes_in_each_language_and_in_every_pair(data):
    sets = found(find_similarity(data))
    assert set(sets) == {("STSb", "test", subset) for subset in ("en", "fi", "en-fi", "fi-en")}
    crossed = load(sets["STSb", "test", "en-fi"])
    assert crossed.langs == ("en", "fi")
    assert crossed.left[0].startswith("the ")
    assert crossed.right[0].startswith("fi:the ")
    assert crossed.provenance.files == ("stsb_test_en.parquet", "stsb_test_fi.parquet")


def test_stsb_is_read_without_a_header(tmp_path):
    put(
        tmp_path / "stsb-de-test.csv", 'Ein Mann isst.,"Ein Mann, der isst.",4.2\nEin Hund.,Eine Katze.,0.5\n'
    )
    pairs = load(found(find_similarity(tmp_path))["STSb", "test", "de"])
    assert pairs.right[0] == "Ein Mann, der isst."
    np.testing.assert_array_equal(pairs.gold, [4.2, 0.5])


def test_sts17_is_read_as_semeval_published_it(tmp_path):
    put(
        tmp_path / "STS2017.eval.v1.1" / "STS.input.track4a.es-en.txt",
        "Hola.\tHello.\tnote\nAdiós.\tThe cat.\nX.\tY.\n",
    )
    put(tmp_path / "STS2017.gs" / "STS.gs.track4a.es-en.txt", "5.0\n0.2\n\n")
    pairs = load(found(find_similarity(tmp_path))["STS17", "test", "es-en"])
    assert pairs.left == ("Hola.", "Adiós.")
    assert pairs.right == ("Hello.", "The cat.")
    np.testing.assert_array_equal(pairs.gold, [5.0, 0.2])


def test_sts17_leaves_out_the_track_that_judges_machine_translations(tmp_path):
    for track in ("track4a", "track4b"):
        put(tmp_path / f"STS.input.{track}.es-en.txt", f"Hola.\t{track}.\n")
        put(tmp_path / f"STS.gs.{track}.es-en.txt", "5.0\n")
    (candidate,) = find_similarity(tmp_path)
    assert load(candidate).right == ("track4a.",)


def test_sts17_scores_of_another_length_or_none_are_refused(tmp_path):
    put(tmp_path / "STS.input.track5.en-en.txt", "A.\tB.\nC.\tD.\n")
    (candidate,) = find_similarity(tmp_path)
    with pytest.raises(EvaluationError, match=r"expected STS\.gs\.track5\.en-en\.txt"):
        load(candidate)
    put(tmp_path / "STS.gs.track5.en-en.txt", "1.0\n")
    (candidate,) = find_similarity(tmp_path)
    with pytest.raises(EvaluationError, match="has 2 lines"):
        load(candidate)


def test_one_file_with_a_column_lang_holds_many_subsets(tmp_path):
    rows = [
        {"sentence1": "A", "sentence2": "B", "score": 1.5, "lang": "en-de"},
        {"sentence1": "C", "sentence2": "D", "score": 2.5, "lang": "zh"},
        {"sentence1": "E", "sentence2": "F", "score": 3.5, "lang": "en-de"},
    ]
    folder = tmp_path / "sts22-crosslingual-sts"
    folder.mkdir()
    with gzip.open(folder / "test.jsonl.gz", "wt", encoding="utf-8") as handle:
        handle.writelines(json.dumps(row) + "\n" for row in rows)
    sets = found(find_similarity(tmp_path))
    assert set(sets) == {("STS22", "test", "en-de"), ("STS22", "test", "zh")}
    assert load(sets["STS22", "test", "en-de"]).left == ("A", "E")


@pytest.mark.parametrize("published", [True, False])
def test_kardes_sts_is_also_paired_with_english(tmp_path, write_table, published):
    if published:
        put(
            tmp_path / "sts.dev.az.csv",
            "Unnamed: 0,sentence1,sentence2,score,s1_translation,s2_translation\n10,A.,B.,3.2,X.,Y.\n",
        )
    else:
        row = {"s1": "X.", "s2": "Y.", "score": 3.2, "s1_en": "A.", "s2_en": "B."}
        write_table(tmp_path / "kardes_sts_dev_az.parquet", [row])
    sets = found(find_similarity(tmp_path))
    assert {key[2] for key in sets} == {"az", "az-en", "en-az"}
    crossed = load(sets["Kardes-STS", "dev", "en-az"])
    assert (crossed.left, crossed.right) == (("A.",), ("Y.",))


@pytest.mark.parametrize(("name", "lang", "subset"), [("esp", "es", "es"), ("arq", "ar", "arq")])
def test_semrel_is_found_by_its_own_names_of_languages(tmp_path, name, lang, subset):
    put(tmp_path / f"{name}_dev_with_labels.csv", 'PairID,Text,Score\n1,"first\nsecond",0.5\n')
    (candidate,) = find_relatedness(tmp_path)
    assert (candidate.langs, candidate.subset) == ((lang, lang), subset)


def test_semrel_is_read_in_both_forms_and_keeps_dialects_apart(tmp_path, write_table):
    put(tmp_path / "ary_test_with_labels.csv", 'PairID,Text,Score\nARY-1,"first\nsecond",0.5\n')
    put(tmp_path / "afr_dev.csv", 'PairID,Text,Score\nAFR-1,"only one",0.5\n')
    write_table(tmp_path / "semrel_test_ar.parquet", [{"s1": "x", "s2": "y", "score": 0.25}])
    sets = found(find_relatedness(tmp_path))
    assert set(sets) == {("SemRel", "test", "ary"), ("SemRel", "dev", "af"), ("SemRel", "test", "ar")}
    dialect = load(sets["SemRel", "test", "ary"])
    assert (dialect.langs, dialect.left, dialect.right) == (("ar", "ar"), ("first",), ("second",))
    with pytest.raises(EvaluationError, match="expected two sentences"):
        load(sets["SemRel", "dev", "af"])


def test_semrel_keeps_dialects_apart_in_tables_too(tmp_path, write_table):
    for lang in ("ar", "ary"):
        write_table(tmp_path / f"semrel_test_{lang}.parquet", [{"s1": lang, "s2": "y", "score": 0.25}])
    assert [candidate.subset for candidate in find_relatedness(tmp_path)] == ["ar", "ary"]


def test_semrel_without_its_scores_is_left_out_beside_the_file_that_has_them(tmp_path):
    put(tmp_path / "mar_test.csv", 'PairID,Text\nMAR-1,"first\nsecond"\n')
    put(tmp_path / "mar_test_with_labels.csv", 'PairID,Text,Score\nMAR-1,"first\nsecond",0.5\n')
    (candidate,) = find_relatedness(tmp_path)
    assert load(candidate).gold.tolist() == [0.5]


def test_tatoeba_is_read_from_columns_and_from_laser_files(tmp_path, write_table):
    write_table(tmp_path / "tatoeba_en-fi.parquet", [{"en": "A cat.", "xx": "Kissa."}])
    put(tmp_path / "tatoeba.swh-eng.swh", "Paka.\nMbwa.\n")
    put(tmp_path / "tatoeba.swh-eng.eng", "A cat.\nA dog.\n")
    sets = found(find_bitext(tmp_path))
    assert set(sets) == {("Tatoeba", "test", "en-fi"), ("Tatoeba", "test", "en-sw")}
    swahili = load(sets["Tatoeba", "test", "en-sw"])
    assert (swahili.source, swahili.target) == (("A cat.", "A dog."), ("Paka.", "Mbwa."))


def test_of_lasers_files_in_one_language_the_usual_form_is_measured(tmp_path):
    for code in ("arq", "ara", "arz"):
        put(tmp_path / f"tatoeba.{code}-eng.{code}", f"{code}\n")
        put(tmp_path / f"tatoeba.{code}-eng.eng", f"English of {code}\n")
    (candidate,) = find_bitext(tmp_path)
    assert candidate.subset == "en-ar"
    assert load(candidate).source == ("English of ara",)
    assert load(candidate).target == ("ara",)
    (tmp_path / "tatoeba.ara-eng.eng").unlink()
    (candidate,) = find_bitext(tmp_path)
    assert load(candidate).target == ("arz",)


def test_training_pairs_are_no_test_set(tmp_path, write_table):
    for name in ("parallel", "dev"):
        (tmp_path / name).mkdir()
        write_table(tmp_path / name / "en-fi.parquet", [{"en": "A cat.", "xx": "Kissa."}])
    assert set(found(find_bitext(tmp_path))) == {("held-out pairs", "dev", "en-fi")}
    assert set(found(find_bitext(tmp_path / "parallel"))) == {("held-out pairs", "parallel", "en-fi")}
    assert set(found(find_bitext(tmp_path / "parallel" / "en-fi.parquet"))) != set()


def test_ntrex_and_flores_give_every_pair_of_languages(tmp_path):
    folder = tmp_path / "NTREX-128"
    put(folder / "newstest2019-src.eng.txt", "One.\nTwo.\n")
    put(folder / "newstest2019-ref.eng-GB.txt", "One, in Britain.\nTwo.\n")
    put(folder / "newstest2019-ref.fin.txt", "Yksi.\nKaksi\x85 ja\u2028.\n")
    put(folder / "newstest2019-ref.deu.txt", "Eins.\nZwei.\n")
    put(tmp_path / "flores200_dataset" / "devtest" / "fin_Latn.devtest", "Yksi.\n")
    put(tmp_path / "flores200_dataset" / "devtest" / "eng_Latn.devtest", "One.\n")
    sets = found(find_bitext(tmp_path))
    assert {key for key in sets if key[0] == "NTREX"} == {
        ("NTREX", "test", subset) for subset in ("en-fi", "de-en", "de-fi")
    }
    assert ("FLORES", "devtest", "en-fi") in sets
    assert len(load(sets["NTREX", "test", "en-fi"]).target) == 2


def test_parallel_files_of_different_lengths_are_refused(tmp_path):
    put(tmp_path / "tatoeba.fin-eng.fin", "Yksi.\n")
    put(tmp_path / "tatoeba.fin-eng.eng", "One.\nTwo.\n")
    (candidate,) = find_bitext(tmp_path)
    with pytest.raises(EvaluationError, match="2 lines, tatoeba.fin-eng.fin 1"):
        load(candidate)


def test_empty_lines_are_invalid_rows(tmp_path):
    put(tmp_path / "tatoeba.fin-eng.fin", "Yksi.\n\nKolme.\n")
    put(tmp_path / "tatoeba.fin-eng.eng", "One.\nTwo.\nThree.\n")
    (candidate,) = find_bitext(tmp_path)
    with pytest.raises(EvaluationError, match="row 2: target is empty"):
        load(candidate)
    invalid = InvalidRows(skip=True)
    assert candidate.load(invalid).provenance.skipped == invalid.count == 1


@pytest.fixture
def beir(tmp_path, write_table):
    folder = tmp_path / "news-fi"
    documents = [
        {"_id": "d1", "title": "Otsikko", "text": "Kissa nukkuu."},
        {"_id": "d2", "title": "", "text": "Koira juoksee."},
    ]
    queries = [{"_id": "q1", "text": "Kuka nukkuu?"}, {"_id": "q2", "text": "not judged"}]
    write_table(folder / "corpus.jsonl", documents)
    write_table(folder / "queries.jsonl", queries)
    put(folder / "qrels" / "test.tsv", "query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t0\n")
    return folder


def test_a_beir_folder_takes_its_language_from_its_name(tmp_path, beir):
    (candidate,) = find_retrieval(tmp_path, RetrievalLanguages())
    assert (candidate.dataset, candidate.split, candidate.langs) == ("news-fi", "test", ("fi",))
    data = load(candidate)
    assert data.documents == {"fi": {"d1": "Otsikko Kissa nukkuu.", "d2": "Koira juoksee."}}
    assert data.queries == {"fi": {"q1": "Kuka nukkuu?"}}
    assert data.relevant == {"q1": {"d1": 2}}
    assert data.ignore_identical_ids


def test_a_beir_folder_without_a_language_asks_for_one(tmp_path, beir):
    folder = beir.rename(tmp_path / "news")
    with pytest.raises(EvaluationError, match="--query-lang"):
        list(find_retrieval(folder, RetrievalLanguages()))
    (candidate,) = find_retrieval(folder, RetrievalLanguages("sv", "fi"))
    assert candidate.langs == ("sv", "fi")
    assert candidate.directions == (("sv", "fi"),)


def test_a_beir_folder_that_says_its_language_takes_no_other(tmp_path, beir):
    for given in (RetrievalLanguages("en", "en"), RetrievalLanguages(query="en")):
        (candidate,) = find_retrieval(tmp_path, given)
        assert candidate.langs == ("fi",)


def test_a_beir_folder_with_broken_rows_names_them(tmp_path, beir):
    put(beir / "qrels" / "test.tsv", "q1\td1\tyes\n")
    (candidate,) = find_retrieval(tmp_path, RetrievalLanguages())
    with pytest.raises(EvaluationError, match=r"test\.tsv, row 1: score is “yes”"):
        load(candidate)
    put(beir / "qrels" / "test.tsv", "q1\td1\t1\n")
    put(beir / "corpus.jsonl", '{"text": "no id"}\n')
    with pytest.raises(EvaluationError, match=r"corpus\.jsonl, row 1: no column _id"):
        load(candidate)


@pytest.mark.parametrize("name", ["d\0", "\ud800", ""])
def test_an_id_that_no_judgement_can_name_is_refused(tmp_path, beir, name):
    put(beir / "corpus.jsonl", json.dumps({"_id": name, "text": "Kissa nukkuu."}) + "\n")
    (candidate,) = find_retrieval(tmp_path, RetrievalLanguages())
    with pytest.raises(EvaluationError, match=r"corpus\.jsonl, row 1: _id (has|is)"):
        load(candidate)


@pytest.mark.parametrize("grade", ["1e7", str(2**32), "1e300"])
def test_a_grade_that_trec_eval_cannot_hold_is_refused(tmp_path, beir, grade):
    put(beir / "qrels" / "test.tsv", f"q1\td1\t{grade}\n")
    (candidate,) = find_retrieval(tmp_path, RetrievalLanguages())
    with pytest.raises(EvaluationError, match=r"row 1: score is .*at most 1,000,000"):
        load(candidate)


def test_a_question_that_is_left_out_takes_no_other_of_its_paragraph_along(tmp_path):
    asked = [{"id": "1", "question": "Who sleeps?"}, {"id": "2"}, {"id": "3", "question": "Where?"}]
    paragraph = {"context": "A cat sleeps at home.", "qas": asked}
    put(tmp_path / "xquad.en.json", json.dumps({"data": [{"paragraphs": [paragraph]}]}))
    (candidate,) = find_retrieval(tmp_path, RetrievalLanguages())

    data = candidate.load(InvalidRows(skip=True))

    assert data.queries == {"en": {"1": "Who sleeps?", "3": "Where?"}}
    assert data.relevant.keys() == {"1", "3"}
    assert data.documents == {"en": {"0.0": "A cat sleeps at home."}}
    assert data.provenance.skipped == 1


def test_xquad_joins_its_languages(tmp_path):
    def squad(context, question):
        return json.dumps(
            {"data": [{"paragraphs": [{"context": context, "qas": [{"id": "q", "question": question}]}]}]}
        )

    put(tmp_path / "xquad.en.json", squad("A cat sleeps.", "Who sleeps?"))
    put(tmp_path / "xquad.de.json", squad("Eine Katze schläft.", "Wer schläft?"))
    (candidate,) = find_retrieval(tmp_path, RetrievalLanguages())
    data = load(candidate)
    assert candidate.langs == ("de", "en")
    assert data.documents["de"] == {"0.0": "Eine Katze schläft."}
    assert data.queries["en"] == {"q": "Who sleeps?"}
    assert data.relevant == {"q": {"0.0": 1}}
    assert not data.ignore_identical_ids


@pytest.mark.parametrize(
    "content", ["[]", "{}", '{"data": [1]}', '{"data": [{"paragraphs": 5}]}', "{", "[" * 99999]
)
def test_broken_squad_files_are_refused_in_a_sentence(tmp_path, content):
    put(tmp_path / "dev-v1.1.json", content)
    (candidate,) = find_retrieval(tmp_path, RetrievalLanguages())
    with pytest.raises(EvaluationError):
        load(candidate)


def test_questions_in_two_languages_are_also_asked_across(tmp_path, write_table):
    row = {"premise": "P", "choice1": "A", "choice2": "B", "question": "cause", "label": 0, "idx": 3}
    write_table(tmp_path / "data" / "it" / "val.it.jsonl", [row])
    write_table(tmp_path / "data" / "tr" / "val.tr.jsonl", [row | {"premise": "Q"}, row | {"idx": 4}])
    sets = found(find_questions(tmp_path, None))
    assert {key[2] for key in sets} == {"it", "tr", "it-tr", "tr-it"}
    questions = load(sets["XCOPA", "val", "tr-it"])
    assert len(questions.questions) == 1
    assert questions.questions[0].passage == "Q"
    assert questions.questions[0].langs == SideLanguages("tr", "it", "it")
    assert questions.langs == ("tr", "it")


def test_a_single_table_of_questions_is_a_set(tmp_path, write_table):
    row = {"passage": "P", "question": "Q", "options": ["a", "b"]}
    path = write_table(tmp_path / "mine.jsonl", [row | {"answer": 1}, row])
    (candidate,) = find_questions(path, "fi")
    assert len(load(candidate).questions) == 1
    assert load(candidate).provenance.note == "1 have no answer"
    (candidate,) = find_questions(write_table(tmp_path / "open.jsonl", [row]), "fi")
    with pytest.raises(EvaluationError, match="no question with an answer"):
        load(candidate)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(EvaluationError, match="no file or folder"):
        list(find_similarity(tmp_path / "none"))


def test_the_checksum_is_that_of_the_bytes(data):
    candidate = found(find_relatedness(data))["SemRel", "test", "fi"]
    before = load(candidate).provenance.checksum
    assert before == load(candidate).provenance.checksum
    path = data / "semrel_test_fi.parquet"
    path.write_bytes(path.read_bytes() + b"\0")
    from xsearch.evaluation.datasets import provenance

    assert provenance([path], InvalidRows()).checksum != before


def test_of_several_forms_of_a_language_the_usual_one_is_measured(tmp_path):
    for name in (
        "arb_Arab",
        "arz_Arab",
        "eng_Latn",
        "azb_Arab",
        "azj_Latn",
        "hin_Deva",
        "hin_Latn",
        "zho_Hans",
        "zho_Hant",
    ):
        put(tmp_path / "flores" / "devtest" / f"{name}.devtest", f"{name}\n")
        row = {
            "link": "l",
            "question_number": 1,
            "flores_passage": name,
            "question": "q",
            "correct_answer_num": 1,
        }
        row |= {f"mc_answer{number}": "a" for number in range(1, 5)}
        put(tmp_path / "belebele" / f"{name}.jsonl", json.dumps(row) + "\n")
    for name in ("src.eng", "ref.eng-GB", "ref.fra", "ref.fra-CA", "ref.por", "ref.por-BR"):
        put(tmp_path / "ntrex" / f"newstest2019-{name}.txt", f"{name}\n")
    sets = found(find_bitext(tmp_path))
    usual = {"ar": "arb_Arab", "az": "azj_Latn", "hi": "hin_Deva", "zh": "zho_Hans"}
    for lang, name in usual.items():
        pair = load(sets["FLORES", "devtest", "-".join(sorted((lang, "en")))])
        assert {pair.source[0], pair.target[0]} == {"eng_Latn", name}
    ntrex = load(sets["NTREX", "test", "en-fr"])
    assert (ntrex.source, ntrex.target) == (("src.eng",), ("ref.fra",))
    assert load(sets["NTREX", "test", "fr-pt"]).target == ("ref.por",)
    questions = found(find_questions(tmp_path, None))
    for lang, name in usual.items():
        assert load(questions["Belebele", "test", lang]).questions[0].passage == name


def test_training_data_is_no_retrieval_set(tmp_path, write_table):
    paragraph = {"context": "c", "qas": [{"id": "q", "question": "q"}]}
    for name in ("dev-v1.1", "train-v1.1", "dev-v2.0"):
        put(
            tmp_path / f"{name}.json", json.dumps({"data": [{"paragraphs": [paragraph | {"context": name}]}]})
        )
    for name in ("parallel", "dev"):
        (tmp_path / name).mkdir()
        write_table(tmp_path / name / "en-fi-long.parquet", [{"en": "A cat.", "xx": "Kissa."}])
    sets = found(find_retrieval(tmp_path, RetrievalLanguages()))
    assert set(sets) == {
        ("SQuAD 1.1", "dev", "en"), ("SQuAD 2.0", "dev", "en"), ("held-out long pairs", "dev", "en-fi")
    }  # fmt: skip
    assert load(sets["SQuAD 1.1", "dev", "en"]).documents["en"] == {"0.0": "dev-v1.1"}
