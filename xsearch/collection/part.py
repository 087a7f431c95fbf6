"""A part: FAISS indexes, one for each space, over all documents in a range of keys.

keys.npy      (n,) int64: the key at each position of the indexes
SPACE.faiss   the index of that space
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xsearch.collection.manifest import PartRecord
from xsearch.collection.vectors import open_array
from xsearch.index.approximate import ApproximateIndex
from xsearch.index.gpu import Device
from xsearch.index.selection import Selection
from xsearch.index.tuning import K

FOLDER = "parts"


class Part:
    """A committed part, opened."""

    def __init__(self, collection: Path, record: PartRecord, device: Device) -> None:
        folder = collection / FOLDER / record.name
        self.record = record
        keys: Any = open_array(folder / "keys.npy", (record.rows,), "<i8")
        self.keys: NDArray[np.int64] = keys
        self._indexes = {
            space: ApproximateIndex(folder / f"{space}.faiss", record.rows, index.parameters, device)
            for space, index in record.indexes.items()
        }

    def mask(self, keys: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which positions of the indexes hold one of the ascending `keys`."""
        first, end = np.searchsorted(keys, [self.record.first_key, self.record.last_key + 1])
        return np.isin(self.keys, keys[first:end])  # a table of the keys, unless they are few and far between

    def search(
        self, space: str, queries: NDArray[np.float32], k: int, allowed: Selection | None
    ) -> NDArray[np.int64]:
        """The keys of about the best `k` x depth allowed positions for each query, (m, n); -1 where none is left.

        Of so many as for ten hits at least, which is what the depth was tuned for.
        """
        k = max(k, K)
        depth = self.record.indexes[space].depth
        positions = self._indexes[space].search(queries, math.ceil(k * depth), allowed, wider=k / K)
        keys = self.keys[positions]
        keys[positions < 0] = -1
        return keys
