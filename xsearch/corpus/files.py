"""From what the user typed (files, directories, globs) to the files of a corpus."""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from xsearch.errors import CorpusError

PARQUET = (".parquet", ".pq")
JSONL = (".jsonl", ".ndjson")
CSV = (".csv", ".tsv")
SUFFIXES = (*PARQUET, *JSONL, *CSV)

_SAMPLE = 64 * 1024


def find_files(paths: Sequence[str | Path]) -> tuple[Path, ...]:
    """Expands files, directories (searched through) and glob patterns, in order and without repeats.

    Raises:
        CorpusError: a path that is missing, a pattern or directory without a corpus file, an unknown format.
    """
    if not paths:
        raise CorpusError("no corpus given; name a Parquet, JSONL or CSV file, a directory or a glob")
    if not all(map(str, paths)):  # Path("") is the working directory
        raise CorpusError("an empty name is no corpus; name a file, or '.' for the working directory")
    found: dict[Path, None] = {}
    for path in paths:
        found.update(dict.fromkeys(_expand(Path(path))))
    return tuple(found)


def fingerprint(files: Iterable[Path], settings: Sequence[str | None]) -> str:
    """Names the content and the way of reading it, for an interrupted run to tell that both are the same.

    A corpus may be larger than memory, so a file counts as unchanged by its size, its modification time and
    its first and last 64 kB.
    """
    digest = hashlib.sha256(repr(tuple(settings)).encode())
    for path in files:
        status = path.stat()
        digest.update(
            f"\0{path.name}\0{status.st_size}\0{status.st_mtime_ns}\0".encode("utf-8", "surrogateescape")
        )
        with path.open("rb") as file:
            digest.update(file.read(_SAMPLE))
            file.seek(max(0, status.st_size - _SAMPLE))
            digest.update(file.read(_SAMPLE))
    return digest.hexdigest()


def labels(files: Sequence[Path]) -> dict[Path, str]:
    """A short name for each file, unique in the corpus: its stem, or its path where stems repeat."""
    stems = [path.stem for path in files]
    if len(set(stems)) == len(stems):
        return dict(zip(files, stems, strict=True))
    return {path: path.as_posix() for path in files}


def _expand(path: Path) -> list[Path]:
    if path.is_dir():
        inside = sorted(
            file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file()
        )
        inside = [file for file in inside if not _hidden(file.relative_to(path))]
        if not inside:
            raise CorpusError(f"{path} is a directory without corpus files; expected {_expected()} inside")
        return inside
    if path.exists():
        return [_checked(path)]
    if glob.has_magic(str(path)):
        matches = [Path(match) for match in sorted(glob.glob(str(path), recursive=True))]
        files = [match for match in matches if match.is_file()]
        if not files:
            raise CorpusError(f"no file matches {path}; check the pattern")
        return [_checked(file) for file in files]
    raise CorpusError(f"no such file or directory: {path}; check the path")


def _checked(path: Path) -> Path:
    if not path.is_file():
        raise CorpusError(f"{path} is not a regular file; save the stream to a file first")
    if path.suffix.lower() not in SUFFIXES:
        raise CorpusError(
            f"{path} is of no format that is read here; expected a name ending in {_expected()}"
        )
    return path


def _hidden(path: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.parts)


def _expected() -> str:
    return ", ".join(SUFFIXES[:-1]) + f" or {SUFFIXES[-1]}"
