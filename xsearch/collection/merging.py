"""Writing several segments as one, without the documents that have been deleted."""

from collections.abc import Sequence

from xsearch.collection.columns import storable
from xsearch.collection.contents import live_rows
from xsearch.collection.documents import ID, INTERNAL, LANG, TEXT
from xsearch.collection.manifest import SegmentRecord
from xsearch.collection.segment import Segment, SegmentWriter
from xsearch.collection.snapshot import Snapshot

_BATCH_ROWS = 8192


def merge(snapshot: Snapshot, segments: Sequence[Segment], name: str) -> SegmentRecord | None:
    """A new segment with the living documents of consecutive segments, their keys kept; None if none lives.

    Columns that some segments lack become null there. The memory needed is that of a batch.
    """
    import pyarrow as pa

    from xsearch.corpus.column_types import conform

    if all(snapshot.is_dead(segment.keys).all() for segment in segments):
        return None
    schema = pa.unify_schemas([segment.parquet().schema_arrow for segment in segments])
    fields = [field for field in schema if field.name not in INTERNAL]
    # Parquet calls the values of a list otherwise than Arrow does
    schema = storable(pa.schema(fields).empty_table()).schema
    manifest = snapshot.manifest
    writer = SegmentWriter(snapshot.folder, name, manifest.spaces, manifest.dimension, schema)
    try:
        for live in live_rows(snapshot, segments, _BATCH_ROWS):
            table = live.table
            writer.append(
                live.keys,
                table[ID].to_pylist(),
                table[TEXT].to_pylist(),
                table[LANG].to_pylist(),
                conform(table, schema),
                {space: live.segment.vectors[space][live.rows] for space in manifest.spaces},
            )
        return writer.finish()
    except BaseException:
        writer.abandon()
        raise
