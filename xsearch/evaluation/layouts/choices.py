"""Finds multiple-choice questions: XCOPA, Kardeş-NLU COPA, Belebele, and any table with question and options.

| set | files |
|---|---|
| XCOPA | `xcopa_val_it.parquet`, `val.it.jsonl` |
| Kardeş-NLU COPA | `kardes_xcopa_dev_az.parquet`, `xcopa.dev.az.csv` |
| Belebele | `fin_Latn.jsonl` |
| generic | a single table given as the data, with the language from the command line or its columns |

Of several files in one language the most usual form of it is taken: Belebele has Hindi in Latin letters too.
Where the same questions are there in two languages, the passage is also asked in one and answered in the
other.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from typing import TYPE_CHECKING

from xsearch.errors import EvaluationError
from xsearch.evaluation.datasets import (
    Candidate,
    QuestionSet,
    Written,
    files_under,
    keep_standard,
    match_name,
    provenance,
    subset_name,
)
from xsearch.qa.question import SideLanguages
from xsearch.qa.readers import KARDES, KARDES_ENGLISH, DefaultLanguages, QuestionFormat, read_questions
from xsearch.qa.rows import TABLE_SUFFIXES, InvalidRows, table_suffix

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from xsearch.qa.question import Question

_XCOPA = re.compile(r"xcopa_(?P<split>[a-z]+)_(?P<lang>[a-z]{2,3})\.parquet")
_XCOPA_JSON = re.compile(r"(?P<split>val|test)\.(?P<lang>[a-z]{2,3})\.jsonl")
_KARDES = re.compile(r"kardes_xcopa_(?P<split>[a-z]+)_(?P<lang>[a-z]{2,3})\.parquet")
_KARDES_CSV = re.compile(r"xcopa\.(?P<split>[a-z]+)\.(?P<lang>[a-z]{2,3})\.csv")
_BELEBELE = re.compile(r"(?P<lang>[a-z]{3}_[A-Z][a-z]{3})\.jsonl")

Part = tuple["Path", QuestionFormat | None]


def find_questions(root: Path, lang: str | None) -> Iterator[Candidate[QuestionSet]]:
    """Sets of questions under `root`; `lang` is that of a generic table whose rows do not say."""
    sets: dict[tuple[str, str], dict[str, Written]] = {}
    for path in files_under(root):
        if groups := match_name(_XCOPA, path) or match_name(_XCOPA_JSON, path):
            found = sets.setdefault(("XCOPA", groups["split"]), {})
            keep_standard(found, groups["lang"], groups["written"], path)
        elif groups := match_name(_BELEBELE, path):
            keep_standard(sets.setdefault(("Belebele", "test"), {}), groups["lang"], groups["written"], path)
        elif groups := match_name(_KARDES, path) or match_name(_KARDES_CSV, path):
            parts: dict[str, Part] = {groups["lang"]: (path, KARDES), "en": (path, KARDES_ENGLISH)}
            yield from _every_pairing("Kardes-COPA", groups["split"], parts, alone=(groups["lang"],))
        elif path == root and table_suffix(path) in TABLE_SUFFIXES:
            langs = (lang, lang) if lang else ()
            load = _loader((path, None), (path, None), DefaultLanguages.of(lang))
            yield Candidate(path.stem, "", subset_name(langs), langs, (path,), load)
    for (dataset, split), found in sets.items():
        parts = {lang: (written.path, None) for lang, written in found.items()}
        yield from _every_pairing(dataset, split, parts, alone=tuple(parts))


def _every_pairing(
    dataset: str, split: str, parts: Mapping[str, Part], alone: tuple[str, ...]
) -> Iterator[Candidate[QuestionSet]]:
    for passage, asked in [*((lang, lang) for lang in alone), *permutations(parts, 2)]:
        langs = (passage, asked)
        paths = tuple(dict.fromkeys((parts[passage][0], parts[asked][0])))
        load = _loader(parts[passage], parts[asked], DefaultLanguages(passage, asked, asked))
        yield Candidate(dataset, split, subset_name(langs), langs, paths, load)


def _loader(passages: Part, asked: Part, langs: DefaultLanguages) -> Callable[[InvalidRows], QuestionSet]:
    """A loader of the questions in `asked`, with the passages of the same questions in `passages`."""

    def load(invalid: InvalidRows) -> QuestionSet:
        questions = list(read_questions(asked[0], langs, invalid, layout=asked[1]))
        paths = [asked[0]]
        if passages != asked:
            questions = _with_passages(questions, passages, langs, invalid)
            paths = list(dict.fromkeys((passages[0], asked[0])))
        answered = [question for question in questions if question.answer is not None]
        if not answered:
            raise EvaluationError(f"{asked[0]} has no question with an answer; nothing can be measured")
        note = "" if len(answered) == len(questions) else f"{len(questions) - len(answered)} have no answer"
        return QuestionSet(answered, provenance(paths, invalid, note))

    return load


def _with_passages(
    questions: list[Question], passages: Part, langs: DefaultLanguages, invalid: InvalidRows
) -> list[Question]:
    """The questions whose id is found on the other side, with the passage from there."""
    other = {
        question.id: question for question in read_questions(passages[0], langs, invalid, layout=passages[1])
    }
    joined = []
    for question in questions:
        match = other.get(question.id)
        if question.id and match is not None:
            sides = SideLanguages(match.langs.passage, question.langs.question, question.langs.option)
            joined.append(replace(question, passage=match.passage, langs=sides))
    if not joined:
        raise EvaluationError(f"no question of {passages[0].name} has the same id in the other language")
    return joined
