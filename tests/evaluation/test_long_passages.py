"""Whole passages against their best windows."""

import pytest

from tests.evaluation.conceptual import ConceptEncoder, foreign
from xsearch.errors import EvaluationError
from xsearch.evaluation.long_passages import (
    compare_passages_in,
    questions_from_paragraphs,
    render_passages,
)
from xsearch.qa.question import SideLanguages

LANGS = SideLanguages("en", "fi", "fi")


def test_questions_are_made_of_neighbouring_paragraphs(sentences):
    options = [foreign(sentence) for sentence in sentences]
    questions = questions_from_paragraphs(sentences, options, LANGS, width=300)
    assert len(questions) > 30
    for question in questions:
        paragraph = int(question.id)
        assert question.options[question.answer] == options[paragraph]
        assert sentences[paragraph] in question.passage
        assert len(set(question.options)) == 4
        wrong = [option for place, option in enumerate(question.options) if place != question.answer]
        assert not any(option.replace("fi:", "") in question.passage for option in wrong)
    assert {question.answer for question in questions} == {0, 1, 2, 3}


def test_too_few_paragraphs_make_no_questions(sentences):
    assert questions_from_paragraphs(sentences[:4], sentences[:4], LANGS) == []


def test_an_encoder_that_cuts_passages_gains_by_windows(data, write_table, sentences):
    pairs = [{"en": f"{text}. {text}.", "xx": foreign(text)} for text in sentences]
    write_table(data / "dev" / "en-fi-long.parquet", pairs)
    comparisons = compare_passages_in(data, ConceptEncoder(max_words=40), ("fi",))
    english = next(item for item in comparisons if "en passages" in item.name)
    assert english.best_window > english.whole
    assert "| whole passage | best window | difference | p |" in render_passages(comparisons)


def test_a_table_of_questions_goes_by_the_languages_of_its_rows(tmp_path, write_table):
    passage = "A sentence of some length about a cat. " * 20
    row = {"passage": passage, "question": "what", "options": ["cat", "dog"], "answer": 0, "lang": "de"}
    path = write_table(tmp_path / "mine.jsonl", [row] * 20)
    encoder = ConceptEncoder(("en", "fi", "de"))
    (comparison,) = compare_passages_in(path, encoder, ("de",))
    assert comparison.name == "mine de"
    with pytest.raises(EvaluationError, match=r"rows of mine\.jsonl are in de, and fi was asked for"):
        compare_passages_in(path, encoder, ("fi",))


def test_a_folder_without_long_passages_says_so(data):
    with pytest.raises(EvaluationError, match="questions about long passages"):
        compare_passages_in(data, ConceptEncoder(("en",)))
