"""Vector stores side by side on the same vectors: `make bench-index`, or with `--rows 10000000 --on /big/disk`.

Every contender builds and is asked in processes of its own, one after the other, so that times and memory are its own.
Latencies are those of single queries at the first setting that reaches a recall, because speed without recall is free.
One that fails, or takes more memory or time than it may, loses its own rows only; `--json` is written after each.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.processes import FailedError, Memory, run
from tests.benchmarks.stores import STORES, Store
from tests.benchmarks.vectors import Dataset, dataset

RECALLS = (0.90, 0.95, 0.98)


@dataclass(frozen=True)
class Build:
    """Seconds from vectors to index on disk, and of them those of the processors together; bytes; memory taken."""

    seconds: float
    cpu: float
    bytes: int
    memory: Memory


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
    """Milliseconds to open (its library being imported), and to the first answer; the points; the processors' seconds
    for all of it; memory taken.
    """

    opening: float
    first: float
    points: list[Point]
    cpu: float
    memory: Memory


def build(store: Store, data: Dataset, folder: Path) -> dict[str, Any]:
    """Build in this process; all fields of `Build` but the memory."""
    start, worked = time.perf_counter(), time.process_time()
    store.build(data.vectors, folder)
    seconds, cpu = time.perf_counter() - start, time.process_time() - worked
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return {"seconds": seconds, "cpu": cpu, "bytes": size}


def ask(store: Store, data: Dataset, folder: Path) -> dict[str, Any]:
    """Open and ask in this process; all fields of `Answers` but the memory."""
    queries = data.queries
    start = time.perf_counter()
    store.open(folder, data.rows, data.dimension)
    opened = time.perf_counter()
    store.search(queries[0])
    answered = time.perf_counter()
    points: list[dict[str, Any]] = []
    for setting in store.settings:
        store.set(setting)
        points.append(asdict(_point(store, data, setting)))
        if points[-1]["recall"] >= max(RECALLS):
            break
    return {
        "opening": 1000 * (opened - start),
        "first": 1000 * (answered - opened),
        "points": points,
        "cpu": time.process_time(),
    }


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


def contend(
    name: str, data: Dataset, folder: Path, work: Callable[..., tuple[str, Memory]]
) -> tuple[Build, Answers]:
    """Build and ask one contender, each by `work` in a process of its own."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)

    def child(task: str, environment: dict[str, str]) -> dict[str, Any]:
        arguments = ["-m", "tests.benchmarks.index", "--child", task, name, str(data.folder), str(folder)]
        printed, memory = work(arguments, environment)
        return json.loads(printed) | {"memory": memory}

    try:
        built = Build(**child("build", {}))
        # two threads ask, and each query is to be answered by one
        answers = child("ask", {"OMP_NUM_THREADS": "1"})
    finally:
        shutil.rmtree(folder)
    return built, Answers(**answers | {"points": [Point(**point) for point in answers["points"]]})


def report(name: str, rows: int, built: Build, answers: Answers) -> None:
    """Print a contender's line for each recall, and one for what building and opening took."""
    print(
        f"{name:14} build {built.seconds:8.1f} s (CPU {built.cpu:.0f} s)  {built.bytes / rows:6.0f} B/vector  "
        f"memory building {_memory(built.memory)}, asking {_memory(answers.memory)}  "
        f"opening {answers.opening:7.1f} ms, first answer {answers.first:6.1f} ms",
        flush=True,
    )
    for recall in RECALLS:
        point = next((point for point in answers.points if point.recall >= recall), None)
        if point is None:
            best = max(point.recall for point in answers.points)
            print(f"{'':14} recall@10 {recall:.2f}  not reached (best {best:.3f})")
        else:
            print(
                f"{'':14} recall@10 {recall:.2f}  {point.recall:.3f} at {point.setting:4}  p50 {point.p50:6.2f} ms  "
                f"p99 {point.p99:6.2f} ms  two threads {point.throughput:6.0f} queries/s",
                flush=True,
            )


def _memory(memory: Memory) -> str:
    return f"{memory.private:5.0f} MB (with mapped files {memory.resident:5.0f})"


def main() -> None:
    """Run the comparison, or one task of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="vectors of 384 dimensions")
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--stores", nargs="+", choices=[*STORES], default=[*STORES])
    parser.add_argument("--on", type=Path, help="folder for vectors and indexes; vectors are kept there")
    parser.add_argument(
        "--json", type=Path, help="write all figures to this file, beside those of other stores there"
    )
    parser.add_argument("--memory", type=float, default=12, help="GB of its own that a store may take")
    parser.add_argument(
        "--minutes", type=float, default=30, help="that a store may take to build, and to answer"
    )
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        _child(*arguments.child)
        return
    with tempfile.TemporaryDirectory() as scratch:
        base = arguments.on or Path(scratch)
        data = dataset(
            base / f"vectors-{arguments.rows}-{arguments.queries}", arguments.rows, arguments.queries
        )
        print(f"{arguments.rows:,} vectors, {arguments.queries} queries, {os.cpu_count()} cores", flush=True)
        figures = _written(arguments.json, arguments.rows)
        work = partial(run, minutes=arguments.minutes, private=1024 * arguments.memory)
        for name in arguments.stores:
            if missing := [module for module in STORES[name][0] if find_spec(module.split(".")[0]) is None]:
                print(f"{name:14} not installed ({missing[0]})", flush=True)
                continue
            try:
                built, answers = contend(name, data, base / name, work)
            except FailedError as error:
                print(f"{name:14} failed: {error}", flush=True)
                continue
            report(name, arguments.rows, built, answers)
            figures[name] = {"build": asdict(built), "answers": asdict(answers)}
            if arguments.json:
                arguments.json.write_text(json.dumps({"rows": arguments.rows, "stores": figures}, indent=1))


def _written(file: Path | None, rows: int) -> dict[str, Any]:
    """What an earlier run over as many vectors has left in the file, so that a long comparison may be made in parts."""
    if file is None or not file.exists():
        return {}
    found = json.loads(file.read_text())
    return dict(found["stores"]) if found["rows"] == rows else {}


def _child(task: str, name: str, source: str, folder: str) -> None:
    modules, made = STORES[name]
    for module in modules:
        import_module(module)
    figures = (build if task == "build" else ask)(made(), Dataset(Path(source)), Path(folder))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
