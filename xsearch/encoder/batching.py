"""Which texts to encode together: of like length, so that little is padded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

MAX_PADDED_TOKENS = 2000


def batches(lengths: Sequence[int], limit: int = MAX_PADDED_TOKENS) -> Iterator[NDArray[np.intp]]:
    """Index arrays that cover `lengths` once, longest first, each at most `limit` tokens when padded.

    A text longer than `limit` is a batch of its own.
    """
    order = np.argsort(np.asarray(lengths, dtype=np.int64), kind="stable")[::-1]
    start = 0
    while start < len(order):
        size = max(1, limit // lengths[order[start]])
        yield order[start : start + size]
        start += size


def padded(ids: Sequence[NDArray[np.int32]]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """(batch, tokens) token ids, padded with 0, and their mask (1 for a token, 0 for padding)."""
    width = max(len(one) for one in ids)
    table = np.zeros((len(ids), width), dtype=np.int32)
    mask = np.zeros((len(ids), width), dtype=np.int32)
    for row, one in enumerate(ids):
        table[row, : len(one)] = one
        mask[row, : len(one)] = 1
    return table, mask
