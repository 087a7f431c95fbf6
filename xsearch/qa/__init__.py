"""Answers multiple-choice questions by comparing each option with a passage."""

from xsearch.qa.accuracy import Accuracy, accuracy
from xsearch.qa.openbook import retrieve_passages
from xsearch.qa.question import OptionScores, Question, SideLanguages
from xsearch.qa.readers import DefaultLanguages, read_questions
from xsearch.qa.rows import InvalidRows
from xsearch.qa.scoring import LongPassages, score_options, score_questions
from xsearch.qa.sentence_encoder import ModuleEncoder, SentenceEncoder

__all__ = [
    "Accuracy",
    "DefaultLanguages",
    "InvalidRows",
    "LongPassages",
    "ModuleEncoder",
    "OptionScores",
    "Question",
    "SentenceEncoder",
    "SideLanguages",
    "accuracy",
    "read_questions",
    "retrieve_passages",
    "score_options",
    "score_questions",
]
