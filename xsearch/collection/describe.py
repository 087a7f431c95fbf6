"""What a collection is, in figures, and what its owner could do for it."""

from collections import Counter
from dataclasses import dataclass

from xsearch.collection.documents import LANG
from xsearch.collection.manifest import IndexRecord, ModuleRecord, PartRecord
from xsearch.collection.segment import Segment
from xsearch.collection.snapshot import Snapshot

_MANY_SEGMENTS = 24
_MANY_DEAD = 0.2
_UNEVEN = 3.0
_BATCH_ROWS = 65_536


@dataclass(frozen=True)
class PartInfo:
    """An approximate index: how many documents it covers in which space, and how it was made and measured."""

    space: str
    rows: int
    index: IndexRecord


@dataclass(frozen=True)
class Info:
    """A collection described. `exact` documents are in no approximate index and are searched exactly; `deleted` ones
    still take room, and `languages` counts the others; `bytes` is the size on disk; `advice` says in sentences what
    would help, if anything.
    """

    name: str
    documents: int
    deleted: int
    exact: int
    languages: dict[str, int]
    modules: dict[str, ModuleRecord]
    spaces: tuple[str, ...]
    dimension: int
    columns: dict[str, str]
    index: str
    parts: tuple[PartInfo, ...]
    segments: int
    bytes: int
    created: str
    updated: str
    complete: bool
    advice: tuple[str, ...]


def describe(name: str, snapshot: Snapshot) -> Info:
    """See `Info`."""
    manifest = snapshot.manifest
    languages = Counter(dict.fromkeys(manifest.modules, 0))
    for segment in snapshot.segments:
        languages.update(segment.record.languages)
        languages.subtract(_dead_languages(snapshot, segment))
    held = sum(segment.rows for segment in manifest.segments)
    tail = snapshot.rows_from(manifest.covered)
    parts = tuple(
        PartInfo(space, part.rows, index) for part in manifest.parts for space, index in part.indexes.items()
    )
    kinds = list(dict.fromkeys(part.index.factory for part in parts))
    return Info(
        name=name,
        documents=manifest.count,
        deleted=held - manifest.count,
        exact=tail,
        languages=dict(languages),
        modules=dict(manifest.modules),
        spaces=manifest.spaces,
        dimension=manifest.dimension,
        columns={column.name: column.type for column in manifest.columns},
        index=" + ".join([*kinds, "exact"] if tail or not kinds else kinds),
        parts=parts,
        segments=len(manifest.segments),
        bytes=sum(record.size for record in manifest.files().values()),
        created=manifest.created,
        updated=manifest.updated,
        complete=manifest.source is None or manifest.source.complete,
        advice=tuple(_advice(snapshot, held)),
    )


def _dead_languages(snapshot: Snapshot, segment: Segment) -> dict[str, int]:
    """How many of a segment's documents in each language are deleted."""
    rows = segment.rows_of(snapshot.dead_between(segment.record.first_key, segment.record.last_key))
    rows = rows[rows >= 0]
    if not len(rows):
        return {}
    if len(segment.record.languages) == 1:
        return dict.fromkeys(segment.record.languages, len(rows))
    import pyarrow as pa

    langs = pa.chunked_array([batch.column(0) for batch in segment.batches(_BATCH_ROWS, [LANG])])
    return {count["values"]: count["counts"] for count in langs.take(rows).value_counts().to_pylist()}


def _dead_share(snapshot: Snapshot, part: PartRecord) -> float:
    """How much of a part is deleted; merging segments forgets the dead, an index keeps them."""
    return len(snapshot.dead_between(part.first_key, part.last_key)) / part.rows


def _advice(snapshot: Snapshot, held: int) -> list[str]:
    manifest = snapshot.manifest
    advice = []
    if manifest.source is not None and not manifest.source.complete:
        advice.append("indexing was interrupted; run the same `xsearch index` command again to finish it")
    if held and (held - manifest.count) / held > _MANY_DEAD:
        advice.append(
            f"{held - manifest.count} of {held} stored documents are deleted; compact to free their room"
        )
    elif any(_dead_share(snapshot, part) > _MANY_DEAD for part in manifest.parts):
        advice.append(
            "an index still holds many deleted documents, which every query steps over; compact to build it anew"
        )
    if len(manifest.segments) > _MANY_SEGMENTS:
        advice.append(
            f"there are {len(manifest.segments)} segments; compact to make every query touch fewer files"
        )
    for part in manifest.parts:
        for space, index in part.indexes.items():
            if index.recall_at_10 < manifest.settings.recall - 0.01:
                advice.append(
                    f"the {space} index reaches a recall@10 of {index.recall_at_10:.3f} where "
                    f"{manifest.settings.recall} was asked; index with more --memory or another --index-type"
                )
            if index.imbalance is not None and index.imbalance > _UNEVEN:
                advice.append(
                    f"the lists of the {space} index are uneven ({index.imbalance:.1f}); compact to "
                    "retrain it"
                )
    return advice
