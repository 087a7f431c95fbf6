"""Reading a whole collection as a stream: for export, for compaction, for maps."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from xsearch.collection.documents import ID, LANG, TEXT
from xsearch.collection.segment import Segment
from xsearch.collection.snapshot import Snapshot
from xsearch.collection.spaces import check_indexed

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class LiveRows:
    """Living documents of one segment: their keys and rows there, and their table (internal columns and metadata)."""

    segment: Segment
    keys: NDArray[np.int64]
    rows: NDArray[np.int64]
    table: "pa.Table"


def live_rows(snapshot: Snapshot, segments: Sequence[Segment], batch_rows: int) -> Iterator[LiveRows]:
    """All living documents of the segments by ascending key, in batches of at most `batch_rows` or some 8 MB."""
    import pyarrow as pa

    for segment in segments:
        row = 0
        for batch in segment.batches(batch_rows):
            rows = np.arange(row, row + batch.num_rows)
            row += batch.num_rows
            alive = ~snapshot.is_dead(segment.keys[rows])
            if alive.any():
                table = pa.table(batch).filter(pa.array(alive))
                yield LiveRows(segment, segment.keys[rows[alive]], rows[alive], table)


def stream(
    snapshot: Snapshot, spaces: Sequence[str], batch_rows: int, besides: Sequence[str]
) -> Iterator["pa.RecordBatch"]:
    """See `Collection.documents`. All batches have one schema."""
    import pyarrow as pa

    manifest = snapshot.manifest
    for space in spaces:
        check_indexed(manifest, space)
    ours = {"id", "lang", "text", *(f"vector_{space}" for space in spaces)}
    titles = _titles([column.name for column in manifest.columns], ours | set(besides))
    types = {field.name: field.type for one in snapshot.segments for field in one.schema()}
    for live in live_rows(snapshot, snapshot.segments, batch_rows):
        table = live.table
        columns = {"id": table[ID], "lang": table[LANG], "text": table[TEXT]}
        for name, title in titles.items():
            held = name in table.column_names
            columns[title] = table[name] if held else pa.nulls(len(table), types.get(name))
        for space in spaces:
            vectors = live.segment.vectors[space][live.rows]
            columns[f"vector_{space}"] = pa.FixedSizeListArray.from_arrays(
                pa.array(vectors.ravel(), pa.float16()), manifest.dimension
            )
        yield from pa.table(columns).combine_chunks().to_batches()


def _titles(names: Sequence[str], taken: set[str]) -> dict[str, str]:
    """What the metadata columns are called beside names that are `taken`; no two the same."""
    taken = {*taken}
    titles = {}
    for name in names:
        title = name
        while title in taken:
            title = f"metadata_{title}"
        taken.add(title)
        titles[name] = title
    return titles
