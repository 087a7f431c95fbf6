"""Opening the corpus that a command names, and telling the person what was made of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from xsearch.cli.printable import notice
from xsearch.languages import AUTO, resolve

if TYPE_CHECKING:
    from xsearch.corpus import Corpus


def open_corpus(
    paths: Sequence[str],
    *,
    lang: str | None,
    lang_column: str | None,
    text_column: str | None,
    id_column: str | None,
    skip_invalid: bool,
) -> tuple[Corpus, str | None]:
    """The corpus, and the code of the language of documents that name none.

    Raises:
        click.UsageError: the language is left open.
        LanguageError: the language is unknown or has no module.
        CorpusError: see ``Corpus.open``.
    """
    from xsearch.corpus import Corpus
    from xsearch.encoder.installed import find_module

    if lang is None and lang_column is None:
        raise click.UsageError("Say the language of the corpus, with --lang or --lang-column.")
    if lang == AUTO:
        raise click.UsageError(
            "--lang auto is for queries; name the language of the corpus, or its --lang-column."
        )
    code = None if lang is None else resolve(lang).code
    if code is not None:
        # that there is none is better known before a long pass over the corpus than after it
        find_module(code)
    corpus = Corpus.open(
        paths,
        text_column=text_column,
        id_column=id_column,
        lang_column=lang_column,
        lang=code,
        skip_invalid=skip_invalid,
    )
    for problem in corpus.problems:
        notice(f"Left out {problem}")
    if corpus.skipped > len(corpus.problems):
        notice(f"... and {corpus.skipped - len(corpus.problems):,} more rows.")
    columns = corpus.columns
    made_up = "" if columns.id else "; no id column, so ids are file name and row number"
    notice(f"{corpus.row_count:,} documents, text in column {columns.text!r}{made_up}")
    return corpus, code
