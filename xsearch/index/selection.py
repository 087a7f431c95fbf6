"""Positions to which a search is confined."""

import numpy as np
from numpy.typing import NDArray

from xsearch.index.library import faiss


class Selection:
    """The positions of an index where `mask` (n,) is true: `count` of n, and FAISS' `selector` of them."""

    def __init__(self, mask: NDArray[np.bool_]) -> None:
        self.count = int(np.count_nonzero(mask))
        self.share = self.count / max(len(mask), 1)
        self.selector = faiss().IDSelectorBitmap(np.packbits(mask, bitorder="little"))
