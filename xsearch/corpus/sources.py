"""Which reader reads a file."""

from __future__ import annotations

from pathlib import Path

from xsearch.corpus.delimited import DelimitedSource
from xsearch.corpus.files import CSV, PARQUET
from xsearch.corpus.jsonl import JsonlSource
from xsearch.corpus.parquet import ParquetSource
from xsearch.corpus.source import Source


def open_source(path: Path) -> Source:
    """The reader for a file that ``find_files`` found, by its name."""
    suffix = path.suffix.lower()
    if suffix in PARQUET:
        return ParquetSource(path)
    return DelimitedSource(path) if suffix in CSV else JsonlSource(path)
