"""The manifest: the one file that says what a collection is. Replacing it atomically is what a commit is."""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from xsearch.collection.records import from_json, to_json
from xsearch.errors import CollectionError
from xsearch.index.tuning import DEEPEST, PARAMETERS, most_effort

FORMAT = 1
"""The format that this version writes, and the newest that it reads."""

MANIFEST_NAME = "manifest.json"

_MOST_KEYS = 1 << 62
"""Far from where int64 ends, so that there is room for more of them."""


@dataclass(frozen=True)
class FileRecord:
    """A file of the collection: path relative to the collection (posix), size in bytes, SHA-256 in hex."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class ModuleRecord:
    """The language module whose vectors the collection holds. `one_space`: its native space is the shared one.

    `shared_hash` is that of the module that its shared space is the space of; empty where older versions wrote it.
    """

    language: str
    content_hash: str
    one_space: bool = False
    shared_hash: str = ""


@dataclass(frozen=True)
class IndexSettings:
    """What the owner asked of the index: `auto` or a FAISS factory string, bytes of memory, recall@10 wanted, and
    whether to keep an index of words for hybrid search.
    """

    factory: str = "auto"
    memory: int = 4 << 30
    recall: float = 0.95
    keywords: bool = False


@dataclass(frozen=True)
class ColumnRecord:
    """A metadata column: its name and its Arrow type as Arrow prints it."""

    name: str
    type: str


@dataclass(frozen=True)
class SegmentRecord:
    """An immutable run of documents with ascending keys, and their vectors in every indexed space.

    `languages` counts the documents of each language, dead ones included.
    """

    name: str
    rows: int
    first_key: int
    last_key: int
    languages: dict[str, int]
    columns: tuple[ColumnRecord, ...]
    files: tuple[FileRecord, ...]


@dataclass(frozen=True)
class IndexRecord:
    """A FAISS index over one part in one space.

    `parameters` are the tuned search-time settings (nprobe, efSearch); the best `depth` x k candidates are
    re-ranked from the stored vectors; `recall_at_10` was measured against exact search on `probes` held-back
    vectors. `imbalance` is FAISS' factor for inverted lists (1 is even), None for other kinds.
    """

    factory: str
    parameters: dict[str, int]
    depth: float
    recall_at_10: float
    probes: int
    imbalance: float | None
    build_seconds: float


@dataclass(frozen=True)
class PartRecord:
    """One approximate index (in every space) over all documents whose keys lie in [first_key, last_key]."""

    name: str
    rows: int
    first_key: int
    last_key: int
    indexes: dict[str, IndexRecord]
    files: tuple[FileRecord, ...]


@dataclass(frozen=True)
class KeywordsRecord:
    """An index of the words of all documents (then alive) with keys up to `last_key`, a field for each language."""

    name: str
    rows: int
    last_key: int
    languages: tuple[str, ...]
    files: tuple[FileRecord, ...]


@dataclass(frozen=True)
class TombstoneRecord:
    """The keys of deleted documents that some segment or part still holds."""

    count: int
    file: FileRecord


@dataclass(frozen=True)
class SourceRecord:
    """How far the last corpus has been taken in, so that an interrupted run can go on from there."""

    fingerprint: str
    mode: str
    batch_size: int
    batches: int
    complete: bool


@dataclass(frozen=True)
class Manifest:
    """The committed state of a collection. `commit` counts the commits; `count` the documents alive."""

    format: int
    commit: int
    created: str
    updated: str
    dimension: int
    spaces: tuple[str, ...]
    modules: dict[str, ModuleRecord]
    settings: IndexSettings
    count: int = 0
    next_key: int = 0
    columns: tuple[ColumnRecord, ...] = ()
    segments: tuple[SegmentRecord, ...] = ()
    parts: tuple[PartRecord, ...] = ()
    tombstones: TombstoneRecord | None = None
    source: SourceRecord | None = None
    keywords: KeywordsRecord | None = None

    def files(self) -> dict[str, FileRecord]:
        """Every file that the collection consists of, the manifest itself apart, by path."""
        records = [file for segment in self.segments for file in segment.files]
        records += [file for part in self.parts for file in part.files]
        records += self.keywords.files if self.keywords is not None else ()
        if self.tombstones is not None:
            records.append(self.tombstones.file)
        return {record.path: record for record in records}

    @property
    def covered(self) -> int:
        """Keys below this are in some approximate index; documents from it on are searched exactly."""
        return self.parts[-1].last_key + 1 if self.parts else 0

    def successor(self, updated: str, **changes: Any) -> "Manifest":
        """The manifest of the next commit."""
        return replace(self, commit=self.commit + 1, updated=updated, **changes)


def serialise(manifest: Manifest) -> bytes:
    """The manifest as JSON with a checksum of itself in front, so that a flipped bit in it is found too."""
    body = to_json(manifest)
    return json.dumps({"checksum": _checksum(body), **body}, indent=1, ensure_ascii=False).encode()


def read_manifest(folder: Path) -> Manifest:
    """Read and check `folder`'s manifest. Raises CollectionError if it is missing, damaged or from a newer version."""
    path = folder / MANIFEST_NAME
    try:
        raw = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise CollectionError(
            f"no collection at {folder}: there is no {MANIFEST_NAME} in it; `xsearch list` names the "
            "collections"
        ) from None
    except OSError as error:
        raise CollectionError(f"{path} cannot be read: {error.strerror}; check its permissions") from error
    try:
        body = json.loads(raw)
        if not isinstance(body, dict):
            raise ValueError("it is not a JSON object")
        _refuse_newer(path, body.get("format"))
        if body.pop("checksum", None) != _checksum(body):
            raise ValueError("its checksum does not fit its content")
        manifest = from_json(Manifest, body)
        _check(manifest)
    except (ValueError, OverflowError, RecursionError) as error:
        raise CollectionError(
            f"{path} is damaged: {error}; restore it from a backup or index the corpus again"
        ) from None
    return manifest


def _refuse_newer(path: Path, version: object) -> None:
    if isinstance(version, int) and version > FORMAT:
        raise CollectionError(
            f"{path} has format {version}, written by a newer xsearch; this one reads up to format {FORMAT}: "
            "upgrade xsearch, or index the corpus again with this one"
        )


def _check(manifest: Manifest) -> None:
    """Refuse what would lead outside the folder or make no sense, although every type is right."""
    for name in manifest.files():
        _refuse_outside(name)
    if not manifest.spaces or set(manifest.spaces) - {"shared", "native"} or manifest.dimension < 1:
        raise ValueError(f"it names the spaces {manifest.spaces} of {manifest.dimension} dimensions")
    _check_numbers(manifest)
    _check_folders(manifest.segments, manifest.next_key)
    _check_folders(manifest.parts, manifest.next_key)
    named = set(manifest.files())
    for segment in manifest.segments:
        vectors = (f"vectors.{space}.npy" for space in manifest.spaces)
        needed = ("documents.parquet", "records.jsonl", "rows.npy", "ids.npy", *vectors)
        _check_files(named, f"segments/{segment.name}", needed)
    for part in manifest.parts:
        if part.indexes.keys() != set(manifest.spaces):
            raise ValueError(f"the part {part.name} has indexes of {', '.join(part.indexes) or 'no space'}")
        _check_files(named, f"parts/{part.name}", ("keys.npy", *(f"{space}.faiss" for space in part.indexes)))
    if wrong := [language for language, module in manifest.modules.items() if module.language != language]:
        raise ValueError(f"the module of {wrong[0]!r} is of another language")
    if manifest.keywords is not None:
        _check_name(manifest.keywords.name)


def _check_numbers(manifest: Manifest) -> None:
    """Refuse numbers that no writer writes, and that would cost a search its memory or end it in an odd error."""
    _check_within("next_key", manifest.next_key, 0, _MOST_KEYS)
    _check_within("count", manifest.count, 0, sum(segment.rows for segment in manifest.segments))
    if manifest.source is not None:
        _check_within("source.batches", manifest.source.batches, 0, _MOST_KEYS)
    for number, part in enumerate(manifest.parts):
        for space, index in part.indexes.items():
            where = f"parts[{number}].indexes.{space}"
            _check_within(f"{where}.depth", index.depth, 1, DEEPEST)
            for name, value in index.parameters.items():
                if name not in PARAMETERS:
                    raise ValueError(f"{where}.parameters.{name} is not one of {', '.join(PARAMETERS)}")
                _check_within(f"{where}.parameters.{name}", value, 1, most_effort(part.rows))


def _check_within(where: str, value: float, least: int, most: int) -> None:
    if not least <= value <= most:  # so is NaN, which compares with nothing
        raise ValueError(f"{where} is {str(value)[:20]}, not between {least} and {most}")


def _check_folders(records: Sequence[SegmentRecord | PartRecord], end: int) -> None:
    next_key = 0
    for record in records:
        _check_name(record.name)
        if not next_key <= record.first_key <= record.last_key < end:
            raise ValueError(f"the keys of {record.name} are out of order")
        _check_within(f"rows of {record.name}", record.rows, 1, record.last_key - record.first_key + 1)
        next_key = record.last_key + 1


def _check_files(named: set[str], folder: str, needed: Iterable[str]) -> None:
    if missing := [name for name in needed if f"{folder}/{name}" not in named]:
        raise ValueError(f"it does not name {folder}/{missing[0]}")


def _check_name(name: str) -> None:
    if not re.fullmatch(r"\d{8}-\d+", name):
        raise ValueError(f"it names a folder {name!r}")


def _refuse_outside(name: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or ".." in path.parts or "\\" in name or "\0" in name:
        raise ValueError(f"it names a file outside the collection: {name!r}")


def _checksum(body: dict[str, Any]) -> str:
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()
