"""JSON objects, one a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from xsearch.corpus.column_types import JsonTypes, json_array
from xsearch.corpus.columns import Columns
from xsearch.corpus.lines import not_utf8, read_lines
from xsearch.corpus.source import Rows, chunked, no_metadata
from xsearch.errors import CorpusError
from xsearch.surrogates import replace_surrogates

_HEAD_LINES = 1000
_SURVEY_LINES = 4096
_MAX_KEYS = 1000


@dataclass(frozen=True)
class JsonlSource:
    """One file of JSON lines; blank lines are passed over."""

    path: Path
    unit: str = "line"
    types: JsonTypes = field(default_factory=JsonTypes)

    def present(self) -> dict[str, bool]:
        """The keys of the first thousand objects, and whether each holds strings there.

        Raises:
            CorpusError: there are lines, but no object among the first thousand.
        """
        present: dict[str, bool] = {}
        broken: list[str] = []
        for number, _, value in islice(self._records(), _HEAD_LINES):
            if isinstance(value, dict):
                for name, cell in value.items():
                    present[name] = present.get(name, False) or isinstance(cell, str)
            else:
                broken.append(f"{self.path}, line {number}: {value}")
        if broken and not present:
            raise CorpusError(broken[0])
        return present

    def survey(self, columns: Columns) -> Iterator[Rows]:
        """Passes over the file and notes the type of every key."""
        for records, rows in self._chunks(columns, _SURVEY_LINES):
            names = dict.fromkeys(name for record in records for name in record)
            for name in names:
                if columns.is_metadata(name):
                    self.types.observe(name, _cells(records, name))
            if len(self.types.found) > _MAX_KEYS:
                raise CorpusError(
                    f"{self.path} has more than {_MAX_KEYS} different keys; expected the same few in every "
                    "object: put the varying ones into one nested object"
                )
            yield rows

    def metadata_schema(self) -> pa.Schema:
        """Names and types as the survey found them."""
        return self.types.schema()

    def rows(self, columns: Columns, schema: pa.Schema, size: int) -> Iterator[Rows]:
        """The rows in chunks of at most ``size``."""
        for records, rows in self._chunks(columns, size):
            arrays = [json_array(_cells(records, c.name), c.type, c.name) for c in schema]
            metadata = pa.Table.from_arrays(arrays, schema=schema) if arrays else rows.metadata
            yield replace(rows, metadata=metadata)

    def _chunks(self, columns: Columns, size: int) -> Iterator[tuple[list[dict[str, Any]], Rows]]:
        for numbers, records, broken in chunked(self._records(), size):
            columnwise = partial(_cells, records)
            yield records, Rows.of(columns, columnwise, numbers, no_metadata(len(records)), broken)

    def _records(self) -> Iterator[tuple[int, int, dict[str, Any] | str]]:
        """Line number, length and object of each line, or the reason why it is none."""
        for number, line in read_lines(self.path):
            if not line.isspace():
                yield number, len(line), _parse(line)


def _parse(line: bytes) -> dict[str, Any] | str:
    try:
        value = json.loads(line.decode("utf-8"))
        if b"\\ud" in line.lower():
            value = _without_surrogates(value)
    except UnicodeDecodeError as error:
        return not_utf8(error)
    except json.JSONDecodeError as error:
        return f"not JSON ({error.msg} at character {error.pos + 1}); expected one object a line"
    except (RecursionError, ValueError):  # a number of thousands of digits
        return "JSON nested too deeply or with too long a number; expected a plain object"
    if not isinstance(value, dict):
        return f'a JSON {type(value).__name__}; expected an object such as {{"text": ...}}'
    record: dict[str, Any] = value
    return record


def _without_surrogates(value: Any) -> Any:
    """JSON can escape half a character, which cannot be stored."""
    if isinstance(value, str):
        return replace_surrogates(value)
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {replace_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return value


def _cells(records: list[dict[str, Any]], name: str) -> list[Any]:
    return [record.get(name) for record in records]
