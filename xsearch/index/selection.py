"""Positions to which a search is confined."""

import numpy as np
from numpy.typing import NDArray

from xsearch.index.library import faiss


class Selection:
    """The positions of an index where `mask` (n,) is true: `count` of n, all but `excluded`, and FAISS' `selector` of
    them.
    """

    def __init__(self, mask: NDArray[np.bool_]) -> None:
        self.count = int(np.count_nonzero(mask))
        self.excluded = len(mask) - self.count
        self.share = self.count / max(len(mask), 1)
        self._bits = np.packbits(mask, bitorder="little")
        self.selector = faiss().IDSelectorBitmap(self._bits)

    def holds(self, positions: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of the positions are among them; -1 is none."""
        bits = self._bits[positions >> 3] >> (positions & 7).astype(np.uint8) & 1
        held: NDArray[np.bool_] = (positions >= 0) & bits.astype(bool)
        return held
