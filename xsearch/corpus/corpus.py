"""A corpus: one or more files, read twice at most in flat memory.

Opening passes over everything once, so that a row that is no document is reported before hours of
encoding, types of metadata are known, and progress has an end. Reading then gives checked documents.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from xsearch.corpus.column_types import join_schemas
from xsearch.corpus.columns import Columns, choose_columns
from xsearch.corpus.files import find_files, fingerprint, labels
from xsearch.corpus.screening import Problem, Screening
from xsearch.corpus.source import Source
from xsearch.corpus.sources import open_source
from xsearch.errors import CorpusError

_PROBLEMS_KEPT = 20


@dataclass(frozen=True, slots=True)
class DocumentBatch:
    """Documents in the order of the corpus; the lists and the table have one length.

    ``first_row`` is the position of the first one among all documents of the corpus, from 0; rows that
    were left out do not count. ``langs`` (ISO codes) is None without a language column.
    """

    ids: list[str]
    texts: list[str]
    langs: list[str] | None
    metadata: pa.Table
    first_row: int


@dataclass(frozen=True)
class Corpus:
    """Files that were found sound; make one with ``Corpus.open``.

    ``row_count`` is the number of documents, ``skipped`` that of the rows left out, ``problems`` the first
    of those. ``fingerprint`` changes when a file or the way of reading it does.
    """

    files: tuple[Path, ...]
    columns: Columns
    metadata_schema: pa.Schema
    row_count: int
    skipped: int
    problems: tuple[Problem, ...]
    fingerprint: str
    default_lang: str | None = None

    @classmethod
    def open(
        cls,
        paths: str | Path | Sequence[str | Path],
        *,
        text_column: str | None = None,
        id_column: str | None = None,
        lang_column: str | None = None,
        lang: str | None = None,
        skip_invalid: bool = False,
    ) -> Corpus:
        """Finds the files and columns and passes over every row once.

        Args:
            paths: files, directories or glob patterns of Parquet, JSONL, CSV and TSV files.
            text_column: the column with the text; by default one named text, content, body and the like,
                or the only one with strings.
            id_column: the column with the ids; by default one named id, _id, doc_id and the like, else ids
                are made from file name and row number.
            lang_column: the column with each document's language, if there is one.
            lang: code of the language of documents whose language column is null.
            skip_invalid: leave out rows that are no documents instead of refusing the corpus.

        Raises:
            CorpusError: a file that is missing, corrupt or of no known format; a column that does not
                exist; a file name that is not UTF-8 where ids are made of it; rows without text and the like
                (unless ``skip_invalid``); no document at all.
        """
        files = find_files([paths] if isinstance(paths, (str, Path)) else paths)
        sources = [open_source(path) for path in files]
        columns = _columns(sources, text_column, id_column, lang_column)
        if columns.id is None:
            _check_labels(files)
        survey = _survey(sources, columns, lang)
        if survey.invalid and not skip_invalid:
            more = f" ({survey.invalid} such rows in all)" if survey.invalid > 1 else ""
            raise CorpusError(
                f"{survey.problems[0]}{more}; mend the file or leave such rows out with --skip-invalid"
            )
        if not survey.documents:
            raise CorpusError(
                f"no documents in {', '.join(str(path) for path in files[:3])}; expected at least one row"
            )
        schema = join_schemas(source.metadata_schema() for source in sources)
        schema = pa.schema([column for column in schema if columns.is_metadata(column.name)])
        return cls(
            files=files,
            columns=replace(columns, metadata=tuple(schema.names)),
            metadata_schema=schema,
            row_count=survey.documents,
            skipped=survey.invalid,
            problems=tuple(survey.problems),
            fingerprint=fingerprint(files, [columns.text, columns.id, columns.lang, lang, str(skip_invalid)]),
            default_lang=lang,
        )

    def batches(self, size: int = 1024) -> Iterator[DocumentBatch]:
        """Reads the documents, at most ``size`` a batch; fewer at the end of a file or where texts are huge.

        Raises:
            CorpusError: a file changed since the corpus was opened and is no longer sound.
        """
        screening = Screening(self.default_lang)
        names = labels(self.files)
        row = 0
        for path in self.files:
            source = open_source(path)
            for rows in source.rows(self.columns, self.metadata_schema, size):
                documents, problems = screening.screen(rows, file=path, unit=source.unit, label=names[path])
                if problems and not self.skipped:
                    raise CorpusError(f"{problems[0]}; the file has changed since it was opened: start again")
                if documents.ids:
                    yield DocumentBatch(
                        documents.ids, documents.texts, documents.langs, documents.metadata, first_row=row
                    )
                    row += len(documents.ids)


@dataclass(slots=True)
class _Survey:
    documents: int
    invalid: int
    problems: list[Problem]


def _columns(sources: Sequence[Source], text: str | None, id: str | None, lang: str | None) -> Columns:
    """The roles by the first file; every other file must have those columns too."""
    first, *others = sources
    columns = choose_columns(first.present(), text=text, id=id, lang=lang, where=str(first.path))
    for source in others:
        choose_columns(
            source.present(), text=columns.text, id=columns.id, lang=columns.lang, where=str(source.path)
        )
    return columns


def _check_labels(files: Sequence[Path]) -> None:
    for path, label in labels(files).items():
        try:
            label.encode()
        except UnicodeEncodeError as error:
            raise CorpusError(
                f"{path}: the name is not UTF-8, and ids are made of it; rename the file or name its --id-column"
            ) from error


def _survey(sources: Sequence[Source], columns: Columns, lang: str | None) -> _Survey:
    survey = _Survey(0, 0, [])
    screening = Screening(lang)
    for source in sources:
        for rows in source.survey(columns):
            documents, problems = screening.screen(rows, file=source.path, unit=source.unit, label="")
            survey.documents += len(documents.ids)
            survey.invalid += len(problems)
            survey.problems += problems[: _PROBLEMS_KEPT - len(survey.problems)]
    return survey
