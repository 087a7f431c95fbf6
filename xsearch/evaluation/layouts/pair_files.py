"""Readers of files of scored sentence pairs, one for each way in which such pairs are written down."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from xsearch.errors import EvaluationError
from xsearch.evaluation.alignment import align_by_gold
from xsearch.evaluation.datasets import SentencePairs, language_code, provenance, read_lines
from xsearch.qa.rows import InvalidRows, Row, open_text, read_rows

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class ScoredPair(NamedTuple):
    """One pair as it stands in a file."""

    left: str
    right: str
    gold: float


@dataclass(frozen=True)
class PairFile:
    """Files that hold one list of pairs, and how to read it."""

    paths: tuple[Path, ...]
    read: Callable[[InvalidRows], list[ScoredPair]]


def pairs_of(langs: tuple[str, str], file: PairFile) -> Callable[[InvalidRows], SentencePairs]:
    """A loader of the pairs of one file."""

    def load(invalid: InvalidRows) -> SentencePairs:
        pairs = file.read(invalid)
        if not pairs:
            raise EvaluationError(
                f"{file.paths[0]} has no usable rows; expected pairs of sentences with a score"
            )
        return _as_data(langs, pairs, file.paths, invalid, "")

    return load


def crossed_pairs(
    langs: tuple[str, str], left: PairFile, right: PairFile
) -> Callable[[InvalidRows], SentencePairs]:
    """A loader of first sentences of `left` with second ones of `right`, translations of one set."""

    def load(invalid: InvalidRows) -> SentencePairs:
        firsts, seconds = left.read(invalid), right.read(invalid)
        rows = align_by_gold(
            np.array([pair.gold for pair in firsts]), np.array([pair.gold for pair in seconds])
        )
        pairs = [
            ScoredPair(firsts[i].left, seconds[j].right, firsts[i].gold) for i, j in zip(*rows, strict=True)
        ]
        if not pairs:
            names = f"{left.paths[0].name} and {right.paths[0].name}"
            raise EvaluationError(
                f"{names} share no run of gold scores; expected two translations of one set"
            )
        whole = len(pairs) == len(firsts) == len(seconds)
        note = "" if whole else f"{len(pairs)} of {len(firsts)} rows could be joined by their gold scores"
        return _as_data(langs, pairs, left.paths + right.paths, invalid, note)

    return load


def _as_data(
    langs: tuple[str, str], pairs: list[ScoredPair], paths: tuple[Path, ...], invalid: InvalidRows, note: str
) -> SentencePairs:
    left, right, gold = zip(*pairs, strict=True)
    return SentencePairs(
        langs, left, right, np.array(gold, dtype=np.float64), provenance(paths, invalid, note)
    )


def columns_file(path: Path, left: str, right: str, gold: str) -> PairFile:
    """A table with a column for each sentence and one for the score."""
    return _table(path, lambda row: ScoredPair(row.text(left), row.text(right), row.number_in(gold)))


def one_column_file(path: Path, text: str, gold: str) -> PairFile:
    """A table with both sentences in one cell, a line each (SemRel 2024 as published)."""

    def read(row: Row) -> ScoredPair:
        sentences = row.text(text).split("\n")
        if len(sentences) != 2:
            raise row.error(f"{text} has {len(sentences)} lines, expected two sentences, a line each")
        return ScoredPair(
            row.check_text(sentences[0], text), row.check_text(sentences[1], text), row.number_in(gold)
        )

    return _table(path, read)


def lang_column_file(path: Path, written: str) -> PairFile:
    """The rows of a table (sentence1, sentence2, score, as mteb has them) whose lang is `written`."""

    def read(row: Row) -> ScoredPair:
        return ScoredPair(row.text("sentence1"), row.text("sentence2"), row.number_in("score"))

    return _table(path, read, keep=lambda row: row.values.get("lang") == written)


def languages_in(path: Path) -> dict[str, tuple[str, str]]:
    """What the column lang of such a table says, and the two languages meant: `de` is German on both sides.

    Empty for tables of another kind, and for languages unknown to us.
    """
    found: dict[str, tuple[str, str]] = {}
    for row in read_rows(path, InvalidRows(skip=True)):
        if not {"sentence1", "sentence2", "score", "lang"} <= row.values.keys():
            return {}
        written = row.values["lang"]
        if isinstance(written, str) and written not in found:
            codes = [language_code(name) for name in written.split("-")]
            if len(codes) in (1, 2) and codes[0] and codes[-1]:
                found[written] = (codes[0], codes[-1])
    return found


def headerless_file(path: Path) -> PairFile:
    """CSV without a header: first sentence, second sentence, score (STSb-multi-MT as published)."""

    def rows() -> Iterable[Row]:
        try:
            with open_text(path) as handle:
                for number, cells in enumerate(csv.reader(handle), start=1):
                    yield _row(path, number, cells)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise EvaluationError(f"{path} cannot be read: {error}") from error

    return PairFile((path,), lambda invalid: _collect(rows(), _three_columns, invalid))


def tabbed_file(path: Path) -> PairFile:
    """Three columns with tabs between them: first sentence, second sentence, score."""

    def rows() -> Iterable[Row]:
        for number, line in enumerate(read_lines(path), start=1):
            yield _row(path, number, line.split("\t"))

    return PairFile((path,), lambda invalid: _collect(rows(), _three_columns, invalid))


def input_and_gold_files(path: Path, gold_name: str) -> PairFile:
    """SemEval's form: sentences with a tab between them in one file, the scores in another, line by line.

    The scores may lie in the same folder or, as in the published archives, in one beside it.
    """
    beside = [path.with_name(gold_name), *sorted(path.parent.parent.glob(f"*/{gold_name}"))]
    gold = next((candidate for candidate in beside if candidate.is_file()), None)

    def rows() -> Iterable[Row]:
        if gold is None:
            raise EvaluationError(
                f"{path} has no scores beside it; expected {gold_name} there or in a folder next to it"
            )
        lines, scores = read_lines(path), read_lines(gold)
        if len(lines) != len(scores):
            raise EvaluationError(
                f"{path.name} has {len(lines)} lines, {gold_name} {len(scores)}; expected the same"
            )
        for number, (line, score) in enumerate(zip(lines, scores, strict=True), start=1):
            if score.strip():  # unscored pairs are blank in the gold file
                yield _row(path, number, [*line.split("\t")[:2], score])

    paths = (path, gold) if gold else (path,)
    return PairFile(paths, lambda invalid: _collect(rows(), _three_columns, invalid))


def _row(path: Path, number: int, cells: list[str]) -> Row:
    return Row(path.name, number, dict(zip(("column 1", "column 2", "column 3"), cells, strict=False)))


def _three_columns(row: Row) -> ScoredPair:
    return ScoredPair(row.text("column 1"), row.text("column 2"), row.number_in("column 3"))


def _table(
    path: Path, read: Callable[[Row], ScoredPair], keep: Callable[[Row], bool] = lambda row: True
) -> PairFile:
    return PairFile((path,), lambda invalid: _collect(filter(keep, read_rows(path, invalid)), read, invalid))


def _collect(
    rows: Iterable[Row], read: Callable[[Row], ScoredPair], invalid: InvalidRows
) -> list[ScoredPair]:
    pairs = []
    for row in rows:
        try:
            pairs.append(read(row))
        except EvaluationError as error:
            invalid.meet(error)
    return pairs
