"""The indexes that run on a GPU, there and on the CPU: `make bench-gpu_index`, or with ARGS="--rows 10000000".

Everything goes through the project's own code: `build_index`, and `ApproximateIndex` over the saved file, as a
collection does it; what is timed is the search for candidates, before their re-ranking. The kinds are those that the
project chooses for so many vectors as memory gets scarcer, the flat index, and for comparison those that it would
choose without a GPU and the exact scan that needs no index. An index is built where it can be built fastest and asked
on both devices; it is built on the CPU too while `--cpu-seconds` last. Without a GPU only the CPU's part runs.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.vectors import FAMILIES, Source, recall
from xsearch.index.approximate import ApproximateIndex, save_index
from xsearch.index.build import BuiltIndex, build_index, insertion_order
from xsearch.index.choice import EXACT_ROWS, choose_index
from xsearch.index.exact import ExactIndex
from xsearch.index.gpu import Device, is_on_gpu, resolve_device
from xsearch.index.library import faiss
from xsearch.index.vector_run import VectorRun

DIMENSION = 384
K = 10
BATCH = 256
QUERIES = 1024
RECALL = 0.95
GRAPH_ROWS = 100_000
"""With more vectors a graph, which only the CPU can build and search, is not among the kinds."""

FLAT_ROWS = 2_000_000
"""With more vectors neither the flat index nor the exact scan is measured unless asked for: they take minutes."""

Search = Callable[[NDArray[np.float32]], NDArray[np.int64]]


@dataclass(frozen=True)
class Material:
    """`vectors` (n, d) float16, `queries` (m, d) float32 and `truth` (m, 10), the queries' exact neighbours."""

    vectors: NDArray[np.float16]
    queries: NDArray[np.float32]
    truth: NDArray[np.int64]

    def recall(self, found: NDArray[np.int64]) -> float:
        """The share of the true neighbours among the rows found."""
        return recall(self.truth, found)


@dataclass(frozen=True)
class Asked:
    """Recall@10 and milliseconds of one query and of a batch (medians), and queries a second of either."""

    recall: float
    one: float
    one_rate: float
    batch: float
    batch_rate: float


@dataclass(frozen=True)
class Made:
    """An index on disk, the row at each of its positions, and what building it told."""

    path: Path
    order: NDArray[np.int64]
    built: BuiltIndex

    @property
    def candidates(self) -> int:
        """How many a search for ten looks for."""
        return math.ceil(K * self.built.tuning.depth)


def material(rows: int) -> Material:
    """Vectors like those of tests/benchmarks/vectors.py, drawn by torch on the GPU if it sees one."""
    import torch

    place = "cuda" if torch.cuda.is_available() else "cpu"
    source = Source(DIMENSION, topics=max(200, rows // 100))
    bounds = torch.from_numpy(source.bounds).to(place)
    centres, spread = (torch.from_numpy(each).to(place) for each in (source.centres, source.spread))
    spectrum, turn = (torch.from_numpy(each).to(place) for each in (source.spectrum, source.turn))
    numbers = torch.Generator(place).manual_seed(1)

    def draw(count: int) -> Any:
        drawn_at = torch.rand(count, generator=numbers, device=place, dtype=torch.float64)
        topic = torch.searchsorted(bounds, drawn_at).clamp_(max=len(bounds) - 1)
        drawn = centres[topic]
        steps = torch.randn(count, spread.shape[1], generator=numbers, device=place)
        for family in range(FAMILIES):
            members = (topic % FAMILIES == family).nonzero()[:, 0]
            drawn[members] += 1.2 * steps[members] @ spread[family]
        drawn += 0.25 * torch.randn(drawn.shape, generator=numbers, device=place) * spectrum
        return torch.nn.functional.normalize(drawn @ turn)

    queries = draw(QUERIES)
    vectors = np.empty((rows, DIMENSION), np.float16)
    best, truth = torch.full((QUERIES, K), -2.0, device=place), torch.zeros((QUERIES, K), device=place).long()
    size = 1 << (18 if place == "cuda" else 14)
    for start in range(0, rows, size):
        block = draw(min(size, rows - start)).half()
        vectors[start : start + len(block)] = block.cpu().numpy()
        scores, found = (queries @ block.float().T).topk(K)
        best, kept = torch.hstack([best, scores]).topk(K)
        truth = torch.hstack([truth, found + start]).gather(1, kept)
    made = Material(vectors, queries.cpu().numpy(), truth.cpu().numpy())
    if place == "cuda":
        del bounds, centres, spread, queries, block, scores, found
        torch.cuda.empty_cache()
    return made


def kinds(rows: int, *, gpu: bool) -> list[str]:
    """The factory strings that the project chooses for so many vectors as memory gets scarcer."""
    found: list[str] = []
    rows = max(rows, EXACT_ROWS + 1)
    memory = 1 << 60
    while True:
        choice = choose_index(rows, DIMENSION, memory, RECALL, gpu=gpu)
        if choice.factory is None or choice.factory in found:
            return found
        found.append(choice.factory)
        memory = int(choice.bytes_per_vector * rows) - 1


def make(factory: str, data: Material, device: Device, folder: Path) -> Made:
    """Build an index and save it."""
    rows = len(data.vectors)
    if device == "cpu":
        # without the training for comparing codes bit by bit, which nobody uses and FAISS' GPU code leaves out
        factory = re.sub(r"(,PQ\d+)$", r"\1np", factory)
    order, probes = insertion_order(rows)
    run = VectorRun([data.vectors], [np.arange(rows)])
    built = build_index(factory, run, order, probes, recall=RECALL, device=device, report=lambda done: None)
    path = folder / f"{device}-{factory}.faiss"
    save_index(built.index, path)
    return Made(path, order, BuiltIndex(None, built.tuning, built.probes, built.imbalance, built.seconds))


def ask(made: Made, data: Material, device: Device) -> Asked:
    """Open a saved index on a device and ask it."""
    index = ApproximateIndex(made.path, len(data.vectors), made.built.tuning.parameters, device)
    if device == "cuda" and not is_on_gpu(index._index):
        raise RuntimeError("FAISS' GPU code does not take it")
    return measure(lambda queries: index.search(queries, made.candidates), data, made.order)


def measure(search: Search, data: Material, order: NDArray[np.int64], seconds: float = 1.0) -> Asked:
    """Ask one by one and in batches, for about as many seconds each; `order` is the row at each position found."""
    found = np.vstack([search(batch) for batch in _parts(data.queries, BATCH)])
    recall = data.recall(np.where(found >= 0, order[found], -1))
    one, one_rate = _timed(search, list(_parts(data.queries, 1)), seconds)
    batch, batch_rate = _timed(search, list(_parts(data.queries, BATCH)), seconds)
    return Asked(recall, one, one_rate, batch, batch_rate)


def _parts(queries: NDArray[np.float32], size: int) -> Iterator[NDArray[np.float32]]:
    for start in range(0, len(queries), size):
        yield np.ascontiguousarray(queries[start : start + size])


def _timed(search: Search, parts: list[NDArray[np.float32]], seconds: float) -> tuple[float, float]:
    """The median milliseconds of a part, and queries a second."""
    times: list[float] = []
    search(parts[-1])
    started = time.perf_counter()
    while not times or time.perf_counter() - started < seconds:
        before = time.perf_counter()
        search(parts[len(times) % len(parts)])
        times.append(time.perf_counter() - before)
    return 1000 * float(np.median(times)), len(parts[0]) * len(times) / sum(times)


class Comparison:
    """The rows of the table; each is also printed as soon as it is known."""

    def __init__(self, data: Material, folder: Path) -> None:
        self._data, self._folder = data, folder
        self.lines = [
            ["index", "built on", "build s", "MB", "asked on", "recall@10", "candidates"],
            ["---"] * 11,
        ]
        self.lines[0] += ["one: p50 ms", "one: q/s", f"{BATCH}: p50 ms", f"{BATCH}: q/s"]

    def index(self, factory: str, built_on: Device, asked_on: list[Device]) -> float:
        """Build one index and ask it on some devices; the seconds that building took.

        One that a library refuses or that does not fit loses its own row only.
        """
        first: list[str] = [factory, built_on]
        try:
            made = make(factory, self._data, built_on, self._folder)
            first += [f"{made.built.seconds:.1f}", f"{made.path.stat().st_size / 1e6:.0f}"]
            if not asked_on:
                self._add(first, "", made, None)
            for device in asked_on:
                self._add(first, device, made, ask(made, self._data, device))
        except Exception as error:  # what one kind meets must not cost the others
            self._line([*first, f"failed: {error}"])
            return 0.0
        finally:
            for path in self._folder.glob("*.faiss"):
                path.unlink()
        return made.built.seconds

    def exact(self) -> None:
        """The scan of all float16 vectors, without an index."""
        index = ExactIndex(self._data.vectors)
        everything = np.arange(len(index))
        # a query takes about as long as 80 ns a vector on one core, and all of them would take minutes
        some = Material(self._data.vectors, self._data.queries[:BATCH], self._data.truth[:BATCH])
        asked = measure(lambda queries: index.search(queries, K)[1], some, everything)
        self._line(["no index: exact scan", "", "0", "", "cpu", *self._figures(asked, K)])

    def table(self) -> str:
        """In Markdown."""
        width = len(self.lines[0])
        return "\n".join(
            f"| {' | '.join([*line, *[''] * (width - len(line))][:width])} |" for line in self.lines
        )

    def _add(self, first: list[str], device: str, made: Made, asked: Asked | None) -> None:
        self._line([*first, device, *([] if asked is None else self._figures(asked, made.candidates))])

    def _figures(self, asked: Asked, candidates: int) -> list[str]:
        return [
            f"{asked.recall:.3f}",
            str(candidates),
            f"{asked.one:.2f}",
            f"{asked.one_rate:,.0f}",
            f"{asked.batch:.2f}",
            f"{asked.batch_rate:,.0f}",
        ]

    def _line(self, line: list[str]) -> None:
        self.lines.append(line)
        print(" · ".join(line), flush=True)


def machine() -> str:
    """The processor, the GPU and the versions."""
    import torch

    try:
        models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    except OSError:
        models = []
    model = models[0].split(":")[1].strip() if models else platform.machine()
    gpu = "FAISS sees no GPU"
    if faiss().get_num_gpus():
        names = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
        try:
            gpu = subprocess.run(names, capture_output=True, text=True, check=True).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            gpu = "a GPU"
    versions = f"FAISS {faiss().__version__}, torch {torch.__version__}, NumPy {np.__version__}"
    return f"{model}, {os.cpu_count()} cores; {gpu}; {versions}, Python {platform.python_version()}"


def compare(comparison: Comparison, rows: int, chosen: list[str], cpu_seconds: float) -> None:
    """Fill the table: all that a GPU builds first, then what the CPU builds in the seconds given to it."""
    gpu = resolve_device("auto") == "cuda"
    if gpu:
        for factory in chosen:
            comparison.index(factory, "cuda", ["cuda"] if factory == "Flat" else ["cuda", "cpu"])
    if rows <= FLAT_ROWS:
        comparison.exact()
    own = [factory for factory in kinds(rows, gpu=False) if factory not in chosen]
    if rows > GRAPH_ROWS:
        own = [factory for factory in own if not factory.startswith("HNSW")]
    lists = [factory for factory in chosen if factory != "Flat"]
    # the first of each before the rest, for time may not allow all
    spent = 0.0
    for factory in [*lists[:1], *own[:1], *lists[1:], *own[1:]]:
        if spent >= cpu_seconds:
            print(f"{factory} is not built on the CPU: the {cpu_seconds:.0f} s for that are spent")
            continue
        asked: list[Device] = [] if gpu and factory in chosen else ["cpu"]
        if gpu and factory not in chosen and factory.endswith(",SQ8"):
            asked.append("cuda")  # inverted lists that a graph finds, which a GPU compares with all centroids
        spent += comparison.index(factory, "cpu", asked)


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help=f"vectors of {DIMENSION} dimensions")
    parser.add_argument("--kinds", nargs="+", help="FAISS factory strings instead of those that are chosen")
    parser.add_argument("--cpu-seconds", type=float, default=15, help="to begin building on the CPU in")
    parser.add_argument("--on", type=Path, help="folder for the indexes while they are needed")
    arguments = parser.parse_args()
    started = time.perf_counter()
    about = machine()
    print(about, flush=True)
    data = material(arguments.rows)
    print(f"{arguments.rows:,} vectors: {time.perf_counter() - started:.0f} s", flush=True)
    with tempfile.TemporaryDirectory(dir=arguments.on) as folder:
        comparison = Comparison(data, Path(folder))
        flat = ["Flat"] if arguments.rows <= FLAT_ROWS else []
        chosen = arguments.kinds or [*flat, *kinds(arguments.rows, gpu=True)]
        compare(comparison, arguments.rows, chosen, arguments.cpu_seconds)
    print(
        f"\n{arguments.rows:,} vectors of {DIMENSION} dimensions, {QUERIES:,} queries; {about}; recall@10 is after "
        f"re-ranking the candidates; {time.perf_counter() - started:.0f} s in all\n"
    )
    print(comparison.table())


if __name__ == "__main__":
    main()
