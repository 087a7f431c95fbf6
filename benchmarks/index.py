"""Vector stores side by side on the same vectors: `make bench-index`, or with `--rows 10000000 --on /big/disk`.

Every contender builds and is asked in processes of its own, one after the other, so that times and memory are its own.
Latencies are those of single queries at the first setting that reaches a recall, because speed without recall is free.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from benchmarks.stores import STORES, Store
from benchmarks.vectors import Dataset, dataset

RECALLS = (0.90, 0.95, 0.98)


@dataclass(frozen=True)
class Build:
    """Seconds from vectors to index on disk; bytes on disk; largest resident memory in MB."""

    seconds: float
    bytes: int
    memory: float


@dataclass(frozen=True)
class Point:
    """One setting: recall@10, milliseconds of a query (median, 99th percentile), queries a second by two threads."""

    setting: int
    recall: float
    p50: float
    p99: float
    throughput: float


@dataclass(frozen=True)
class Answers:
    """Milliseconds to open, and to the first answer; the points; largest resident memory in MB."""

    opening: float
    first: float
    points: list[Point]
    memory: float


def build(store: Store, data: Dataset, folder: Path) -> Build:
    """Build in this process."""
    start = time.perf_counter()
    store.build(data.vectors, folder)
    seconds = time.perf_counter() - start
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Build(seconds, size, _memory())


def ask(store: Store, data: Dataset, folder: Path) -> Answers:
    """Open and ask in this process."""
    queries, vectors = data.queries, data.vectors
    start = time.perf_counter()
    store.open(folder, *vectors.shape)
    opened = time.perf_counter()
    store.search(queries[0])
    answered = time.perf_counter()
    points: list[Point] = []
    for setting in store.settings:
        store.set(setting)
        points.append(_point(store, data, setting))
        if points[-1].recall >= max(RECALLS):
            break
    return Answers(1000 * (opened - start), 1000 * (answered - opened), points, _memory())


def _point(store: Store, data: Dataset, setting: int) -> Point:
    queries = data.queries
    found, times = [], []
    for query in queries:
        start = time.perf_counter()
        found.append(store.search(query))
        times.append(1000 * (time.perf_counter() - start))
    padded = [[*rows, *[-1] * 10][:10] for rows in found]
    with ThreadPoolExecutor(2) as pool:
        start = time.perf_counter()
        list(pool.map(store.search, queries))
        throughput = len(queries) / (time.perf_counter() - start)
    p50, p99 = np.percentile(times, [50, 99])
    return Point(setting, data.recall(np.array(padded)), float(p50), float(p99), throughput)


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def contend(name: str, data: Dataset, folder: Path) -> tuple[Build, Answers]:
    """Build and ask one contender, each in a process of its own."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    built = Build(**_child(name, data, folder, "build"))
    answers = _child(name, data, folder, "ask")
    shutil.rmtree(folder)
    return built, Answers(**answers | {"points": [Point(**point) for point in answers["points"]]})


def _child(name: str, data: Dataset, folder: Path, task: str) -> dict:
    command = [sys.executable, "-m", "benchmarks.index", "--child", task, name, str(data.folder), str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"} if task == "ask" else dict(os.environ)
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return json.loads(done.stdout.splitlines()[-1])


def report(name: str, rows: int, built: Build, answers: Answers) -> None:
    """Print a contender's line for each recall, and one for what building and opening took."""
    print(
        f"{name:14} build {built.seconds:8.1f} s  {built.bytes / rows:6.0f} B/vector  "
        f"memory building {built.memory:6.0f} MB, asking {answers.memory:6.0f} MB  "
        f"opening {answers.opening:7.1f} ms, first answer {answers.first:6.1f} ms"
    )
    for recall in RECALLS:
        point = next((point for point in answers.points if point.recall >= recall), None)
        if point is None:
            best = max(point.recall for point in answers.points)
            print(f"{'':14} recall@10 {recall:.2f}  not reached (best {best:.3f})")
        else:
            print(
                f"{'':14} recall@10 {recall:.2f}  {point.recall:.3f} at {point.setting:4}  p50 {point.p50:6.2f} ms  "
                f"p99 {point.p99:6.2f} ms  two threads {point.throughput:6.0f} queries/s"
            )


def main() -> None:
    """Run the comparison, or one task of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="vectors of 384 dimensions")
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--stores", nargs="+", choices=[*STORES], default=[*STORES])
    parser.add_argument("--on", type=Path, help="folder for vectors and indexes; vectors are kept there")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        task, name, source, folder = arguments.child
        figures = (build if task == "build" else ask)(STORES[name][1](), Dataset(Path(source)), Path(folder))
        print(json.dumps(asdict(figures)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        base = arguments.on or Path(scratch)
        data = dataset(base / f"vectors-{arguments.rows}", arguments.rows, arguments.queries)
        print(f"{arguments.rows:,} vectors, {arguments.queries} queries, {os.cpu_count()} cores", flush=True)
        figures = {}
        for name in arguments.stores:
            if find_spec(STORES[name][0]) is None:
                print(f"{name:14} not installed")
                continue
            try:
                built, answers = contend(name, data, base / name)
            except RuntimeError as error:
                print(f"{name:14} failed: {error}")
                continue
            report(name, arguments.rows, built, answers)
            figures[name] = {"build": asdict(built), "answers": asdict(answers)}
        if arguments.json:
            arguments.json.write_text(json.dumps({"rows": arguments.rows, "stores": figures}, indent=1))


if __name__ == "__main__":
    main()
