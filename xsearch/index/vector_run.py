"""Float16 vectors that lie in several arrays, read as one list in an order of choice, a block at a time."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray


class VectorRun:
    """The rows `rows[i]` of `arrays[i]`, one after the other; n vectors of d components in all."""

    def __init__(self, arrays: Sequence[NDArray[np.float16]], rows: Sequence[NDArray[np.int64]]) -> None:
        self._arrays, self._rows = arrays, rows
        self._ends = np.cumsum([len(chosen) for chosen in rows], dtype=np.int64)
        self.dimension = arrays[0].shape[1]

    def __len__(self) -> int:
        return int(self._ends[-1])

    def take(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """The vectors at these positions of the list, (m, d) float32."""
        taken = np.empty((len(positions), self.dimension), np.float32)
        owners = np.searchsorted(self._ends, positions, "right")
        for owner in np.unique(owners):
            here = owners == owner
            start = self._ends[owner] - len(self._rows[owner])
            taken[here] = self._arrays[owner][self._rows[owner][positions[here] - start]]
        return taken

    def blocks(self, positions: NDArray[np.int64], size: int = 16_384) -> Iterator[NDArray[np.float32]]:
        """The vectors at these positions in blocks of at most `size` rows."""
        for start in range(0, len(positions), size):
            yield self.take(positions[start : start + size])
