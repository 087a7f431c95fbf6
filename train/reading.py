"""Files of sentences: pairs in two text columns, or single texts, in Parquet, CSV or TSV.

Whatever is wrong with a row (missing, not UTF-8) reaches the caller as text, so that it can be counted and left out
(`train.data`); only a file that is wrong as a whole is refused here.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from xsearch.corpus.delimited import DELIMITERS
from xsearch.corpus.source import MAX_ROW_BYTES
from xsearch.errors import LanguageError, XsearchError
from xsearch.evaluation.datasets import language_code
from xsearch.languages import detect, resolve

BESIDE_TEXT = ("source", "doc", "id", "lang")
"""Columns that go with the texts of a pair where there are more than two columns of text."""
_SIDES = {"source", "target", "src", "tgt", "trg", "xx"}
_NAMES = {
    *_SIDES,
    *BESIDE_TEXT,
    *"index language licence license score sentence text translation unnamed url".split(),
}
_SAMPLE = 100
_NO_TEXT = re.compile(r"[-+]?\d[\d.,]*(e[-+]?\d+)?|CC[- ]?(BY|0)\b.*", re.IGNORECASE)
"""A number (of a row, of a sentence, a score), or the licence beside each pair of manythings.org's files."""


@dataclass(frozen=True)
class Pair:
    """Two texts of the same meaning: (English, foreign) in translations, (a, b) in paraphrases."""

    left: str
    right: str
    source: str


def read_translations(path: Path, language: str) -> list[Pair]:
    """Rows of a file as (English, foreign) pairs, whatever the order and names of its two text columns.

    A column named after English or the language (`en`, `text_en`, `finnish`, `fin`) is that side. Where neither is,
    English comes first, unless the texts say otherwise. `source` is kept where there is such a column.

    Raises:
        XsearchError: the file cannot be read, fewer than two columns of text, more and no names that tell the sides,
            names that the texts contradict, sides that are the same, or texts decoded with the wrong encoding
            throughout.
    """
    table = _read(path)
    names = _text_columns(table, path, language)
    english = next((n for n in names if _named_after(n, "en")), None)
    others = [n for n in names if n != english]
    foreign = next((n for n in others if n == "xx" or _named_after(n, language)), None)
    usual = [n for n in names if n in _SIDES]
    if english is None and foreign is None and len(usual) == 2:
        others = usual
    elif len(names) > 2 and (english is None or foreign is None):
        raise XsearchError(
            f"{path}: {len(names)} columns of text ({', '.join(names)}), expected two; name one en and one {language} "
            "in its first line, or remove the others"
        )
    named = english is not None or foreign is not None
    if named:
        second = foreign or others[0]
        first = english or next(n for n in others if n != second)
    else:
        first, second = others[:2]
    if _is_reversed(_sample(table[first]), _sample(table[second]), language):
        if named:
            raise XsearchError(
                f"{path}: the texts of column {second!r} are English and those of {first!r} are not; give the columns "
                "the names of what they hold"
            )
        first, second = second, first
    return _refuse_copies(_pairs(table, first, second, path), f"{path}: columns {first!r} and {second!r}")


def read_pairs(path: Path) -> list[Pair]:
    """Rows of a Parquet file as pairs in the order of its first two text columns."""
    table = _read(path)
    first, second = _text_columns(table, path)[:2]
    return _pairs(table, first, second, path)


def read_texts(path: Path) -> list[str]:
    """The `text` column (or the first text column) of a Parquet file, without its empty rows.

    Raises:
        XsearchError: no Parquet, no column of text, or texts decoded with the wrong encoding throughout.
    """
    table = _read(path)
    names = [f.name for f in table.schema if _is_text(f.type)]
    if not names:
        raise XsearchError(
            f"{path}: expected a column of text, found {', '.join(table.schema.names) or 'none'}"
        )
    name = "text" if "text" in names else names[0]
    texts = [text for text in _texts(table[name]) if text.strip()]
    _refuse_mojibake(texts, f"{path}: column {name!r}")
    return texts


def read_columns(path: Path, texts: Sequence[str], numbers: Sequence[str] = ()) -> dict[str, list[Any]]:
    """The named columns of a Parquet file, in this order; a missing text is empty, a missing number None.

    Raises:
        XsearchError: no Parquet, or a column is missing or holds something else.
    """
    table = _read(path)
    names = [*texts, *numbers]
    missing = [name for name in names if name not in table.schema.names]
    if missing:
        found = ", ".join(table.schema.names)
        raise XsearchError(f"{path}: expected the columns {', '.join(names)}, found {found}")
    for name in names:
        wanted, fits = ("text", _is_text) if name in texts else ("numbers", _is_number)
        if not fits(kind := table[name].type):
            raise XsearchError(f"{path}: column {name!r} holds {kind}, expected {wanted}; write it so")
    return {name: _texts(table[name]) if name in texts else table[name].to_pylist() for name in names}


def every_text(path: Path) -> set[str]:
    """All texts of all text columns of a Parquet file, and those in lists and structures."""
    leaves = (leaf for column in _read(path).itercolumns() for leaf in _leaves(column))
    return {text for leaf in leaves if _is_text(leaf.type) for text in _texts(leaf)}


def _leaves(column: pa.ChunkedArray) -> Iterator[pa.ChunkedArray]:
    if pa.types.is_struct(column.type):
        for part in column.flatten():
            yield from _leaves(part)
    elif pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        yield from _leaves(pc.list_flatten(column))
    else:
        yield column


def _read(path: Path) -> pa.Table:
    kind = path.suffix.lower().removeprefix(".")
    try:
        return _read_delimited(path, kind) if kind in ("csv", "tsv") else pq.read_table(path)
    except (OSError, csv.Error, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        name = kind.upper() if kind in ("csv", "tsv") else "Parquet"
        raise XsearchError(f"{path} cannot be read as {name} ({reason}); write it again") from error


def _read_delimited(path: Path, kind: str) -> pa.Table:
    """All columns as bytes, named by the first line if all of it is names, or English and another language's among it.

    "Hi" alone may be a language's name, or a text.

    TSV, as Tatoeba and OPUS give it, has no quotes around texts, but in them.
    """
    with path.open("rb") as binary:
        if binary.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            raise XsearchError(f"{path} is UTF-16, expected UTF-8; save it as UTF-8")
    quoted = kind == "csv"
    delimiters = DELIMITERS if quoted else "\t"
    delimiter = next((d for d in delimiters if len(_first_row(path, d, quoted)) > 1), delimiters[0])
    first = _first_row(path, delimiter, quoted)
    languages = {code for name in first if (code := language_code(name))}
    named = bool(first) and (all(map(_is_name, first)) or ("en" in languages and len(languages) > 1))
    names = [(named and name.strip()) or f"column {number}" for number, name in enumerate(first, 1)]
    if len(set(names)) < len(names):
        raise XsearchError(
            f"{path}: two columns have one name ({', '.join(names)}); rename one, or put a line of names first"
        )
    return pa_csv.read_csv(
        path,
        read_options=pa_csv.ReadOptions(
            column_names=names,
            skip_rows=int(named),
            block_size=MAX_ROW_BYTES,  # a row has to fit into a block
        ),
        parse_options=pa_csv.ParseOptions(
            delimiter=delimiter, quote_char='"' if quoted else False, newlines_in_values=quoted
        ),
        convert_options=pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.binary())),
    )


def _first_row(path: Path, delimiter: str, quoted: bool) -> list[str]:
    csv.field_size_limit(MAX_ROW_BYTES)
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        lines = csv.reader(file, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE)
        return next(lines, [])


def _text_columns(table: pa.Table, path: Path, language: str | None = None) -> list[str]:
    names = [f.name for f in table.schema if _is_text(f.type) and _holds_text(table[f.name])]
    if len(names) > 2:
        # `id` may be the Indonesian side if no other column is, and `source` the side opposite `target`.
        after = {name for name in names if language is not None and _named_after(name, language)}
        sides = after.difference(BESIDE_TEXT) or after
        sides |= {"source"} if "target" in names else set()
        names = [name for name in names if name in sides or name not in BESIDE_TEXT]
    if len(names) < 2:
        found = ", ".join(table.schema.names) or "none"
        raise XsearchError(f"{path}: expected two columns of text (English and the language), found {found}")
    return names


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    checks = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_binary)
    return any(check(kind) for check in checks)


def _is_number(kind: pa.DataType) -> bool:
    return any(check(kind) for check in (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal))


def _holds_text(column: pa.ChunkedArray) -> bool:
    """False for numbers and licences that are written as text; a column of nothing may be meant for texts."""
    sample = [text for text in map(str.strip, _sample(column)) if text]
    return not sample or not all(map(_NO_TEXT.fullmatch, sample))


def _sample(column: pa.ChunkedArray) -> list[str]:
    """Some texts from all over the column: a sorted file begins with numbers."""
    return _texts(column.take(pa.array(range(0, len(column), max(1, len(column) // _SAMPLE)), pa.int64())))


def _is_name(cell: str) -> bool:
    """Whether a cell may name a column: `fi`, `Finnish`, `text_fi`, `id`, or nothing, as pandas names its index."""
    if not cell.strip() or language_code(cell):
        return True
    words = set(re.findall(r"[^\W\d_]+", cell.lower()))
    return not words.isdisjoint(_NAMES) and all(map(language_code, words - _NAMES))


def _texts(column: pa.ChunkedArray) -> list[str]:
    """Texts of a column; a missing one is empty, and bytes that are not UTF-8 show as U+FFFD."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return [(b or b"").decode("utf-8", "replace") for b in pc.cast(column, pa.large_binary()).to_pylist()]


def _pairs(table: pa.Table, left: str, right: str, path: Path) -> list[Pair]:
    lefts, rights = _texts(table[left]), _texts(table[right])
    for name, texts in ((left, lefts), (right, rights)):
        _refuse_mojibake(texts, f"{path}: column {name!r}")
    has_source = "source" in table.schema.names and "source" not in (left, right)
    sources: Iterable[str] = [path.stem] * len(table)
    if has_source:
        column = table["source"]
        sources = _texts(column) if pa.types.is_binary(column.type) else map(str, column.to_pylist())
    return [Pair(a, b, source) for a, b, source in zip(lefts, rights, sources, strict=True)]


def _refuse_copies(pairs: list[Pair], where: str) -> list[Pair]:
    """The pairs, unless most are of one text: names and codes are, a file of them would make English a language."""
    copies = sum(pair.left.strip() == pair.right.strip() != "" for pair in pairs)
    if copies > len(pairs) / 2:
        raise XsearchError(
            f"{where} hold the same text in {copies} of {len(pairs)} rows, expected translations"
        )
    return pairs


def _refuse_mojibake(texts: Sequence[str], where: str) -> None:
    """UTF-8 read as Latin-1 turns ä into Ã¤: in a row or two a typo, throughout a file a wrong encoding."""
    beyond_ascii = [text for text in texts if not text.isascii()][:1000]
    wrong = [(text, repaired) for text in beyond_ascii if (repaired := _repaired(text)) is not None]
    if len(wrong) > 20 and len(wrong) > 0.2 * len(beyond_ascii):
        seen, meant = wrong[0]
        raise XsearchError(
            f"{where}: {len(wrong)} of {len(beyond_ascii)} texts beyond ASCII are UTF-8 that was read in another "
            f"encoding ({seen[:40]!r} is {meant[:40]!r}); read the original as UTF-8 and write the file again"
        )


def _repaired(text: str) -> str | None:
    for encoding in ("cp1252", "latin-1"):
        try:
            repaired = text.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
        return repaired if repaired != text else None
    return None


def _named_after(column: str, language: str) -> bool:
    known = resolve(language)
    words = set(re.split(r"[^a-z]+", column.lower()))
    return not words.isdisjoint({known.code, known.iso639_3, known.name.lower()})


def _is_reversed(left: Sequence[str], right: Sequence[str], language: str) -> bool:
    """Whether the texts on the right are English far more often than those on the left."""
    english = [sum(_is_english(text, language) for text in side) for side in (left, right)]
    return english[1] > 2 * english[0] + 5


def _is_english(text: str, language: str) -> bool:
    try:
        return bool(text.strip()) and detect(text, ["en", language]).code == "en"
    except LanguageError:  # clearly neither
        return False
