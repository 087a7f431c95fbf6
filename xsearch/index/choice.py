"""Which index for how many vectors: pure functions of the rows, the memory budget and the recall wanted.

Up to `EXACT_ROWS` vectors are scanned, which takes under 2 ms and needs no index. Above, the first kind that
fits the memory is taken, from the fastest to the smallest: a graph (HNSW) over 8-bit vectors that are compared as
integers; inverted lists (IVF) of 8-bit vectors; inverted lists of 4-bit product codes scanned in registers (PQ
fast-scan). All of them only propose candidates: scores and order come from the stored float16 vectors.
"""

import math
from dataclasses import dataclass

EXACT_ROWS = 20_000
"""Up to here every vector is looked at: 384 dimensions take about 80 ns a vector on one core."""

TRAINING_ROWS = 500_000
"""No training sample is larger, whatever the index."""

PER_CENTROID = 48
"""Training vectors for each centroid; FAISS asks for at least 39."""

KEY_BYTES = 8


@dataclass(frozen=True)
class IndexChoice:
    """A FAISS factory string, or None for exact search, and the bytes of memory that searching touches for a vector."""

    factory: str | None
    bytes_per_vector: float


def choose_index(rows: int, dimension: int, memory: int, recall: float, *, gpu: bool = False) -> IndexChoice:
    """The index for `rows` vectors that fits into `memory` bytes and can reach `recall` at 10.

    With `gpu` only kinds that FAISS runs on a GPU are considered (no graphs, no fast-scan).
    """
    if rows <= EXACT_ROWS:
        return IndexChoice(None, 2 * dimension)
    for choice in _candidates(rows, dimension, recall, gpu):
        if choice.bytes_per_vector * rows <= memory:
            return choice
    return choice


def lists_for(rows: int) -> int:
    """How many inverted lists: the power of two near 4 sqrt(rows), as far as there are vectors to train them."""
    wanted = round(math.log2(4 * math.sqrt(rows)))
    trainable = int(math.log2(max(rows // PER_CENTROID, 1)))
    return 1 << min(wanted, trainable, 13)


def construction_breadth(rows: int) -> int:
    """How many candidates a graph of `rows` vectors looks at for the links of each (`efConstruction`).

    With 100, a graph of a million ends at recall .964 however long it is searched, and with 200 at .979 to .984,
    with .952 in half the time; it takes 1.8 times as long to build. One of 100,000 reaches .98 with 100.
    """
    return 100 if rows <= 250_000 else 200


def subquantizers(dimension: int, components: int) -> int:
    """The most sub-vectors of at least `components` components each that divide the dimension evenly."""
    most = max(1, dimension // components)
    return next(parts for parts in range(most, 0, -1) if dimension % parts == 0)


def span_to_index(part_rows: list[int], tail: int) -> int:
    """How many of the newest parts to rebuild together with a tail of unindexed rows.

    A part is taken in while it is at most twice what is to be rebuilt anyway, so that n rows live in O(log n)
    parts and each row is indexed O(log n) times (the logarithmic method of Bentley and Saxe, 1980).
    """
    taken = 0
    while taken < len(part_rows) and part_rows[-1 - taken] <= 2 * tail:
        tail += part_rows[-1 - taken]
        taken += 1
    return taken


def _candidates(rows: int, dimension: int, recall: float, gpu: bool) -> list[IndexChoice]:
    lists = lists_for(rows)
    coarse = f"IVF{lists}_HNSW32" if lists >= 4096 and not gpu else f"IVF{lists}"
    links = 16 if recall < 0.9 else 32 if recall <= 0.98 else 48
    ivf = KEY_BYTES * 2
    found = [IndexChoice(f"{coarse},SQ8", dimension + ivf)]
    if not gpu:
        graph = dimension + 8 * links * 1.05 + KEY_BYTES
        found.insert(0, IndexChoice(f"HNSW{links},SQ8_direct_signed", graph))
    for components in (4, 8):
        parts = subquantizers(dimension, components)
        code = f"PQ{parts}x4fs" if not gpu else f"PQ{subquantizers(dimension, 2 * components)}"
        found.append(IndexChoice(f"{coarse},{code}", parts / 2 + ivf))
    return found
