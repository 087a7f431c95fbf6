"""Measures encoders on published tasks."""

from xsearch.evaluation.bitext import BitextAccuracy, bitext_accuracy
from xsearch.evaluation.encoders import load_encoder
from xsearch.evaluation.measure import Settings
from xsearch.evaluation.results import Results, Score, read_results, write_results
from xsearch.evaluation.run import TASKS, Run

__all__ = [
    "TASKS",
    "BitextAccuracy",
    "Results",
    "Run",
    "Score",
    "Settings",
    "bitext_accuracy",
    "load_encoder",
    "read_results",
    "write_results",
]
