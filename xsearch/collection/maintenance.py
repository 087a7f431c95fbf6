"""Keeping a collection quick: merging small segments, indexing what has piled up, rewriting it all.

Segments hold documents, parts index them; they are tied by keys alone, so either can be rewritten without the
other.
"""

from collections.abc import Callable, Sequence

import numpy as np

from xsearch.collection.keywords import IN_MEMORY, require_words, write_keywords
from xsearch.collection.manifest import IndexSettings, Manifest, PartRecord, SegmentRecord
from xsearch.collection.merging import merge
from xsearch.collection.part_writer import write_part
from xsearch.collection.segment import Segment
from xsearch.collection.writer import Writer
from xsearch.index.build import check_factory, empty_index, training_rows
from xsearch.index.choice import EXACT_ROWS, choose_index, span_to_index
from xsearch.index.gpu import resolve_device

FAN = 8
"""So many segments of like size become one."""

_FEW_WORDS = 1_000
"""So many documents are indexed in memory when a hybrid query comes; it takes some hundredths of a second."""

Report = Callable[[int], None]


def segments_to_merge(rows: Sequence[int]) -> int:
    """How many of the newest segments to merge, given all their sizes from old to new; 0 for none.

    Sizes fall into tiers by powers of `FAN`. A tier with `FAN` segments is merged together with the smaller
    ones that came after it, so n rows lie in O(log n) segments and each is rewritten O(log n) times.
    """
    tiers = [(count.bit_length() - 1) // (FAN.bit_length() - 1) for count in rows]
    newest_first = tiers[::-1]
    for tier in sorted(set(tiers)):
        run = next((place for place, other in enumerate(newest_first) if other > tier), len(tiers))
        if newest_first[:run].count(tier) >= FAN:
            return run
    return 0


def merge_small_segments(writer: Writer) -> None:
    """Commit a merge of the newest segments for as long as one is due."""
    while count := segments_to_merge([record.rows for record in writer.manifest.segments]):
        snapshot = writer.snapshot
        record = merge(snapshot, snapshot.segments[-count:], writer.new_name())
        merged = (record,) if record is not None else ()
        _commit_segments(writer, (*snapshot.manifest.segments[:-count], *merged))


def index_if_due(writer: Writer, device: str = "auto", report: Report = lambda done: None) -> None:
    """Index the documents that are in no part yet, once they are too many to look at each of them.

    Older parts that are not much larger are rebuilt along with them. `report` is told the documents indexed
    so far.
    """
    manifest = writer.manifest
    tail = writer.snapshot.rows_from(manifest.covered)
    if not _is_due(manifest, tail):
        return
    taken = span_to_index([part.rows for part in manifest.parts], tail)
    kept = manifest.parts[: len(manifest.parts) - taken]
    first_key = kept[-1].last_key + 1 if kept else 0
    factory = _factory(manifest, writer.snapshot.rows_from(first_key), device)
    if factory is not None:
        snapshot = writer.snapshot
        part = write_part(snapshot, snapshot.segments, first_key, factory, writer.new_name(), device, report)
        writer.replace(parts=(*kept, part))


def index_words_if_due(writer: Writer) -> None:
    """Rebuild the index of words, if the collection keeps one, once the documents that are not in it and the dead that
    are come to a tenth of it, or are more than a query indexes by itself.
    """
    manifest, snapshot = writer.manifest, writer.snapshot
    if not manifest.settings.keywords or not manifest.count:
        return
    record = manifest.keywords
    rows = record.rows if record else 0
    missing = snapshot.rows_from(record.last_key + 1 if record else 0)
    dead = rows + missing - manifest.count
    if missing + dead > min(max(_FEW_WORDS, rows // 10), IN_MEMORY):
        writer.replace(keywords=write_keywords(snapshot, writer.new_name()))


def compact(writer: Writer, device: str = "auto", report: Report = lambda done: None) -> None:
    """Commit what is pending, then rewrite the living documents as one segment with one fresh index, in one commit."""
    writer.commit()
    snapshot = writer.snapshot
    manifest = snapshot.manifest
    record = merge(snapshot, snapshot.segments, writer.new_name())
    if record is None:
        writer.replace(segments=(), parts=(), tombstones=None, columns=(), keywords=None)
        return
    parts: tuple[PartRecord, ...] = ()
    factory = _factory(manifest, record.rows, device)
    if factory is not None:
        whole = Segment(writer.folder, record, manifest.spaces, manifest.dimension)
        parts = (write_part(snapshot, [whole], 0, factory, writer.new_name(), device, report),)
    words = write_keywords(snapshot, writer.new_name()) if manifest.settings.keywords else None
    writer.replace(segments=(record,), parts=parts, tombstones=None, columns=record.columns, keywords=words)


def tidy(writer: Writer, device: str = "auto", report: Report = lambda done: None) -> None:
    """What is due after a commit: merging small segments, indexing documents that have piled up."""
    merge_small_segments(writer)
    index_if_due(writer, device, report)
    index_words_if_due(writer)


def check_settings(settings: IndexSettings, dimension: int) -> None:
    """Raise QueryError for an index type that FAISS cannot build here, MissingExtraError for words without tantivy."""
    if settings.keywords:
        require_words()
    if settings.factory != "auto":
        check_factory(settings.factory, dimension)


def _is_due(manifest: Manifest, tail: int) -> bool:
    if manifest.settings.factory == "auto":
        return tail > EXACT_ROWS
    return tail > (EXACT_ROWS if manifest.parts else 0)


def _factory(manifest: Manifest, rows: int, device: str) -> str | None:
    """The index to build over `rows` vectors; None to look at each of them."""
    settings = manifest.settings
    if settings.factory == "auto":
        gpu = resolve_device(device) == "cuda"
        return choose_index(rows, manifest.dimension, settings.memory, settings.recall, gpu=gpu).factory
    # one in twenty is held back for tuning
    enough = rows - rows // 20 > training_rows(empty_index(settings.factory, manifest.dimension))
    return settings.factory if enough else None


def _commit_segments(writer: Writer, segments: tuple[SegmentRecord, ...]) -> None:
    """Commit these segments, and forget the dead that neither a segment nor a part holds any more."""
    manifest, dead = writer.manifest, writer.snapshot.dead
    held = np.zeros(len(dead), bool)
    for part in manifest.parts:
        held |= (dead >= part.first_key) & (dead <= part.last_key)
    for segment in writer.snapshot.segments:
        if segment.record in segments:
            held |= segment.rows_of(dead) >= 0
    tombstones = manifest.tombstones if held.all() else writer.write_tombstones(dead[held])
    writer.replace(segments=segments, tombstones=tombstones)
