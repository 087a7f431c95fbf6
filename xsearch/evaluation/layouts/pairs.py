"""Finds scored sentence pairs: our own Parquet files and the published formats.

| set | files |
|---|---|
| STSb | `stsb_test_de.parquet` (s1, s2, score), `stsb-de-test.csv` (no header) |
| SemRel / STR24 | `semrel_test_af.parquet` (s1, s2, score), `afr_test_with_labels.csv` (Text, Score) |
| Kardeş-NLU STS | `kardes_sts_dev_az.parquet`, `sts.dev.az.csv` |
| STS17 | `STS.input.track5.en-en.txt` with `STS.gs.track5.en-en.txt`, `STS.en-de.txt` (three columns) |
| STS17, STS22 and others | a table with sentence1, sentence2, score and a column lang such as `en-de` |

Track 4b of STS17 is left out: it judges machine translations, and nobody counts it as STS17's es-en (track 4a).
"""

from __future__ import annotations

import re
from itertools import permutations
from typing import TYPE_CHECKING

from xsearch.evaluation.datasets import (
    DIALECTS,
    Candidate,
    SentencePairs,
    files_under,
    match_name,
    subset_name,
)
from xsearch.evaluation.layouts.pair_files import (
    PairFile,
    columns_file,
    crossed_pairs,
    headerless_file,
    input_and_gold_files,
    lang_column_file,
    languages_in,
    one_column_file,
    pairs_of,
    tabbed_file,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_STSB = re.compile(r"stsb_(?P<split>[a-z]+)_(?P<lang>[a-z]{2,3})\.parquet")
_STSB_CSV = re.compile(r"stsb-(?P<lang>[a-z]{2,3})-(?P<split>[a-z]+)\.csv")
_SEMREL = re.compile(r"semrel_(?P<split>[a-z]+)_(?P<lang>[a-z]{2,3})\.parquet")
_SEMREL_CSV = re.compile(r"(?P<lang>[a-z]{3})_(?P<split>dev|test|train)(_with_labels)?\.csv")
_KARDES = re.compile(r"kardes_sts_(?P<split>[a-z]+)_(?P<lang>[a-z]{2,3})\.parquet")
_KARDES_CSV = re.compile(r"sts\.(?P<split>[a-z]+)\.(?P<lang>[a-z]{2,3})\.csv")
_STS17 = re.compile(r"STS\.input\.(track(?!4b)\w+|extended)\.(?P<left>[a-z]{2})-(?P<right>[a-z]{2})\.txt")
_STS17_TABBED = re.compile(r"STS\.(?P<left>[a-z]{2})-(?P<right>[a-z]{2})\.txt")
_LANG_COLUMN = re.compile(r"(?P<split>test|dev|validation)\.(jsonl|parquet|csv)(\.gz)?")
_NUMBERED = re.compile(r"sts-?(17|22)", re.IGNORECASE)


def find_similarity(root: Path) -> Iterator[Candidate[SentencePairs]]:
    """Semantic similarity sets under `root`."""
    files = list(files_under(root))
    yield from _stsb(files)
    for path in files:
        yield from _kardes(path)
        yield from _sts17(path)
        yield from _lang_column(path)


def find_relatedness(root: Path) -> Iterator[Candidate[SentencePairs]]:
    """Semantic relatedness sets (SemRel 2024) under `root`."""
    for path in files_under(root):
        if groups := match_name(_SEMREL, path):
            file = columns_file(path, "s1", "s2", "score")
        elif groups := match_name(_SEMREL_CSV, path):
            if path.with_name(f"{path.stem}_with_labels.csv").is_file():
                continue  # published without its scores first
            file = one_column_file(path, "Text", "Score")
        else:
            continue
        langs = (groups["lang"], groups["lang"])
        subset = groups["written"] if groups["written"] in DIALECTS else groups["lang"]
        yield Candidate("SemRel", groups["split"], subset, langs, (path,), pairs_of(langs, file))


def _stsb(files: list[Path]) -> Iterator[Candidate[SentencePairs]]:
    """Each language, then every two of them: the first sentence in one, the second in the other."""
    splits: dict[str, dict[str, PairFile]] = {}
    for path in files:
        if groups := match_name(_STSB, path):
            splits.setdefault(groups["split"], {})[groups["lang"]] = columns_file(path, "s1", "s2", "score")
        elif groups := match_name(_STSB_CSV, path):
            splits.setdefault(groups["split"], {})[groups["lang"]] = headerless_file(path)
    for split, by_lang in splits.items():
        for lang, file in by_lang.items():
            yield Candidate("STSb", split, lang, (lang, lang), file.paths, pairs_of((lang, lang), file))
        for left, right in permutations(by_lang, 2):
            sides = (by_lang[left], by_lang[right])
            paths = sides[0].paths + sides[1].paths
            load = crossed_pairs((left, right), *sides)
            yield Candidate("STSb", split, f"{left}-{right}", (left, right), paths, load)


def _kardes(path: Path) -> Iterator[Candidate[SentencePairs]]:
    """The language alone, and each of its sides with the English of the other."""
    if groups := match_name(_KARDES, path):
        own, english = ("s1", "s2"), ("s1_en", "s2_en")
    elif groups := match_name(_KARDES_CSV, path):
        own, english = ("s1_translation", "s2_translation"), ("sentence1", "sentence2")
    else:
        return
    lang = groups["lang"]
    for langs, left, right in (
        ((lang, lang), own[0], own[1]),
        ((lang, "en"), own[0], english[1]),
        (("en", lang), english[0], own[1]),
    ):
        load = pairs_of(langs, columns_file(path, left, right, "score"))
        yield Candidate("Kardes-STS", groups["split"], subset_name(langs), langs, (path,), load)


def _sts17(path: Path) -> Iterator[Candidate[SentencePairs]]:
    if groups := match_name(_STS17, path):
        file = input_and_gold_files(path, path.name.replace("STS.input.", "STS.gs."))
    elif groups := match_name(_STS17_TABBED, path):
        file = tabbed_file(path)
    else:
        return
    langs = (groups["left"], groups["right"])
    yield Candidate("STS17", "test", subset_name(langs), langs, file.paths, pairs_of(langs, file))


def _lang_column(path: Path) -> Iterator[Candidate[SentencePairs]]:
    """All subsets in one file, told by the column lang, as in `sts17-crosslingual-sts/test.jsonl.gz`."""
    match = _LANG_COLUMN.fullmatch(path.name)
    if match is None:
        return
    numbered = _NUMBERED.search(path.parent.name)
    dataset = f"STS{numbered[1]}" if numbered else path.parent.name
    for written, langs in languages_in(path).items():
        file = lang_column_file(path, written)
        yield Candidate(dataset, match["split"], subset_name(langs), langs, (path,), pairs_of(langs, file))
