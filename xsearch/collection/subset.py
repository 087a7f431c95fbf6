"""Some of the documents of a snapshot, and where they stand in what is searched; each place is worked out once."""

import numpy as np
from numpy.typing import NDArray

from xsearch.collection.part import Part
from xsearch.collection.segment import Segment
from xsearch.index.selection import Selection


class Subset:
    """The documents with the ascending `keys`, or with `without` all the others. Thread-safe."""

    def __init__(self, keys: NDArray[np.int64], *, without: bool = False) -> None:
        self.keys = keys
        self._without = without
        self._selections: dict[str, Selection | None] = {}

    def in_part(self, part: Part) -> Selection | None:
        """The positions of the part's indexes that hold them; None for all positions."""
        name = part.record.name
        if name not in self._selections:
            self._selections[name] = self._selection(part.mask(self.keys))
        return self._selections[name]

    def in_segment(self, segment: Segment, first_row: int) -> Selection | None:
        """The rows of the segment from `first_row` on, counted from there, that hold them; None for all rows."""
        name = f"{segment.record.name} {first_row}"
        if name not in self._selections:
            held = np.zeros(segment.record.rows, bool)
            rows = segment.rows_of(self.keys)
            held[rows[rows >= 0]] = True
            self._selections[name] = self._selection(held[first_row:])
        return self._selections[name]

    def _selection(self, held: NDArray[np.bool_]) -> Selection | None:
        mask = ~held if self._without else held
        return None if mask.all() else Selection(mask)
