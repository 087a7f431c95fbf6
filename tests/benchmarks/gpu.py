"""How fast a GPU encodes, and what it spends its time on: `make bench-gpu ARGS="--languages en fi"`.

Prints Markdown. sentence-transformers runs the very weights of the English module on the same GPU, on fewer texts,
since it needs longer. All contenders encode in turn, several rounds; rates are medians, ratios are within a round.
Cosine and top 10 compare with our own float32 vectors on a CPU. A matrix product is a kernel of a GEMM or of attention;
shares are of the wall time of one `encode` under torch's profiler, during which such a kernel ran.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import metadata
from statistics import median

import numpy as np

from tests.benchmarks import texts as demo
from tests.benchmarks.encode import Encode, operations_a_token
from xsearch.encoder import Encoder, find_module, tokenising_processes
from xsearch.encoder.runtime import available_cores
from xsearch.encoder.streaming import encode_windows, windows_of
from xsearch.evaluation.fidelity import fidelity

MATRIX = re.compile(
    r"gemm|nvjet|cutlass|cublas|xmma|splitk|flash|fmha|sdpa|attention|aten::(addmm|bmm|mm)", re.I
)
_STARTED = time.perf_counter()
_MANY = 1_000
"""Texts that are worth a GPU."""
PACKAGES = ("torch", "sentence-transformers", "transformers", "tokenizers", "numpy")


def texts_of(language: str, kind: str, count: int) -> list[str]:
    """`count` different sentences of about 20 tokens, or passages of 75 to 150 words."""
    texts = demo.documents(language)
    return demo.recombined(
        demo.sentences(texts, 10**6) if kind == "sentences" else demo.passages(texts, 2000), count
    )


def on_device(language: str, device: str) -> Encoder:
    """Our encoder; with torch and processes that tokenise also on a CPU, where this script is tried out."""
    if device == "cuda":
        return Encoder(language, device="cuda")
    from xsearch.encoder.torch_runtime import TorchRuntime

    tokenising_processes._WORTH_PROCESSES = 0
    encoder = Encoder(language, device="cpu", threads=4)
    space = "native" if encoder.one_space else "shared"
    encoder._runtimes[space, "cpu"] = TorchRuntime(find_module(language), space, device="cpu")
    return encoder


def in_float16(encoder: Encoder, device: str) -> Encoder:
    """The same encoder in another number type, with the same processes that tokenise."""
    import torch

    from xsearch.encoder import torch_runtime

    with setting(torch_runtime, "_number_type", lambda device: torch.float16):
        other = on_device(encoder.language, device)
        runtime = other._runtime("shared", 1000)
    encoder._tokens_for(runtime)
    other._processes = encoder._processes
    return other


def theirs(device: str, contenders: Sequence[str]) -> dict[str, tuple[int, Encode]]:
    """sentence-transformers with the weights of the English module, by name: its batch size, and how it encodes."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    from transformers import PreTrainedTokenizerFast, logging

    from train.base import load_base

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    base = load_base("en")
    special = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=base.tokenizer, model_max_length=base.max_length, **special
    )

    def made(number: torch.dtype) -> SentenceTransformer:
        with tempfile.TemporaryDirectory() as folder:
            base.model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
            body = Transformer(folder, max_seq_length=base.max_length)
            pooling = Pooling(base.architecture.hidden_size, pooling_mode="mean")
            return SentenceTransformer(modules=[body, pooling, Normalize()], device=device).to(number)

    found: dict[str, tuple[int, Encode]] = {}
    models: dict[str, SentenceTransformer] = {}
    for contender in contenders:
        number, _, batch = contender.partition(":")
        if number not in models:
            models[number] = made(getattr(torch, number))
        found[f"sentence-transformers {number}, {batch} a batch"] = (
            int(batch),
            _encode(models[number], int(batch)),
        )
    return found


def _encode(model: object, batch: int) -> Encode:
    return lambda texts: model.encode(texts, batch_size=batch, show_progress_bar=False)  # type: ignore[attr-defined]


class Known:
    """A tokeniser's place, for texts whose token ids are there already."""

    @staticmethod
    def windows(windows: Iterable[list[np.ndarray]]) -> Iterator[list[np.ndarray]]:
        """The windows as they are."""
        return iter(windows)


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def gpu_alone(encoder: Encoder, windows: list[list[np.ndarray]]) -> float:
    """Seconds to encode windows that are tokenised already."""
    runtime = encoder._runtime("shared", _MANY)
    return seconds(lambda: [None for _ in encode_windows(windows, Known(), runtime, encoder.dimension)])


def union(intervals: Iterable[tuple[float, float]]) -> float:
    """The length that intervals cover together."""
    covered, reached = 0.0, -np.inf
    for start, end in sorted(intervals):
        covered += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return covered


def profiled(encode: Callable[[], object], device: str) -> tuple[float, float, float, Counter[str]]:
    """Wall seconds, the shares of it in matrix products and in any kernel, and the share of every kernel by name."""
    import torch
    from torch.autograd import DeviceType
    from torch.profiler import ProfilerActivity, profile

    where, kind = (
        (ProfilerActivity.CUDA, DeviceType.CUDA)
        if device == "cuda"
        else (ProfilerActivity.CPU, DeviceType.CPU)
    )
    with profile(activities=[where]) as found:
        wall = seconds(encode)
        if device == "cuda":
            torch.cuda.synchronize()
    kernels = [
        (event.name, event.time_range.start, event.time_range.end)
        for event in found.events()
        if event.device_type == kind and not event.name.startswith(("Mem", "ProfilerStep"))
    ]
    by_name: Counter[str] = Counter()
    for name, start, end in kernels:
        by_name[name] += (end - start) / 1e6 / wall
    products = union((start, end) for name, start, end in kernels if MATRIX.search(name))
    return wall, products / 1e6 / wall, union((a, b) for _, a, b in kernels) / 1e6 / wall, by_name


def ceiling(device: str) -> float:
    """Operations a second of an 8192 x 8192 x 8192 product in bfloat16."""
    import torch

    size, times = (8192, 20) if device == "cuda" else (256, 3)
    left, right = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    wait = torch.cuda.synchronize if device == "cuda" else (lambda: None)

    def run() -> None:
        for _ in range(times):
            left @ right
        wait()

    run()
    return 2 * size**3 * times / min(seconds(run) for _ in range(3))


def operations(language: str, lengths: np.ndarray) -> float:
    """Multiplications and additions in the matrix products of the layers, with attention's own, without padding."""
    shape = find_module(language).config.architecture
    attention = 4.0 * shape.layers * shape.hidden_size * float((lengths.astype(np.float64) ** 2).sum())
    return operations_a_token(language) * float(lengths.sum()) + attention


@contextmanager
def setting(owner: object, name: str, value: object) -> Iterator[None]:
    """An attribute with another value for a while."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def print_rates(
    kind: str,
    encoder: Encoder,
    texts: list[str],
    found: dict[str, tuple[list[str], Encode]],
    rates: dict[str, list[float]],
    compared: int,
) -> None:
    """Print how fast every contender was, and how close to our float32 vectors."""
    reference = Encoder(encoder.language, device="cpu", precision="float32").encode(texts[:compared])
    tokens = float(np.mean(encoder.token_counts(texts[:10_000])))
    print(f"\n**{encoder.language}, {kind}**: {len(texts):,} texts, {tokens:.0f} tokens each\n")
    print("| | texts/s | tokens/s | xsearch is faster by | cosine | top 10 |\n|---|---|---|---|---|---|")
    for name, values in rates.items():
        ratio = median(best / own for best, own in zip(rates["xsearch"], values, strict=True))
        cosine, _, overlap = fidelity(found[name][1](texts[:compared]), reference)
        middle = median(values)
        print(
            f"| {name} | {middle:,.0f} | {middle * tokens:,.0f} | {ratio:.1f} | {cosine:.5f} | {overlap:.3f} |"
        )
    sys.stdout.flush()


def measure(
    encoder: Encoder,
    kind: str,
    texts: list[str],
    ours: dict[str, Encode],
    others: dict[str, tuple[int, Encode]],
    most: float,
    options: argparse.Namespace,
) -> None:
    """Print the tables of one language and one kind of texts."""
    from xsearch.encoder import torch_runtime

    language, device = encoder.language, options.device
    print(f"{kind}: from {time.perf_counter() - _STARTED:.1f} s", file=sys.stderr, flush=True)
    runtime = encoder._runtime("shared", len(texts))
    tokeniser = encoder._tokens_for(runtime)
    few = options.theirs if kind == "sentences" else options.theirs // 4
    found: dict[str, tuple[list[str], Encode]] = {
        name: (texts[: min(len(texts), few * (1 if batch <= 32 else 8))], encode)
        for name, (batch, encode) in others.items()
    }
    found.update({name: (texts, encode) for name, encode in ours.items()})
    for name, (some, encode) in found.items():  # the warm-up
        encode(some if name in ours else some[:1024])
    rates: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(options.rounds):
        for name, (some, encode) in found.items():
            rates[name].append(len(some) / seconds(lambda encode=encode, some=some: encode(some)))
    print_rates(kind, encoder, texts, found, rates, options.compared)

    windows = [texts[window] for window in windows_of(texts, runtime)]
    start = time.perf_counter()
    ids = list(tokeniser.windows(windows))
    tokenising = len(texts) / (time.perf_counter() - start)
    one_process = len(texts[:20_000]) / seconds(lambda: encoder._tokens().ids(texts[:20_000]))
    alone = len(texts) / median(gpu_alone(encoder, ids) for _ in range(options.rounds))
    wall, products, busy, kernels = profiled(lambda: encoder.encode(texts), device)

    of_windows = [np.array([len(one) for one in window]) for window in ids]
    lengths = np.concatenate(of_windows)
    padded = sum(
        len(chosen) * window[chosen].max()
        for window in of_windows
        for chosen in runtime.batches(window.tolist())
    )
    work = operations(language, lengths) / len(texts)
    rate = median(rates["xsearch"])
    print(
        f"\nTokenising alone {tokenising:,.0f} texts/s ({one_process:,.0f} in one process); "
        f"the GPU alone {alone:,.0f} texts/s, {padded / lengths.sum() - 1:.1%} of it padding. "
        f"Matrix products {products:.1%} of the wall time, any kernel {busy:.1%} (profiled: {len(texts) / wall:,.0f} "
        f"texts/s). Of the ceiling of {most / 1e12:.0f} TFLOP/s: {rate * work / most:.1%}, the GPU alone "
        f"{alone * work / most:.1%}.",
        flush=True,
    )
    first = language == options.languages[0]
    for tokens in options.batch_tokens if first else []:
        with setting(torch_runtime, "_TOKENS_A_BATCH", tokens):
            gpu_alone(encoder, ids)  # the warm-up
            took = median(gpu_alone(encoder, ids) for _ in range(options.rounds))
        print(f"\n- {tokens:,} tokens a batch: the GPU alone {len(texts) / took:,.0f} texts/s")
    for size in options.windows if first else []:
        with setting(runtime, "window_characters", size):
            took = median(seconds(lambda: encoder.encode(texts)) for _ in range(options.rounds))
        print(f"\n- windows of {size:,} characters: {len(texts) / took:,.0f} texts/s")
    if options.kernels:
        print("\n| kernel | matrix product | of the wall time |\n|---|---|---|")
        for name, share in kernels.most_common(options.kernels):
            print(f"| `{name[:110]}` | {'yes' if MATRIX.search(name) else ''} | {share:.1%} |")
    sys.stdout.flush()


def main() -> None:
    """Read the options and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--languages", nargs="+", default=["en", "fi"])
    parser.add_argument("--sentences", type=int, default=200_000, help="0: none")
    parser.add_argument("--passages", type=int, default=40_000, help="0: none")
    parser.add_argument(
        "--theirs",
        type=int,
        default=1024,
        help="sentences for sentence-transformers, 8 times as many at large batches, a quarter of it passages; 0: none",
    )
    parser.add_argument(
        "--contenders",
        nargs="+",
        default=["float32:32", "float32:1024", "float16:32", "float16:1024"],
        help="number types of sentence-transformers and its texts a batch",
    )
    parser.add_argument("--compared", type=int, default=500, help="texts whose vectors are compared")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kernels", type=int, default=0, help="so many kernels that take longest are listed")
    parser.add_argument(
        "--float16", action="store_true", help="float16 as well, where bfloat16 is our choice"
    )
    parser.add_argument(
        "--batch-tokens",
        type=int,
        nargs="*",
        default=[],
        help="sizes of batches to try in the first language",
    )
    parser.add_argument(
        "--windows",
        type=int,
        nargs="*",
        default=[],
        help="characters of a window to try in the first language",
    )
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda", help="cpu: to try this script")
    options = parser.parse_args()
    import torch

    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("bench-gpu: torch finds no GPU here; --device cpu with few texts tries the script out")
    name = torch.cuda.get_device_name() if options.device == "cuda" else "CPU, which says nothing about a GPU"
    versions = ", ".join(f"{package} {metadata.version(package)}" for package in PACKAGES)
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, {name}, {available_cores()} cores, {versions}, CUDA {torch.version.cuda}"
    )
    most = ceiling(options.device)
    for language in options.languages:
        others = theirs(options.device, options.contenders) if language == "en" and options.theirs else {}
        encoder = on_device(language, options.device)
        ours: dict[str, Encode] = {"xsearch": encoder.encode}
        if options.float16:
            ours["xsearch float16"] = in_float16(encoder, options.device).encode
        kinds = (("sentences", options.sentences), ("passages", options.passages))
        for kind, count in (one for one in kinds if one[1]):
            measure(encoder, kind, texts_of(language, kind, count), ours, others, most, options)


if __name__ == "__main__":
    main()
