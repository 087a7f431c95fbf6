"""`make bench-demo`: where the right document stands, for the judged questions about the demo corpora.

Within a language also with the question's words beside its meaning (`--hybrid`). The questions were written to share
few words with their documents; what words are for is seen by the last rows, whose queries are three long words of a
document, drawn at random. No part of training or of any choice.
"""

from __future__ import annotations

import json
import random
import re
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

import xsearch
from xsearch.collection import IndexSettings
from xsearch.corpus import Corpus
from xsearch.search.indexing import index_corpus
from xsearch.search.several import search

DEMO = Path(xsearch.__file__).parent / "demo"
LANGUAGES = ("en", "fi")
_LONG = re.compile(r"\w{7,}")


@dataclass(frozen=True)
class Question:
    """A query and the ids of the documents that answer it."""

    query: str
    relevant: Sequence[str]


def main() -> None:
    """Print a Markdown table: share of questions whose document is first, among three, among ten."""
    print(
        "| question | collection | by | questions | first | among 3 | among 10 |\n|---|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as folder:
        collections = {f"demo-{lang}": _indexed(lang, Path(folder)) for lang in LANGUAGES}
        for (lang, name), questions in sorted(_judged().items()):
            _print(lang, lang, collections[name], questions)
        for lang in LANGUAGES:
            _print(f"{lang}, three words", lang, collections[f"demo-{lang}"], _remembered(lang))


def _indexed(lang: str, folder: Path) -> xsearch.Collection:
    path, corpus = folder / f"demo-{lang}", Corpus.open(DEMO / f"{lang}.parquet")
    index_corpus(corpus, path, lang=lang, settings=IndexSettings(keywords=True))
    return xsearch.Collection.open(path)


def _judged() -> dict[tuple[str, str], list[Question]]:
    """The questions by their language and the collection that they are for."""
    found = defaultdict(list)
    for line in (DEMO / "queries.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        found[row["lang"], row["collection"]].append(Question(row["query"], row["relevant"]))
    return found


def _remembered(lang: str) -> list[Question]:
    """For each document three of its long words."""
    rows, draw = pq.read_table(DEMO / f"{lang}.parquet").to_pylist(), random.Random(0)
    words = {row["id"]: sorted(set(_LONG.findall(row["text"]))) for row in rows}
    return [Question(" ".join(draw.sample(w, 3)), [id_]) for id_, w in words.items() if len(w) > 3]


def _print(shown: str, lang: str, collection: xsearch.Collection, questions: Sequence[Question]) -> None:
    for hybrid in (False, True) if collection.name == f"demo-{lang}" else (False,):
        found = search([collection], [q.query for q in questions], lang=lang, k=10, hybrid=hybrid)
        places = [
            [place for place, hit in enumerate(result.hits) if hit.id in question.relevant]
            for result, question in zip(found, questions, strict=True)
        ]
        shares = [sum(bool(p) and p[0] < k for p in places) / len(questions) for k in (1, 3, 10)]
        by = "meaning and words" if hybrid else "meaning"
        cells = [shown, collection.name, by, str(len(questions)), *(f"{share:.0%}" for share in shares)]
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
