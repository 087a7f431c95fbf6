"""Finds the passage for questions that come without one (open-book answering)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from xsearch.qa.question import SideLanguages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xsearch.collection import Collection
    from xsearch.qa.question import Question


def retrieve_passages(
    questions: Sequence[Question], collections: Sequence[Collection], *, device: str = "auto"
) -> list[Question]:
    """Gives each question without a passage the best hit for it, with the hit's language; keeps the others.

    A question for which nothing is found keeps None as its passage.
    """
    from xsearch.encoder import encoder_for
    from xsearch.search import search

    encoder = partial(encoder_for, device=device)

    found = list(questions)
    by_lang: defaultdict[str, list[int]] = defaultdict(list)
    for index, question in enumerate(questions):
        if question.passage is None:
            by_lang[question.langs.question].append(index)
    for lang, indices in by_lang.items():
        queries = [questions[index].question for index in indices]
        results = search(collections, queries, lang=lang, k=1, encoder_for=encoder)
        for index, result in zip(indices, results, strict=True):
            if result.hits:
                hit = result.hits[0]
                langs = SideLanguages(hit.lang, found[index].langs.question, found[index].langs.option)
                found[index] = replace(found[index], passage=hit.text, langs=langs, passage_id=hit.id)
    return found
