"""A toy language: English word for word, each word replaced by one invented word, and the data it gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from train.data import Pair

ADJECTIVES = "old new red blue small big cold warm quiet loud dark bright empty full early late".split()
NOUNS = (
    "dog cat house river forest lake winter summer bread milk teacher farmer sailor child bridge road car ship train "
    "letter song garden window door mountain village market story"
).split()
VERBS = "sees finds builds paints sells likes leaves follows hears carries remembers wants".split()
PLACES = "near behind under above beside before after without".split()
ENGLISH = ["the", *ADJECTIVES, *NOUNS, *VERBS, *PLACES]

_ONSETS = "k m t v s p l r h j n".split()
_VOWELS = "a e i o u y ä ö".split()


def dictionary() -> dict[str, str]:
    """English word -> toy word; made of two or three syllables, all different and none of them English."""
    syllables = [onset + vowel for vowel in _VOWELS for onset in _ONSETS]
    rng = np.random.default_rng(11)
    words: dict[str, str] = {}
    for english in ENGLISH:
        while True:
            word = "".join(rng.choice(syllables, int(rng.integers(2, 4))))
            if word not in words.values() and word not in ENGLISH:
                break
        words[english] = word
    return words


TOY = dictionary()


def translate(sentence: str) -> str:
    """The toy sentence of an English one."""
    return " ".join(TOY[word] for word in sentence.split())


def sentences(count: int, seed: int = 0) -> list[str]:
    """`count` different English sentences of 5 to 9 words."""
    rng = np.random.default_rng([seed, count])
    found: dict[str, None] = {}
    while len(found) < count:
        words = [
            "the",
            rng.choice(ADJECTIVES),
            rng.choice(NOUNS),
            rng.choice(VERBS),
            "the",
            rng.choice(NOUNS),
        ]
        if rng.random() < 0.6:
            words += [rng.choice(PLACES), "the", rng.choice(NOUNS)]
        found[" ".join(words)] = None
    return list(found)


def pairs(count: int, seed: int = 0, sources: int = 1) -> list[Pair]:
    """Translations from `sources` sources in turn."""
    return [
        Pair(text, translate(text), f"source-{index % sources}")
        for index, text in enumerate(sentences(count, seed))
    ]


def reworded(text: str, rng: np.random.Generator) -> str:
    """The English sentence with one adjective or noun dropped or put in: nearly the same meaning."""
    words = text.split()
    words[1] = str(rng.choice(ADJECTIVES))
    return " ".join(words)


def write_pairs(path: Path, rows: list[Pair]) -> Path:
    """A Parquet file of pairs in the layout of the shared data."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = {"en": [p.left for p in rows], "xx": [p.right for p in rows], "source": [p.source for p in rows]}
    pq.write_table(pa.table(table), path)
    return path


def write_data(folder: Path, language: str = "fi", count: int = 1500, seed: int = 0) -> Path:
    """A data folder: parallel/, paraphrase/ (the language and English), mono/, sts_train/, dev/."""
    everything = pairs(count + 200, seed, sources=3)
    train, dev = everything[:count], everything[count:]
    write_pairs(folder / "parallel" / f"en-{language}.parquet", train)
    write_pairs(folder / "dev" / f"en-{language}.parquet", dev)
    rng = np.random.default_rng(seed)
    english = [(p.left, reworded(p.left, rng), f"wording-{i % 2}") for i, p in enumerate(train[:300])]
    for name, change in (("en", str), (language, translate)):
        path = folder / "paraphrase" / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        columns = list(zip(*((change(a), change(b), source) for a, b, source in english), strict=True))
        pq.write_table(pa.table(dict(zip("a b source".split(), map(list, columns), strict=True))), path)
    (folder / "mono").mkdir(exist_ok=True)
    mono = [translate(text) for text in sentences(300, seed + 1)]
    pq.write_table(pa.table({"text": mono}), folder / "mono" / f"{language}.parquet")
    write_scored(folder / "dev" / f"stsb_dev_{language}.parquet", dev, rng, 60)
    write_scored(folder / "sts_train" / f"stsb_train_{language}.parquet", train, rng, 100)
    return folder


def write_scored(path: Path, rows: list[Pair], rng: np.random.Generator, count: int) -> None:
    """Scored pairs: a sentence with another wording of it (4) or with another sentence (0.5)."""
    path.parent.mkdir(exist_ok=True)
    one = [p.right for p in rows[:count]]
    two = [
        translate(reworded(p.left, rng)) if i % 2 else rows[-1 - i].right for i, p in enumerate(rows[:count])
    ]
    scores = [4.0 if i % 2 else 0.5 for i in range(count)]
    pq.write_table(pa.table({"s1": one, "s2": two, "score": scores}), path)
