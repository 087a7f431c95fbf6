"""Finds parallel text: our own Parquet files and the layouts of Tatoeba, NTREX-128 and FLORES.

| set | files |
|---|---|
| Tatoeba | `tatoeba_en-fi.parquet` (en, xx), LASER's `tatoeba.fin-eng.fin` with `tatoeba.fin-eng.eng` |
| held-out pairs | `en-fi.parquet`, `en-fi-long.parquet` (en, xx), but not from folders `parallel` or `train` |
| NTREX-128 | `newstest2019-src.eng.txt` with `newstest2019-ref.fin.txt` |
| FLORES | `dev/fin_Latn.dev`, `devtest/fin_Latn.devtest` (FLORES-101 has `fin.dev`) |

Of several files in one language the most usual form of it is taken (see `keep_standard`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import combinations
from typing import TYPE_CHECKING

from xsearch.errors import EvaluationError
from xsearch.evaluation.datasets import (
    Bitext,
    Candidate,
    Written,
    files_under,
    is_training,
    keep_standard,
    match_name,
    provenance,
    read_lines,
)
from xsearch.qa.rows import InvalidRows, Row, read_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

LONG_PAIRS = "held-out long pairs"

_TATOEBA = re.compile(r"tatoeba_en-(?P<lang>[a-z]{2,3})\.parquet")
_LASER = re.compile(r"tatoeba\.(?P<lang>[a-z]{3})-eng\.(?P=lang)")
PAIRS = re.compile(r"en-(?P<lang>[a-z]{2,3})(?P<long>-long)?\.parquet")
_NTREX = re.compile(r"newstest2019-(src|ref)\.(?P<lang>[a-z]{3}(-[A-Za-z]+)?)\.txt")
_FLORES = re.compile(r"(?P<lang>[a-z]{3}(_[A-Z][a-z]{3})?)\.(?P<split>dev|devtest)")


def find_bitext(root: Path) -> Iterator[Candidate[Bitext]]:
    """Parallel sets under `root`; sets in many languages come as every pair of two."""
    tatoeba: dict[str, Written] = {}
    aligned: dict[tuple[str, str], dict[str, Written]] = {}
    for path in files_under(root):
        if not is_training(path, root):
            yield from _two_columns(path)
        if groups := match_name(_LASER, path):
            if _english_of(path).is_file():
                keep_standard(tatoeba, groups["lang"], groups["written"], path)
        elif groups := match_name(_NTREX, path):
            keep_standard(aligned.setdefault(("NTREX", "test"), {}), groups["lang"], groups["written"], path)
        elif groups := match_name(_FLORES, path):
            found = aligned.setdefault(("FLORES", groups["split"]), {})
            keep_standard(found, groups["lang"], groups["written"], path)
    for lang, written in tatoeba.items():
        langs, paths = ("en", lang), (_english_of(written.path), written.path)
        yield Candidate("Tatoeba", "test", "-".join(langs), langs, paths, _lines(langs, paths))
    for (dataset, split), by_lang in aligned.items():
        for left, right in combinations(sorted(by_lang), 2):
            paths = (by_lang[left].path, by_lang[right].path)
            load = _lines((left, right), paths)
            yield Candidate(dataset, split, f"{left}-{right}", (left, right), paths, load)


def read_columns(path: Path, invalid: InvalidRows) -> Iterable[tuple[Row, str, str]]:
    """The rows of an `en-xx` file with the text of the columns en and xx."""
    for row in read_rows(path, invalid):
        try:
            yield row, row.text("en"), row.text("xx")
        except EvaluationError as error:
            invalid.meet(error)


def _two_columns(path: Path) -> Iterator[Candidate[Bitext]]:
    if groups := match_name(_TATOEBA, path):
        dataset, split = "Tatoeba", "test"
    elif groups := match_name(PAIRS, path):
        dataset, split = LONG_PAIRS if groups["long"] else "held-out pairs", path.parent.name
    else:
        return
    langs = ("en", groups["lang"])

    def load(invalid: InvalidRows) -> Bitext:
        pairs = [(source, target) for _, source, target in read_columns(path, invalid)]
        return _as_bitext(langs, pairs, (path,), invalid)

    yield Candidate(dataset, split, "-".join(langs), langs, (path,), load)


def _english_of(path: Path) -> Path:
    """The other side of one of LASER's files."""
    return path.with_suffix(".eng")


def _lines(langs: tuple[str, str], paths: tuple[Path, Path]) -> Callable[[InvalidRows], Bitext]:
    """A loader of two files that hold translations of each other, line by line."""

    def load(invalid: InvalidRows) -> Bitext:
        sides = [read_lines(path) for path in paths]
        if len(sides[0]) != len(sides[1]):
            raise EvaluationError(
                f"{paths[0].name} has {len(sides[0])} lines, {paths[1].name} {len(sides[1])}; "
                "expected translations line by line"
            )
        pairs = []
        for number, (source, target) in enumerate(zip(*sides, strict=True), start=1):
            row = Row(f"{paths[0].name} and {paths[1].name}", number, {"source": source, "target": target})
            try:
                pairs.append((row.text("source"), row.text("target")))
            except EvaluationError as error:
                invalid.meet(error)
        return _as_bitext(langs, pairs, paths, invalid)

    return load


def _as_bitext(
    langs: tuple[str, str], pairs: list[tuple[str, str]], paths: tuple[Path, ...], invalid: InvalidRows
) -> Bitext:
    if not pairs:
        raise EvaluationError(f"{paths[0]} has no usable rows; expected sentences with their translations")
    source, target = zip(*pairs, strict=True)
    return Bitext(langs, source, target, provenance(paths, invalid))
