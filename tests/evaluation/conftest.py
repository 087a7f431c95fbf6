"""Small evaluation sets in the layouts of the published ones, in English and a made-up Finnish."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.evaluation.conceptual import NOUNS, foreign

VERBS = "finds paints buys carries forgets repairs sells watches".split()


@pytest.fixture(scope="session")
def sentences():
    """Sixty different English sentences of ordinary length."""
    rng = np.random.default_rng(7)
    made = {}
    while len(made) < 60:
        words = rng.choice(NOUNS, size=4, replace=False)
        made[f"the {words[0]} {rng.choice(VERBS)} a {words[1]} near the {words[2]} and the {words[3]}"] = None
    return list(made)


@pytest.fixture(scope="session")
def scored(sentences):
    """Pairs of sentences, scored by how many nouns they share and a little that tells pairs apart."""
    rng = np.random.default_rng(3)
    pairs = []
    for number, left in enumerate(sentences):
        words = left.split()
        for place in (1, 4, 7)[: number % 4]:
            words[place] = str(rng.choice(NOUNS))
        shared = len(set(words) & set(left.split())) / len(set(left.split()))
        pairs.append({"s1": left, "s2": " ".join(words), "score": round(5 * shared, 2) + number / 1000})
    return pairs


@pytest.fixture
def write_table():
    """Writes rows as Parquet or JSON lines, by the name."""

    def write(path, rows):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".parquet":
            pq.write_table(pa.Table.from_pylist(rows), path)
        else:
            lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            path.write_text("".join(lines), encoding="utf-8")
        return path

    return write


@pytest.fixture
def data(tmp_path, sentences, scored, write_table):
    """A folder like the project's own: STSb in two languages, SemRel, Tatoeba, long pairs, XCOPA."""
    root = tmp_path / "data"
    translated = [{**pair, "s1": foreign(pair["s1"]), "s2": foreign(pair["s2"])} for pair in scored]
    write_table(root / "stsb_test_en.parquet", scored)
    write_table(root / "stsb_test_fi.parquet", translated)
    write_table(root / "semrel_test_fi.parquet", translated[:30])
    pairs = [{"en": text, "xx": foreign(text)} for text in sentences]
    write_table(root / "tatoeba_en-fi.parquet", pairs)
    write_table(root / "dev" / "en-fi-long.parquet", [pair | {"source": "x", "doc": "y"} for pair in pairs])
    questions = [
        {"premise": foreign(text), "choice1": foreign(sentences[number - 1]), "choice2": foreign(text[4:]),
         "question": "effect", "label": 1, "idx": number, "changed": False}
        for number, text in enumerate(sentences[:30])
    ]  # fmt: skip
    write_table(root / "xcopa_val_fi.parquet", questions)
    return root
