"""`xsearch index` beside the bare encoder, and its memory as a corpus streams through it: `make bench-ingest`.

Both are processes of their own, in turn, over one Parquet file with one module; ratios are within a round. The seconds
of the encoder are those of `Encoder.encode_batches` alone, once it is loaded and warm; those of `xsearch index` are the
whole process from its start to its end: imports, checking the file, loading the module, encoding, storing, and building
the index, which above 20,000 documents is most of what comes after the last one is stored. The processors' time says
the same where other work on the machine spoils the clock; that of Ray's workers is not in it. Memory is private (no
mapped file, which the system can take back at any time), read from outside, by the documents committed so far.

`ARGS="--rows 1000000 --rounds 0"` streams a million short texts through the command alone, `ARGS="--rows 5000
--runs-of-words 20"` takes passages.
"""

from __future__ import annotations

import argparse
import itertools
import json
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.benchmarks.processes import Memory, run
from tests.benchmarks.texts import documents
from xsearch.cli.main import cli
from xsearch.encoder import Encoder
from xsearch.encoder.runtime import available_cores

NAME = "ingested"

_LEAST, _MOST = 2, 8
_WINDOW = 2048
_STEPS = 10
_PRIVATE = 16_384.0


@dataclass
class Round:
    """Seconds of the bare encoder; of indexing up to the last committed document, and in all; of the processors for
    either; the peaks of memory.
    """

    bare: float
    stored: float
    whole: float
    bare_cpu: float
    cpu: float
    bare_memory: Memory
    memory: Memory


@dataclass
class Watch:
    """What a collection had committed when, and how much memory there was meanwhile."""

    manifest: Path
    rows: int
    started: float = field(default_factory=time.perf_counter)
    stored: float | None = None
    peaks: dict[int, float] = field(default_factory=dict)
    building: float = 0.0
    _changed: int = 0
    _documents: int = 0

    def __call__(self, now: Memory) -> None:
        """Notes the memory of this moment."""
        documents = self._committed()
        if documents < self.rows:
            step = documents * _STEPS // self.rows
            self.peaks[step] = max(self.peaks.get(step, 0.0), now.private)
            return
        if self.stored is None:
            self.stored = time.perf_counter() - self.started
        self.building = max(self.building, now.private)

    def _committed(self) -> int:
        """Documents that a reader would see; the manifest is read when it has changed."""
        try:
            changed = self.manifest.stat().st_mtime_ns
            if changed != self._changed:
                self._documents = int(json.loads(self.manifest.read_text(encoding="utf-8"))["count"])
                self._changed = changed
        except FileNotFoundError:
            pass  # it has not begun
        return self._documents


def some_texts(language: str, runs: int) -> Iterator[str]:
    """Texts without end, each of `runs` runs of 2 to 8 words from the demo corpora, so that hardly any comes twice."""
    words = [text.split() for text in documents(language)]
    rng = np.random.default_rng(0)
    while True:
        yield " ".join(word for _ in range(runs) for word in _few(words, rng))


def _few(texts: Sequence[Sequence[str]], rng: np.random.Generator) -> Sequence[str]:
    words = texts[rng.integers(len(texts))]
    length = rng.integers(_LEAST, _MOST + 1)
    start = rng.integers(max(1, len(words) - length + 1))
    return words[start : start + length]


def write_corpus(path: Path, language: str, rows: int, runs: int) -> None:
    """A Parquet file with id, text and year."""
    texts = some_texts(language, runs)
    schema = pa.schema({"id": pa.string(), "text": pa.string(), "year": pa.int64()})
    with pq.ParquetWriter(path, schema) as writer:
        for first in range(0, rows, 10_000):
            numbers = range(first, min(first + 10_000, rows))
            columns = {
                "id": [f"d{number}" for number in numbers],
                "text": list(itertools.islice(texts, len(numbers))),
                "year": [1990 + number % 35 for number in numbers],
            }
            writer.write_table(pa.table(columns, schema=schema))


def bare(corpus: Path, language: str) -> dict[str, float]:
    """The child's task: the encoder alone over the texts of the file."""
    encoder = Encoder(language)
    batches = pq.ParquetFile(corpus).iter_batches(_WINDOW, columns=["text"])
    first = next(pq.ParquetFile(corpus).iter_batches(256, columns=["text"]))
    texts = first["text"].to_pylist()
    encoder.encode(texts)
    started, cpu = time.perf_counter(), time.process_time()
    rows = sum(len(part) for part in encoder.encode_batches(batch["text"].to_pylist() for batch in batches))
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    tokens = sum(encoder.token_counts(texts)) / len(texts)
    return {"rows": rows, "seconds": seconds, "cpu": cpu, "tokens": tokens}


def index(corpus: Path, language: str, store: Path, engine: str) -> dict[str, float]:
    """The child's task: the command as a person gives it."""
    arguments = [str(corpus), "--lang", language, "-c", NAME, "--store", str(store), "--engine", engine]
    cli(["index", *arguments], standalone_mode=False)
    return {"cpu": time.process_time()}


def one_round(corpus: Path, options: argparse.Namespace, scratch: Path) -> tuple[Round, Watch, float]:
    """Both in turn; gives the tokens of a text too."""
    line, bare_memory = _child("bare", corpus, options)
    told = json.loads(line)
    if told["rows"] != options.rows:
        raise SystemExit(f"{told['rows']} texts were encoded, not {options.rows}")
    watch, whole, cpu, memory = indexed(corpus, options, scratch)
    found = Round(
        bare=told["seconds"],
        stored=watch.stored or whole,
        whole=whole,
        bare_cpu=told["cpu"],
        cpu=cpu,
        bare_memory=bare_memory,
        memory=memory,
    )
    return found, watch, told["tokens"]


def indexed(corpus: Path, options: argparse.Namespace, scratch: Path) -> tuple[Watch, float, float, Memory]:
    """`xsearch index` alone, watched: the seconds it took, those of the processors, and its peak of memory."""
    with tempfile.TemporaryDirectory(dir=scratch) as store:
        watch = Watch(Path(store) / NAME / "manifest.json", options.rows)
        line, memory = _child("index", corpus, options, store, watch)
        whole = time.perf_counter() - watch.started
    return watch, whole, float(json.loads(line)["cpu"]), memory


def _child(
    task: str, corpus: Path, options: argparse.Namespace, store: str = "", watch: Watch | None = None
) -> tuple[str, Memory]:
    own = ["-m", "tests.benchmarks.ingest", "--language", options.language, "--engine", options.engine]
    told = {} if watch is None else {"watch": watch}
    return run([*own, "--child", task, str(corpus), store], {}, minutes=600, private=_PRIVATE, **told)


def report(rounds: list[Round], last: Watch, rows: int, tokens: float) -> None:
    """Print the tables."""
    print(f"{rows} texts of {tokens:.0f} tokens, {len(rounds)} rounds, medians")
    print(f"{'':36}{'texts/s':>9}{'ratio':>7}{'CPU s':>9}{'ratio':>7}{'MB':>7}")
    print(
        f"{'bare encoder':36}{rows / median(one.bare for one in rounds):9.0f}{1:7.2f}"
        f"{median(one.bare_cpu for one in rounds):9.1f}{1:7.2f}"
        f"{median(one.bare_memory.private for one in rounds):7.0f}"
    )
    print(
        f"{'xsearch index, to the last document':36}{rows / median(one.stored for one in rounds):9.0f}"
        f"{median(one.bare / one.stored for one in rounds):7.2f}"
    )
    print(
        f"{'xsearch index, in all':36}{rows / median(one.whole for one in rounds):9.0f}"
        f"{median(one.bare / one.whole for one in rounds):7.2f}"
        f"{median(one.cpu for one in rounds):9.1f}{median(one.bare_cpu / one.cpu for one in rounds):7.2f}"
        f"{median(one.memory.private for one in rounds):7.0f}"
    )
    report_memory(last, rows)


def report_memory(last: Watch, rows: int) -> None:
    """Print how much there was when."""
    print("\nmost memory of the last round, in MB, by documents committed")
    for step, peak in sorted(last.peaks.items()):
        print(f"from {step * rows // _STEPS:>9,}{peak:8.0f}")
    print(f"{'building the index':>14}{last.building:8.0f}")


def main() -> None:
    """Run the rounds, or one task of them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=25_000)
    parser.add_argument("--rounds", type=int, default=5, help="0: once, without the bare encoder")
    parser.add_argument("--runs-of-words", type=int, default=2, help="in a text, of 2 to 8 words each")
    parser.add_argument("--language", default="fi")
    parser.add_argument("--engine", choices=["local", "ray"], default="local")
    parser.add_argument("--on", type=Path, help="folder for the corpus and the collections")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        task, corpus, store = options.child
        if task == "bare":
            told = bare(Path(corpus), options.language)
        else:
            told = index(Path(corpus), options.language, Path(store), options.engine)
        print(json.dumps(told))
        return
    with tempfile.TemporaryDirectory(dir=options.on) as scratch:
        corpus = Path(scratch) / "corpus.parquet"
        write_corpus(corpus, options.language, options.rows, options.runs_of_words)
        versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("onnxruntime", "faiss-cpu"))
        print(
            f"{platform.machine()}, {available_cores()} cores, {versions}, engine {options.engine}",
            flush=True,
        )
        if not options.rounds:
            watch, whole, cpu, _ = indexed(corpus, options, Path(scratch))
            stored = watch.stored or whole
            print(
                f"{options.rows} texts: {stored:.0f} s to the last document, {whole:.0f} in all, {cpu:.0f} CPU s"
            )
            report_memory(watch, options.rows)
            return
        rounds = []
        for number in range(options.rounds):
            found, watch, tokens = one_round(corpus, options, Path(scratch))
            rounds.append(found)
            print(
                f"round {number + 1}: {found.bare:.1f} s bare, {found.stored:.1f} s to the last document, "
                f"{found.whole:.1f} s in all",
                file=sys.stderr,
            )
    report(rounds, watch, options.rows, tokens)


if __name__ == "__main__":
    main()
