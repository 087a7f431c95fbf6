"""Reading and cleaning training data: translation pairs, paraphrases, monolingual text, and what is held out.

Any Parquet file with two text columns is a set of pairs. A folder in the layout of `MANIFEST.md` (parallel/,
paraphrase/, mono/, dev/) is read whole. What is left out is counted and said; a set that is too small to train on,
or that shares sentences with a test set, is refused.
"""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from train.recipe import Data
from xsearch.errors import XsearchError

MINIMUM_PAIRS = 500
"""Fewer translation pairs than this cannot even place the frequent words; the module would be noise."""


@dataclass(frozen=True)
class Pair:
    """Two texts of the same meaning: (English, foreign) in translations, (a, b) in paraphrases."""

    left: str
    right: str
    source: str


@dataclass
class TrainingData:
    """Everything one language is trained and chosen on."""

    language: str
    pairs: list[Pair]
    paraphrases: list[Pair]
    monolingual: list[str]
    dev: dict[str, list[Pair]]
    left_out: Counter[str] = field(default_factory=Counter)


def read_training_data(folder: Path, language: str, settings: Data, test_sets: Path | None = None) -> TrainingData:
    """Read what `folder` (or a single Parquet file of pairs) holds for the language.

    Without a dev/ set, 2 % of the pairs (at most 1000) are held out, by content, so that the same rows are held
    out in every run.

    Raises:
        XsearchError: nothing to read, too few usable pairs, or sentences of `test_sets` among the training data.
    """
    left_out: Counter[str] = Counter()
    if folder.is_file():
        files, single = [folder], True
    else:
        files, single = [folder / "parallel" / f"en-{language}.parquet"], False
    if not files[0].is_file():
        raise XsearchError(f"no translation pairs for {language!r}: {files[0]} does not exist; give --data a folder with parallel/en-{language}.parquet or a two-column Parquet file")
    pairs = list(_clean(read_pairs(files[0]), settings, left_out))
    paraphrases, monolingual, dev = [], [], {}
    if not single:
        path = folder / "paraphrase" / f"{language}.parquet"
        paraphrases = list(_clean(read_pairs(path), settings, left_out)) if path.is_file() else []
        path = folder / "mono" / f"{language}.parquet"
        monolingual = [t for t in read_texts(path) if t.strip()] if path.is_file() else []
        for name, file in (("short", f"en-{language}.parquet"), ("long", f"en-{language}-long.parquet")):
            if (folder / "dev" / file).is_file():
                dev[name] = list(read_pairs(folder / "dev" / file))
    if not dev:
        pairs, dev["short"] = _hold_out(pairs)
    if test_sets is not None:
        refuse_leaks([*pairs, *paraphrases], test_sets)
    if len(pairs) < MINIMUM_PAIRS:
        said = ", ".join(f"{n} {why}" for why, n in left_out.most_common()) or "none left out"
        raise XsearchError(f"{files[0]}: {len(pairs)} usable translation pairs ({said}), at least {MINIMUM_PAIRS} are needed to train a module; add more pairs")
    return TrainingData(language, pairs, paraphrases, monolingual, dev, left_out)


def read_pairs(path: Path) -> Iterator[Pair]:
    """Rows of a Parquet file as pairs: its first two text columns, and `source` where there is one."""
    table = _read(path)
    text = [f.name for f in table.schema if _is_text(f.type) and f.name not in ("source", "doc")]
    if len(text) < 2:
        raise XsearchError(f"{path}: expected two text columns (English and the language), found {table.schema.names}")
    # English stands on the left whatever the order in the file.
    left, right = ("en", next(n for n in text if n != "en")) if "en" in text[:2] else (text[0], text[1])
    sources = table["source"].to_pylist() if "source" in table.schema.names else [path.stem] * len(table)
    for a, b, source in zip(table[left].to_pylist(), table[right].to_pylist(), sources, strict=True):
        yield Pair(a or "", b or "", str(source))


def read_texts(path: Path) -> list[str]:
    """The `text` column (or the first text column) of a Parquet file."""
    table = _read(path)
    names = [f.name for f in table.schema if _is_text(f.type)]
    if not names:
        raise XsearchError(f"{path}: expected a text column, found {table.schema.names}")
    return [t for t in table["text" if "text" in names else names[0]].to_pylist() if t]


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _read(path: Path) -> pa.Table:
    try:
        return pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise XsearchError(f"{path} cannot be read as Parquet ({str(error).splitlines()[0]}); write it again") from error


def sentence_key(text: str) -> str:
    """What two spellings of the same sentence share: NFKC, lower case, letters and digits only."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).lower() if c.isalnum() or unicodedata.category(c)[0] == "M")


def _clean(pairs: Iterable[Pair], settings: Data, left_out: Counter[str]) -> Iterator[Pair]:
    seen: set[tuple[str, str]] = set()
    for pair in pairs:
        if pair.source in settings.skip_sources:
            left_out["of a skipped source"] += 1
        elif not pair.left.strip() or not pair.right.strip():
            left_out["with an empty side"] += 1
        elif len(pair.left) > settings.max_characters or len(pair.right) > settings.max_characters:
            left_out[f"longer than {settings.max_characters} characters"] += 1
        elif "\ufffd" in pair.left or "\ufffd" in pair.right:
            left_out["wrongly decoded"] += 1
        elif (key := (pair.left, pair.right)) in seen:
            left_out["duplicated"] += 1
        else:
            seen.add(key)
            yield pair


def _hold_out(pairs: list[Pair]) -> tuple[list[Pair], list[Pair]]:
    from train.teacher import text_key

    wanted = min(1000, len(pairs) // 50)
    order = sorted(range(len(pairs)), key=lambda i: text_key(pairs[i].left + "\0" + pairs[i].right))
    held = set(order[:wanted])
    dev_keys = {sentence_key(pairs[i].left) for i in held} | {sentence_key(pairs[i].right) for i in held}
    train = [
        p
        for i, p in enumerate(pairs)
        if i not in held and sentence_key(p.left) not in dev_keys and sentence_key(p.right) not in dev_keys
    ]
    return train, [pairs[i] for i in sorted(held)]


def refuse_leaks(pairs: Iterable[Pair], test_sets: Path) -> None:
    """Raise XsearchError if a text of any Parquet file under `test_sets` is among the training pairs."""
    held: dict[str, str] = {}
    for path in sorted(test_sets.rglob("*.parquet")):
        table = _read(path)
        for name in (f.name for f in table.schema if _is_text(f.type)):
            held.update((sentence_key(t), path.name) for t in table[name].to_pylist() if t)
    held = {key: name for key, name in held.items() if len(key) > 10}
    leaks = [(p, held[k]) for p in pairs for k in {sentence_key(p.left), sentence_key(p.right)} if k in held]
    if leaks:
        pair, name = leaks[0]
        raise XsearchError(f"{len(leaks)} training sentences stand in the test sets too, the first in {name}: {pair.right[:60]!r}; remove them from the training data")


def epoch(pairs: list[Pair], settings: Data, rng: np.random.Generator) -> list[int]:
    """Indices of one epoch: every pair once, but no source above its cap, and weighted sources thinned or repeated."""
    groups: dict[str, list[int]] = defaultdict(list)
    for index, pair in enumerate(pairs):
        groups[pair.source].append(index)
    cap = max(int(settings.source_cap * len(pairs)), 1)
    chosen: list[int] = []
    for source in sorted(groups):
        rows = groups[source]
        wanted = min(round(len(rows) * settings.source_weights.get(source, 1.0)), cap)
        while wanted > 0:
            chosen.extend(int(i) for i in rng.permutation(rows)[:wanted])
            wanted -= len(rows)
    return chosen


def joined(pairs: list[Pair], share: float, rng: np.random.Generator, max_characters: int = 700) -> list[Pair]:
    """`share` x len(pairs) longer examples, each of two to six random short pairs joined in the same order on both sides."""
    short = [i for i, p in enumerate(pairs) if len(p.left) < 200]
    examples = []
    for _ in range(int(share * len(pairs)) if short else 0):
        group = [pairs[i] for i in rng.choice(short, int(rng.integers(2, 7)))]
        left, right = " ".join(p.left for p in group), " ".join(p.right for p in group)
        if max(len(left), len(right)) <= max_characters:
            examples.append(Pair(left, right, "joined"))
    return examples


def cross_lingual_paraphrases(data: TrainingData, english: list[Pair]) -> list[Pair]:
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
    for p in english:
        for one, other in ((p.left, p.right), (p.right, p.left)):
            if one in by_english:
                found[(other, by_english[one])] = Pair(other, by_english[one], f"en:{p.source}")
    return list(found.values())
