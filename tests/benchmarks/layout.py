"""A graph in the order of the corpus and in that of a walk through it: `make bench-layout ARGS="--rows 1000000"`.

The same graph is written twice. Each file is asked one query after the other: from the system's memory, both in turn,
and from the disk, after the system was told to forget the file. With `--on` what stands built is only asked again.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.processes import run
from tests.benchmarks.vectors import Dataset, dataset
from xsearch.index.approximate import ApproximateIndex, save_index
from xsearch.index.build import build_index, insertion_order
from xsearch.index.choice import choose_index
from xsearch.index.layout import lay_out
from xsearch.index.library import faiss
from xsearch.index.vector_run import VectorRun

ROUNDS = 9
ORDERS = ("corpus", "walk")
_DEPTH = 16


def build(data: Dataset, folder: Path) -> int:
    """Write both files, unless they are there, and give the breadth of search that was tuned for them."""
    tuned = folder / "tuned.json"
    if not tuned.exists():
        factory = choose_index(data.rows, data.dimension, 1 << 40, 0.95).factory
        if factory is None:
            raise SystemExit(f"{data.rows} vectors are looked at one by one; ask for more --rows")
        order, probes = insertion_order(data.rows)
        vectors = VectorRun([data.vectors], [np.arange(data.rows)])
        built = build_index(
            factory, vectors, order, probes, recall=0.95, device="cpu", report=lambda done: None
        )
        save_index(built.index, folder / "corpus.faiss")
        started = time.perf_counter()
        lay_out(built.index)
        print(f"built in {built.seconds:.0f} s, laid out in {time.perf_counter() - started:.1f} s")
        save_index(built.index, folder / "walk.faiss")
        tuned.write_text(json.dumps(built.tuning.parameters))
    return int(json.loads(tuned.read_text())["efSearch"])


def opened(folder: Path, name: str, rows: int, breadth: int) -> ApproximateIndex:
    """One of the files."""
    return ApproximateIndex(folder / f"{name}.faiss", rows, {"efSearch": breadth})


def ask(index: ApproximateIndex, queries: NDArray[np.float32]) -> float:
    """The median milliseconds of a query."""
    spent = []
    for query in queries:
        started = time.perf_counter()
        index.search(query[None], _DEPTH)
        spent.append(time.perf_counter() - started)
    return 1000 * float(np.median(spent))


def warm(data: Dataset, folder: Path, breadth: int) -> list[tuple[float, float]]:
    """Milliseconds of both in each round."""
    indexes = [opened(folder, name, data.rows, breadth) for name in ORDERS]
    for index in indexes:
        ask(index, data.queries)
    return [(ask(indexes[0], data.queries), ask(indexes[1], data.queries)) for _ in range(ROUNDS)]


def cold(data: Dataset, folder: Path, breadth: int, name: str) -> tuple[float, int]:
    """Milliseconds of one of the first hundred queries in this process, and the pages that they fetched."""
    path = folder / f"{name}.faiss"
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    index, queries = opened(folder, name, data.rows, breadth), data.queries[:100]
    before = _fetched()
    return ask(index, queries), _fetched() - before


def _fetched() -> int:
    return int(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[9])  # majflt of proc(5)


def main() -> None:
    """Build what is missing, ask, print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--on", type=Path, help="folder for the files, which stay there")
    parser.add_argument("--cold", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    faiss().omp_set_num_threads(2)
    if arguments.on is None:
        with tempfile.TemporaryDirectory() as folder:
            compare(Path(folder), arguments.rows)
    elif arguments.cold:
        faiss().omp_set_num_threads(1)
        data = dataset(arguments.on / f"vectors-{arguments.rows}", arguments.rows, queries=500)
        print(json.dumps(cold(data, arguments.on, build(data, arguments.on), arguments.cold)))
    else:
        compare(arguments.on, arguments.rows)


def compare(folder: Path, rows: int) -> None:
    """The table of both orders."""
    data = dataset(folder / f"vectors-{rows}", rows, queries=500)
    breadth = build(data, folder)
    faiss().omp_set_num_threads(1)
    rounds = np.array(warm(data, folder, breadth))
    process = partial(run, environment={}, minutes=10, private=20_000)
    print(f"{rows:,} vectors, efSearch {breadth}\n")
    print("| order | warm ms | ratio | cold ms | pages fetched by 100 queries |\n|---|---|---|---|---|")
    for place, name in enumerate(ORDERS):
        line, _ = process([*_command(folder, rows), "--cold", name])
        milliseconds, pages = json.loads(line)
        ratio = np.median(rounds[:, place] / rounds[:, 0])
        print(
            f"| {name} | {np.median(rounds[:, place]):.3f} | {ratio:.2f} | {milliseconds:.1f} | {pages:,} |"
        )


def _command(folder: Path, rows: int) -> Sequence[str]:
    return ["-m", "tests.benchmarks.layout", "--rows", str(rows), "--on", str(folder)]


if __name__ == "__main__":
    main()
