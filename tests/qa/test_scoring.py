"""Scoring options: which texts are compared, in which language and space."""

import numpy as np
import pytest

import xsearch
from tests.evaluation.conceptual import ConceptEncoder, foreign
from tests.modules import tiny_module
from xsearch.errors import EvaluationError, LanguageError
from xsearch.qa import Question, SideLanguages, score_questions
from xsearch.qa.question import OptionScores

PASSAGE = "the cat drank milk by the river in winter"
OPTIONS = ("bread", "milk", "forest")


def asked(
    passage_lang: str = "en", question_lang: str = "en", option_lang: str = "en", **changes
) -> Question:
    def said(text: str, lang: str) -> str:
        return text if lang == "en" else foreign(text, lang)

    fields = {
        "question": said("what drank the cat", question_lang),
        "options": tuple(said(option, option_lang) for option in OPTIONS),
        "passage": said(PASSAGE, passage_lang),
        "langs": SideLanguages(passage_lang, question_lang, option_lang),
        "answer": 1,
    }
    return Question(**(fields | changes))


@pytest.mark.parametrize(
    ("langs", "space"),
    [
        (("en", "en", "en"), "native"),
        (("fi", "fi", "fi"), "native"),
        (("en", "fi", "fi"), "shared"),
        (("fi", "en", "fi"), "shared"),
    ],
)
def test_one_language_uses_the_native_space_and_a_mix_the_shared_one(langs, space):
    encoder = ConceptEncoder()
    (scores,) = score_questions([asked(*langs)], encoder)
    assert scores.space == space
    assert scores.chosen == 1
    assert {call[1] for call in encoder.calls} == {space}


def test_a_score_is_the_cosine_of_passage_and_question_with_option():
    encoder = ConceptEncoder()
    question = asked()
    (scores,) = score_questions([question], encoder)
    passage = encoder.encode([PASSAGE], lang="en", space="native")[0]
    texts = encoder.encode([f"{question.question} {option}" for option in OPTIONS], lang="en", space="native")
    np.testing.assert_allclose(scores.scores, texts @ passage, rtol=1e-5)


def test_question_and_option_in_two_languages_are_each_read_by_their_own_module():
    encoder = ConceptEncoder()
    (scores,) = score_questions([asked("en", "en", "fi")], encoder)
    assert scores.chosen == 1
    assert {call[0] for call in encoder.calls if call[2] == "query"} == {"en", "fi"}


def test_a_passage_shared_by_many_questions_is_encoded_once():
    encoder = ConceptEncoder()
    score_questions([asked() for _ in range(20)], encoder)
    assert [call for call in encoder.calls if call[2] == "document"] == [("en", "native", "document", 1)]


def test_a_question_may_be_empty_where_options_complete_the_passage():
    (scores,) = score_questions([asked(question="")], ConceptEncoder())
    assert scores.chosen == 1


def test_the_margin_is_the_distance_to_the_runner_up_and_ties_go_to_the_first():
    scores = OptionScores.of((0.25, 0.75, 0.5), "native")
    assert (scores.chosen, scores.margin) == (1, 0.25)
    assert OptionScores.of((0.5, 0.5), "native") == OptionScores((0.5, 0.5), 0, 0.0, "native")


def test_the_best_window_finds_what_a_cut_passage_has_lost():
    filler = ". ".join(f"word{number} other{number} more{number}" for number in range(60))
    question = asked(passage=f"{filler}. The cat drank milk.")
    encoder = ConceptEncoder(max_words=50)
    (best,) = score_questions([question], encoder)
    assert best.chosen == 1
    (whole,) = score_questions([question], encoder, long_passages="whole")
    assert best.scores[1] > whole.scores[1]


def test_a_question_without_a_passage_is_refused():
    with pytest.raises(EvaluationError, match="row 7: no passage"):
        score_questions([asked(passage=None, row=7)], ConceptEncoder())


def test_score_options_runs_on_installed_modules(tmp_path, monkeypatch):
    english = tiny_module(tmp_path, "en", adapter=False)
    tiny_module(tmp_path, "fi", base=english)
    monkeypatch.setenv("XSEARCH_MODULES", str(tmp_path))
    scores = xsearch.score_options(
        "kissa ja koira", "mitä", ["kissa", "talo"], lang="Finnish", passage_lang="fin"
    )
    assert scores.space == "native"
    assert len(scores.scores) == 2
    crossed = xsearch.score_options("cat and dog", "mitä", ["kissa", "talo"], lang="fi", passage_lang="en")
    assert crossed.space == "shared"


def test_score_options_refuses_what_cannot_be_scored():
    with pytest.raises(EvaluationError, match="two or more"):
        xsearch.score_options("passage", "question", ["only"], lang="en")
    with pytest.raises(EvaluationError, match="two or more"):
        xsearch.score_options("passage", "question", "ab", lang="en")
    with pytest.raises(EvaluationError, match="empty"):
        xsearch.score_options("", "question", ["a", "b"], lang="en")
    for passage, question, options in (
        (None, "q", ["a", "b"]),
        ("p", 5, ["a", "b"]),
        ("p", "q", ["a", None]),
    ):
        with pytest.raises(EvaluationError, match="no text"):
            xsearch.score_options(passage, question, options, lang="en")
    with pytest.raises(LanguageError, match="no module is installed"):
        xsearch.score_options("passage", "question", ["a", "b"], lang="vo")
