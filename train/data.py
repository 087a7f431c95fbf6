"""Training data of one language: translation pairs, paraphrases, monolingual text, and what is held out.

Any Parquet file with two text columns is a set of pairs. A folder with parallel/, paraphrase/, mono/ and dev/ is read
whole; translations may also come in collections, folders within parallel/ (`train.words` writes one). What is left out
is counted and said; a set that is too small to train on, or that shares sentences with a test set, is refused.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from train.keys import text_key
from train.leaks import refuse_leaks, sentence_keys
from train.reading import Pair, read_columns, read_pairs, read_texts, read_translations
from train.recipe import Data
from xsearch.errors import XsearchError

MINIMUM_PAIRS = 500
"""Fewer translation pairs than this cannot even place the frequent words; the module would be noise."""

SCORED_SETS = ("stsb", "semrel", "kardes_sts")
"""Sets of scored sentence pairs, where a language has them: sts_train/SET_train_LANG.parquet is learnt from, choices
are made on dev/SET_dev_LANG.parquet."""


@dataclass(frozen=True)
class ScoredPair(Pair):
    """Two sentences of the language with a gold similarity, on the scale of its source."""

    gold: float


@dataclass
class TrainingData:
    """Everything one language is trained and chosen on.

    `english` are paraphrases in English, for step 4; `graded` are the scored pairs to learn from, `scored` those to
    choose on; `relatives` are translations of English into languages near this one.
    """

    language: str
    pairs: list[Pair]
    paraphrases: list[Pair]
    monolingual: list[str]
    dev: dict[str, list[Pair]]
    english: list[Pair] = field(default_factory=list)
    graded: list[ScoredPair] = field(default_factory=list)
    scored: dict[str, list[ScoredPair]] = field(default_factory=dict)
    relatives: list[Pair] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    def translations(self) -> list[Pair]:
        """Those into the language and those into its relatives."""
        return self.pairs + self.relatives

    def texts(self) -> list[str]:
        """Every text of the language and its relatives, once, in an order that depends on the texts only."""
        texts = {p.right for p in self.translations()}
        texts |= {text for p in (*self.paraphrases, *self.graded) for text in (p.left, p.right)}
        return sorted(texts | set(self.monolingual), key=text_key)


def read_training_data(
    folder: Path, language: str, settings: Data, test_sets: Path | None = None
) -> TrainingData:
    """Read what `folder` (or a single Parquet file of pairs) holds for the language.

    Without pairs in dev/, 2 % of the pairs (at least 50 if there are enough, at most 1000) are held out, by content, so
    that the same rows are held out in every run. No text of dev/ or held out stays in any part that is learnt from.

    Raises:
        XsearchError: nothing to read, too few usable pairs, or sentences of `test_sets` among the training data.
    """
    data = TrainingData(language, [], [], [], {})
    files = [folder] if folder.is_file() else _translation_files(folder, language)
    if not files:
        raise XsearchError(
            f"no translation pairs for {language!r}: {folder / 'parallel' / f'en-{language}.parquet'} does not exist; "
            f"give --data a folder with parallel/en-{language}.parquet, or a Parquet file with two columns of text"
        )
    data.pairs = list(_clean(_translations(files, language), settings, data.left_out))
    if folder.is_dir():
        _read_beside(folder, data, settings)
    learnt = _settle_dev(data)
    data.pairs = [p for p in data.pairs if learnt(p.left, p.right)]
    data.paraphrases = [p for p in data.paraphrases if learnt(p.left, p.right)]
    data.english = [p for p in data.english if learnt(p.left, p.right)]
    data.graded = [p for p in data.graded if learnt(p.left, p.right)]
    data.monolingual = [text for text in data.monolingual if learnt(text)]
    if folder.is_dir():
        for relative in settings.relatives:
            data.relatives += _read_relative(folder, relative, settings, len(data.pairs), learnt)
    if test_sets is not None:
        held_out = (pair for pairs in data.dev.values() for pair in pairs)  # choices are made on them
        learnt_from = (*data.translations(), *data.paraphrases, *data.english, *data.graded)
        together: list[Pair] = [*learnt_from, *held_out]
        sides = [text for p in together for text in (p.left, p.right)]
        refuse_leaks([*sides, *data.monolingual], test_sets, language)
    if len(data.pairs) < MINIMUM_PAIRS:
        said = ", ".join(f"{n} {why}" for why, n in data.left_out.most_common()) or "none"
        raise XsearchError(
            f"{files[0]}: {len(data.pairs)} usable translation pairs (left out: {said}), at least {MINIMUM_PAIRS} are "
            "needed to train a module; add more pairs"
        )
    return data


def _translation_files(folder: Path, language: str) -> list[Path]:
    """parallel/en-LANG.parquet and those of collections, parallel/NAME/en-LANG.parquet, each where there is one."""
    parallel, name = folder / "parallel", f"en-{language}.parquet"
    return [path for path in (parallel / name, *sorted(parallel.glob(f"*/{name}"))) if path.is_file()]


def _translations(files: Iterable[Path], language: str) -> Iterator[Pair]:
    return (pair for file in files for pair in read_translations(file, language))


def _read_beside(folder: Path, data: TrainingData, settings: Data) -> None:
    """Paraphrases, monolingual text and dev sets, each where there is one."""
    language = data.language
    if (path := folder / "paraphrase" / f"{language}.parquet").is_file():
        data.paraphrases = list(_clean(read_pairs(path), settings, data.left_out))
    if (path := folder / "paraphrase" / "en.parquet").is_file():
        data.english = list(_clean(read_pairs(path), settings, Counter()))
    if (path := folder / "mono" / f"{language}.parquet").is_file():
        data.monolingual = list(_usable(read_texts(path), settings, data.left_out))
    for name, suffix in (("short", ""), ("long", "-long")):
        if (path := folder / "dev" / f"en-{language}{suffix}.parquet").is_file():
            data.dev[name] = [
                p for p in read_translations(path, language) if p.left.strip() and p.right.strip()
            ]
    if everyday := _read_copa(folder / "dev", language):
        data.dev["everyday"] = everyday
    for name in SCORED_SETS:
        if (path := folder / "sts_train" / f"{name}_train_{language}.parquet").is_file():
            data.graded += _read_scored(path, f"{name}-train scores")
        if (path := folder / "dev" / f"{name}_dev_{language}.parquet").is_file():
            data.scored[name] = _read_scored(path, name)


def _read_relative(
    folder: Path, relative: str, settings: Data, own: int, learnt: Callable[..., bool]
) -> list[Pair]:
    """Translations into `relative`, whose sources carry its name; of several relatives each gives as many.

    How many depends on the language's `own` pairs. Chosen by content, so that the same rows are chosen in every run.
    """
    files = _translation_files(folder, relative)
    if not files:
        raise XsearchError(
            f"no translation pairs for the relative {relative!r}: "
            f"{folder / 'parallel' / f'en-{relative}.parquet'} does not exist; add it, or give --recipe "
            "shared or another without relatives"
        )
    share = settings.relatives_share
    wanted = round(own * share / (1 - share) / len(settings.relatives))
    pairs = sorted(
        _clean(_translations(files, relative), settings, Counter()),
        key=lambda pair: text_key(pair.left + "\0" + pair.right),
    )
    usable = (pair for pair in pairs if learnt(pair.left, pair.right))
    return [Pair(p.left, p.right, f"{relative}:{p.source}") for p in islice(usable, wanted)]


_COPA = ("p", "a1", "a2")
_XCOPA = ("premise", "choice1", "choice2")
_FIRST_OF_XCOPA = 401
"""XCOPA's validation set begins at this sentence of COPA's own numbering."""


def _read_copa(dev: Path, language: str) -> list[Pair]:
    """Premises and alternatives of COPA in English and translated, each once: a source that no training text is of.

    Kardes' sets have the English beside the translation; XCOPA's have only its number, and theirs serve them too.
    """
    with_english = sorted(dev.glob("kardes_xcopa_dev_*.parquet"))
    beside, alone = dev / f"kardes_xcopa_dev_{language}.parquet", dev / f"xcopa_val_{language}.parquet"
    rows: Iterable[Sequence[Any]]
    if beside in with_english:
        sides = [read_columns(beside, names) for names in (_COPA, [f"{c}_translation" for c in _COPA])]
        rows = zip(*(column for side in sides for column in side.values()), strict=True)
    elif alone.is_file() and with_english:
        known = {
            number: texts
            for path in with_english
            for *texts, number in zip(*read_columns(path, _COPA, ("id",)).values(), strict=True)
        }
        numbered = zip(*read_columns(alone, _XCOPA, ("idx",)).values(), strict=True)
        rows = (
            (*known.get(idx + _FIRST_OF_XCOPA, ("",) * 3), *texts)
            for *texts, idx in numbered
            if idx is not None
        )
    else:
        return []
    pairs = (Pair(row[i], row[i + 3], "xcopa") for row in rows for i in range(3))
    return list(dict.fromkeys(p for p in pairs if p.left.strip() and p.right.strip()))


def _read_scored(path: Path, source: str) -> list[ScoredPair]:
    """The rows of a file of scored pairs, without those that lack a side or a score."""
    rows = zip(*read_columns(path, ("s1", "s2"), ("score",)).values(), strict=True)
    return [
        ScoredPair(a, b, source, float(gold))
        for a, b, gold in rows
        if gold is not None and math.isfinite(gold) and a.strip() and b.strip()
    ]


def _clean(pairs: Iterable[Pair], settings: Data, left_out: Counter[str]) -> Iterator[Pair]:
    seen: set[tuple[str, str]] = set()
    for pair in pairs:
        if pair.source in settings.skip_sources:
            left_out["of a skipped source"] += 1
        elif not pair.left.strip() or not pair.right.strip():
            left_out["with an empty side"] += 1
        elif len(pair.left) > settings.max_characters or len(pair.right) > settings.max_characters:
            left_out[f"longer than {settings.max_characters} characters"] += 1
        elif _is_garbled(pair.left) or _is_garbled(pair.right):
            left_out["wrongly decoded"] += 1
        elif (key := (pair.left, pair.right)) in seen:
            left_out["duplicated"] += 1
        else:
            seen.add(key)
            yield pair


def _usable(texts: Iterable[str], settings: Data, left_out: Counter[str]) -> Iterator[str]:
    for text in texts:
        if len(text) > settings.max_characters:
            left_out[f"(monolingual) longer than {settings.max_characters} characters"] += 1
        elif _is_garbled(text):
            left_out["(monolingual) wrongly decoded"] += 1
        else:
            yield text


def _is_garbled(text: str) -> bool:
    """Whether bytes were no UTF-8, or were UTF-16, whose Latin letters each bring a NUL."""
    return "\ufffd" in text or "\0" in text


def _settle_dev(data: TrainingData) -> Callable[..., bool]:
    """Hold pairs out where dev/ has none; gives what says of the texts of a row whether it may be learnt from.

    It may not where the sentence of one of them, however short or spelt, is chosen on; such rows are counted.
    """
    key = sentence_keys(data.language)
    sets: list[Sequence[Pair]] = [*data.dev.values(), *data.scored.values()]
    reasons = {
        key(text): "in a development set" for pairs in sets for p in pairs for text in (p.left, p.right)
    }
    if not (data.dev.get("short") or data.dev.get("long")):
        data.dev["short"] = _hold_out(data.pairs)
        reasons |= {key(text): "held out" for p in data.dev["short"] for text in (p.left, p.right)}

    def learnt(*texts: str) -> bool:
        reason = next((reasons[k] for k in map(key, texts) if k in reasons), None)
        if reason is not None:
            data.left_out[reason] += 1
        return reason is None

    return learnt


def _hold_out(pairs: list[Pair]) -> list[Pair]:
    """Some pairs by content, each text once: of two translations of one text only one would count as found."""
    wanted = min(1000, max(len(pairs) // 50, min(50, len(pairs) - MINIMUM_PAIRS)))
    held: list[int] = []
    lefts: set[str] = set()
    rights: set[str] = set()
    for index in sorted(range(len(pairs)), key=lambda i: text_key(pairs[i].left + "\0" + pairs[i].right)):
        pair = pairs[index]
        if len(held) < wanted and pair.left not in lefts and pair.right not in rights:
            held.append(index)
            lefts.add(pair.left)
            rights.add(pair.right)
    return [pairs[index] for index in sorted(held)]


def cross_lingual_paraphrases(data: TrainingData) -> list[Pair]:
    """(English paraphrase, foreign) pairs: a translation's other wording on either side.

    From a paraphrase (a, b) in the language and a translation (e, a): (e, b). From an English paraphrase (e, f)
    and a translation (e, a): (f, a).
    """
    by_foreign = {p.right: p.left for p in data.pairs}
    by_english = {p.left: p.right for p in data.pairs}
    found: dict[tuple[str, str], Pair] = {}
    for p in data.paraphrases:
        for one, other in ((p.left, p.right), (p.right, p.left)):
            if one in by_foreign:
                found[(by_foreign[one], other)] = Pair(by_foreign[one], other, p.source)
    for p in data.english:
        for one, other in ((p.left, p.right), (p.right, p.left)):
            if one in by_english:
                found[(other, by_english[one])] = Pair(other, by_english[one], f"en:{p.source}")
    return list(found.values())
