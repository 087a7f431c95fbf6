"""One question in a process that is warm: `make bench-warm`, or with `--folder DIR` to keep the collection.

100,000 different sentences are put together from halves of the demo corpus' sentences and indexed by `xsearch index`
with the English module; questions are put together likewise and are not among them. Each question is asked in one
process and thread through `Collection.search`, and again in pieces: the encoder by itself, and how long ranking and
fetching of the documents took. What the whole takes beyond the encoder's own time is taken question by question.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tests.benchmarks.texts import documents, recombined, sentences
from xsearch.collection import Collection
from xsearch.encoder import encoder_for

BAR = 2.0
"""Milliseconds that the whole may take beyond the encoder's own time."""

_TO_WARM_UP = 50


def collection(folder: Path, texts: list[str]) -> Collection:
    """The texts in a collection under `folder`, indexed there unless they are already."""
    path = folder / f"warm-{len(texts)}"
    if not (path / "manifest.json").exists():
        corpus = folder / "documents.parquet"
        years = [1990 + number % 35 for number in range(len(texts))]
        pq.write_table(pa.table({"id": [*map(str, range(len(texts)))], "text": texts, "year": years}), corpus)
        index = ["index", str(corpus), "--lang", "en", "--store", str(folder), "--collection", path.name]
        started = time.perf_counter()
        subprocess.run([str(Path(sys.executable).with_name("xsearch")), *index], check=True)
        print(f"indexed in {time.perf_counter() - started:.0f} s")
    return Collection.open(path)


def ask(opened: Collection, questions: list[str], k: int) -> dict[str, NDArray[np.float64]]:
    """Milliseconds of each part for each question."""
    encoder, space = encoder_for("en"), opened.spaces[0]
    spent: dict[str, list[float]] = {}
    for question in questions:
        started = time.perf_counter()
        opened.search(question, lang="en", k=k)
        answered = time.perf_counter()
        vectors = encoder.encode([question], space=space)
        encoded = time.perf_counter()
        answer = opened.answer(vectors, space=space, k=k, lang="en")
        parts = {
            "whole": answered - started,
            "encoder alone": encoded - answered,
            "whole less encoder": 2 * answered - started - encoded,
            "search": answer.search_seconds,
            "fetch": answer.fetch_seconds,
        }
        for name, seconds in parts.items():
            spent.setdefault(name, []).append(1000 * seconds)
    return {name: np.array(times[_TO_WARM_UP:]) for name, times in spent.items()}


def main() -> None:
    """Read the options and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--questions", type=int, default=2000)
    parser.add_argument("-k", type=int, default=10, help="documents in an answer")
    parser.add_argument("--folder", type=Path, help="where the collection is made and kept")
    options = parser.parse_args()
    texts = recombined(sentences(documents("en"), 10**6), options.documents + options.questions + _TO_WARM_UP)
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        opened = collection(folder, texts[: options.documents])
        spent = ask(opened, texts[options.documents :], options.k)
        info = opened.info()
    print(
        f"{info.documents:,} documents, {info.index}, {info.segments} segments, k {options.k}, "
        f"{options.questions} questions, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    print(f"{'milliseconds':20}{'p50':>8}{'p99':>8}")
    for name, times in spent.items():
        p50, p99 = np.percentile(times, [50, 99])
        print(f"{name:20}{p50:8.2f}{p99:8.2f}")
    beyond = float(np.median(spent["whole less encoder"]))
    print(f"beyond the encoder's own time: {beyond:.2f} ms at the median (bar: {BAR:.0f} ms)")


if __name__ == "__main__":
    main()
