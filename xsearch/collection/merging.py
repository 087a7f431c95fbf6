"""Writing several segments as one, without the documents that have been deleted."""

from collections.abc import Sequence

from xsearch.collection.columns import storable
from xsearch.collection.contents import live_rows
from xsearch.collection.documents import ID, INTERNAL, LANG, TEXT
from xsearch.collection.manifest import SegmentRecord
from xsearch.collection.segment import Segment, SegmentWriter
from xsearch.collection.snapshot import Snapshot
from xsearch.collection.verification import damage_of
from xsearch.errors import CollectionError

_BATCH_ROWS = 8192
_MADE_ANEW = ("records.jsonl", "ids.npy")
"""What a merge makes from the documents, and so mends."""


def merge(snapshot: Snapshot, segments: Sequence[Segment], name: str) -> SegmentRecord | None:
    """A new segment with the living documents of consecutive segments, their keys kept; None if none lives.

    Columns that some segments lack become null there. The memory needed is that of a batch. Raises CollectionError if
    what is to be copied is damaged, since it would get a new checksum and be taken for sound ever after.
    """
    import pyarrow as pa

    from xsearch.corpus.column_types import conform

    if all(snapshot.is_dead(segment.keys).all() for segment in segments):
        return None
    _refuse_damaged(snapshot, segments)
    schema = pa.unify_schemas([segment.schema() for segment in segments])
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


def _refuse_damaged(snapshot: Snapshot, segments: Sequence[Segment]) -> None:
    for segment in segments:
        for record in segment.record.files:
            copied = not record.path.endswith(_MADE_ANEW)
            if copied and (damage := damage_of(snapshot.folder, record)) is not None:
                raise CollectionError(
                    f"{snapshot.folder / damage.file} {damage.problem}; `xsearch verify` names every damaged file, "
                    "restore them from a backup or index the corpus again"
                )
