"""Vector stores side by side on the same vectors: `make bench-index`, or with `--rows 10000000 --on /big/disk`.

Every contender builds and is asked in processes of its own, one after the other, so that times and memory are its own.
Latencies are those of single queries at the first setting that reaches a recall, because speed without recall is free.
One that fails, or takes more memory or time than it may, loses its own row only. With `--json` the figures are written
after each, beside those of earlier runs over as many vectors, so that a long comparison can be made in parts
(`--stores`) and shown as one table (`--table`). With `--keep` too, what stands built is only asked again: all in a row,
when the machine is quiet.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
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
    """One setting: recall@10, milliseconds of a query (median, 99th percentile), queries a second by two threads that
    ask one by one, and of queries that come in one batch.
    """

    setting: int
    recall: float
    p50: float
    p99: float
    throughput: float
    batched: float


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
    for query in queries:  # what is mapped is touched once
        store.search(query)
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
    start = time.perf_counter()
    store.search_many(queries)
    batched = len(queries) / (time.perf_counter() - start)
    p50, p99 = np.percentile(times, [50, 99])
    return Point(setting, data.recall(np.array(padded)), float(p50), float(p99), throughput, batched)


def contend(
    name: str,
    data: Dataset,
    folder: Path,
    work: Callable[..., tuple[str, Memory]],
    *,
    built: dict[str, Any] | None,
    keep: bool,
) -> dict[str, Any]:
    """Build one contender, unless it stands `built` with those figures, and ask it, each by `work` in a process of its
    own; the figures of both, as `Build` and `Answers` in dictionaries.
    """

    def child(task: str, environment: dict[str, str]) -> dict[str, Any]:
        arguments = ["-m", "tests.benchmarks.index", "--child", task, name, str(data.folder), str(folder)]
        printed, memory = work(arguments, environment)
        return json.loads(printed) | {"memory": memory}

    try:
        if built is None:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            built = asdict(Build(**child("build", {})))
        # two threads ask, and each query is to be answered by one
        answers = child("ask", {"OMP_NUM_THREADS": "1"})
    finally:
        if not keep:
            shutil.rmtree(folder)
    points = [Point(**point) for point in answers["points"]]
    return {"build": built, "answers": asdict(Answers(**answers | {"points": points}))}


def table(rows: int, figures: Mapping[str, Mapping[str, Any]]) -> str:
    """What all contenders needed, and what each gives at each recall, in Markdown."""
    head = ["store", "build s (CPU)", "B/vector", "MB building", "MB asking", "open + first ms"]
    head += [f"recall {recall:.2f}: at · p50 · p99 ms · q/s · batch q/s" for recall in RECALLS]
    lines = [head, ["---"] * len(head)]
    for name, figure in figures.items():
        if "failed" in figure:
            lines.append([name, f"failed: {figure['failed']}", *[""] * (len(head) - 2)])
            continue
        built, answers = figure["build"], figure["answers"]
        lines.append(
            [
                name,
                f"{built['seconds']:.0f} ({built['cpu']:.0f})",
                f"{built['bytes'] / rows:.0f}",
                _memory(built["memory"]),
                _memory(answers["memory"]),
                f"{answers['opening']:.0f} + {answers['first']:.0f}",
                *(_reached(answers["points"], recall) for recall in RECALLS),
            ]
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _memory(memory: Mapping[str, float]) -> str:
    return f"{memory['private']:.0f} ({memory['resident']:.0f})"


def _reached(points: list[dict[str, Any]], recall: float) -> str:
    point = next((point for point in points if point["recall"] >= recall), None)
    if point is None:
        return f"not reached (best {max(point['recall'] for point in points):.3f})"
    return (
        f"{point['recall']:.3f} @ {point['setting']} · {point['p50']:.2f} · {point['p99']:.2f} · "
        f"{point['throughput']:.0f} · {point['batched']:.0f}"
    )


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
    parser.add_argument(
        "--keep",
        action="store_true",
        help="keep the indexes in the folder of --on; those there are only asked",
    )
    parser.add_argument("--table", action="store_true", help="only show what is in the file of --json")
    parser.add_argument("--memory", type=float, default=12, help="GB of its own that a store may take")
    parser.add_argument(
        "--minutes", type=float, default=30, help="that a store may take to build, and to answer"
    )
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        _child(*arguments.child)
        return
    if arguments.keep and not (arguments.on and arguments.json):
        parser.error(
            "--keep needs a folder for the indexes (--on) and a file for the figures of building (--json)"
        )
    figures = _written(arguments.json, arguments.rows)
    if not arguments.table:
        with tempfile.TemporaryDirectory() as scratch:
            compare(arguments, arguments.on or Path(scratch), figures)
    print(
        f"{arguments.rows:,} vectors, {arguments.queries} queries, {os.cpu_count()} cores; memory is private (with "
        "mapped files); two threads ask one by one (q/s) or in one batch\n"
    )
    print(table(arguments.rows, figures))


def compare(arguments: argparse.Namespace, base: Path, figures: dict[str, Any]) -> None:
    """Put the figures of each store that is asked for beside the others."""
    rows, queries = arguments.rows, arguments.queries
    started = time.perf_counter()
    data = dataset(base / f"vectors-{rows}-{queries}", rows, queries)
    print(f"{'vectors':14} {time.perf_counter() - started:.0f} s", flush=True)
    work = partial(run, minutes=arguments.minutes, private=1024 * arguments.memory)
    for name in arguments.stores:
        started = time.perf_counter()
        try:
            _check_installed(name)
            folder = base / f"{name}-{rows}"
            built = figures.get(name, {}).get("build") if arguments.keep and folder.exists() else None
            figures[name] = contend(name, data, folder, work, built=built, keep=arguments.keep)
        except FailedError as error:
            figures[name] = {"failed": str(error)}
        print(f"{name:14} {time.perf_counter() - started:.0f} s", flush=True)
        if arguments.json:
            arguments.json.write_text(json.dumps({"rows": rows, "stores": figures}, indent=1))


def _check_installed(name: str) -> None:
    for module in STORES[name][0]:
        if find_spec(module.split(".")[0]) is None:
            raise FailedError(f"{module} is not installed")


def _written(file: Path | None, rows: int) -> dict[str, Any]:
    """What an earlier run over as many vectors has left in the file, so that a long comparison may be made in parts."""
    if file is None or not file.exists():
        return {}
    found = json.loads(file.read_text())
    if found["rows"] != rows:
        raise SystemExit(f"{file} has figures of {found['rows']} vectors, not {rows}; name another file")
    return dict(found["stores"])


def _child(task: str, name: str, source: str, folder: str) -> None:
    modules, made = STORES[name]
    for module in modules:
        import_module(module)
    figures = (build if task == "build" else ask)(made(), Dataset(Path(source)), Path(folder))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
