"""`--where`: one SQL expression over the documents, evaluated by DuckDB in a cell.

The expression is parsed first and only its harmless kinds of node pass: no subquery, no second statement, no
function that is volatile or makes texts of any length. Then it runs in a connection that can read this collection's
Parquet files and nothing else: no other files, no network, no extensions, no changes of settings, bounded memory and
time. Functions that tell of the connection instead of the documents do not pass either: its settings name paths of this
machine.
"""

import json
import re
import threading
from collections.abc import Iterator
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xsearch.collection.documents import ID, KEY, LANG, TEXT
from xsearch.collection.manifest import ColumnRecord
from xsearch.collection.segment import Segment
from xsearch.errors import QueryError

if TYPE_CHECKING:
    import duckdb

SECONDS = 60
MEMORY = "1GB"
_LONGEST = 10_000
_ALIASES = {"id": ID, "lang": LANG, "text": TEXT}
_NODES = {"COLUMN_REF", "CONSTANT", "COMPARISON", "CONJUNCTION", "FUNCTION", "OPERATOR", "CAST", "CASE", "BETWEEN",
          "COLLATE", "TYPE", "LAMBDA"}  # fmt: skip
_CLOCKS = {
    "current_date",
    "get_current_time",
    "get_current_timestamp",
    "now",
    "today",
    "transaction_timestamp",
}
"""Functions that are constant within a query only, and allowed all the same."""

_BOUNDLESS = {
    "array_resize",
    "bar",
    "format",
    "generate_series",
    "list_resize",
    "lpad",
    "printf",
    "range",
    "repeat",
    "rpad",
}
"""Functions that make as much text or as long a list as a number says: one call can take all memory and minutes, and
is not interrupted."""

_CLOCK = re.compile(
    r"\b(age|now|today|(get_)?current_\w+|localtime\w*|transaction_timestamp)\b", re.IGNORECASE
)
"""Any way to write those, keywords too. It may see one where there is none, as in a string: that costs a lookup."""


def asks_the_clock(where: str) -> bool:
    """Whether the expression may be true of other documents when it is asked again."""
    return _CLOCK.search(where) is not None


class Filter:
    """Evaluates expressions over the documents of some segments; metadata columns by name, and id, lang and text."""

    def __init__(self, segments: tuple[Segment, ...], columns: tuple[ColumnRecord, ...]) -> None:
        self._segments = segments
        self._metadata = [column.name for column in columns]
        taken = {name.lower() for name in self._metadata}
        self._aliases = {alias: source for alias, source in _ALIASES.items() if alias not in taken}
        self._lock = threading.Lock()

    @property
    def columns(self) -> list[str]:
        """The names that an expression may use."""
        return [*self._metadata, *self._aliases]

    def keys(self, where: str | None, lang: str | None = None) -> NDArray[np.int64]:
        """The ascending keys of the documents (deleted ones too) in `lang`, if given, for which `where` is true.

        Raises QueryError for anything but one expression over the columns, and FileNotFoundError if the files
        have been replaced by a writer.
        """
        import duckdb

        if not self._segments:
            return np.empty(0, np.int64)
        with self._lock:
            if where is not None:
                self._check(where)
            alarm = threading.Timer(SECONDS, self._connection.interrupt)
            alarm.start()
            try:
                result = self._connection.execute(self._query(where, lang)).fetchnumpy()
                keys: NDArray[np.int64] = np.asarray(result[KEY], np.int64)
            except duckdb.InterruptException:
                raise QueryError(
                    f"the filter {where!r} ran for {SECONDS} s and was stopped; simplify it"
                ) from None
            except duckdb.Error as error:
                for segment in self._segments:
                    segment.parquet_path.stat()
                raise self._refusal(str(where), str(error).splitlines()[0]) from None
            finally:
                alarm.cancel()
        return keys

    def _query(self, where: str | None, lang: str | None) -> str:
        conditions = [f"({where}\n)"] if where is not None else []
        conditions += [f"{LANG} = {_literal(lang)}"] if lang is not None else []
        condition = " AND ".join(conditions)
        return f"SELECT {KEY} FROM ({self._view}) AS documents WHERE {condition} ORDER BY {KEY}"  # noqa: S608 - checked

    def _check(self, where: str) -> None:
        if not where.strip():
            raise self._refusal(where, "it is empty")
        if len(where) > _LONGEST:
            raise QueryError(
                f"a filter of {len(where)} characters is too long; at most {_LONGEST} are allowed"
            )
        if any("\ud800" <= character <= "\udfff" for character in where):
            raise self._refusal(where, "it has half of a surrogate pair")
        # brackets here and parentheses when it runs: no text can close both
        statement = f"SELECT [{where}\n] FROM documents"  # noqa: S608 - only parsed, not run
        row = self._connection.execute("SELECT json_serialize_sql(?)", [statement]).fetchone()
        try:
            tree: dict[str, Any] = (
                json.loads(row[0]) if row else {"error": True, "error_message": "unreadable"}
            )
        except RecursionError:
            raise self._refusal(where, "it is nested too deeply") from None
        if tree["error"]:
            raise self._refusal(where, tree["error_message"])
        for node in _expressions(tree, where):
            if node.get("class") not in _NODES:
                raise self._refusal(where, f"a {str(node.get('class')).lower()} is not allowed")
            if node["class"] == "FUNCTION" and node.get("function_name", "").lower() in self._refused:
                raise self._refusal(where, f"the function {node['function_name']} is not allowed")

    def _refusal(self, where: str, reason: str) -> QueryError:
        return QueryError(
            f"the filter {where!r} is not one SQL expression over the collection's columns "
            f"({', '.join(self.columns)}): {reason}"
        )

    @cached_property
    def _connection(self) -> "duckdb.DuckDBPyConnection":
        import duckdb

        connection = duckdb.connect(
            ":memory:", config={"memory_limit": MEMORY, "python_enable_replacements": False}
        )
        paths = ", ".join(_literal(str(segment.parquet_path)) for segment in self._segments)
        for setting in (
            "SET autoinstall_known_extensions = false",
            "SET autoload_known_extensions = false",
            "SET allow_community_extensions = false",
            "SET temp_directory = ''",
            f"SET allowed_paths = [{paths}]",
            "SET enable_external_access = false",
            "SET lock_configuration = true",
        ):
            connection.execute(setting)
        return connection

    @cached_property
    def _refused(self) -> frozenset[str]:
        rows = self._connection.execute(
            "SELECT DISTINCT lower(function_name) FROM duckdb_functions() WHERE stability <> 'CONSISTENT'"
        ).fetchall()
        return (frozenset(name for (name,) in rows) - _CLOCKS) | _BOUNDLESS

    @cached_property
    def _view(self) -> str:
        """One SELECT over all segments; a column that a segment lacks is NULL there."""

        def held(segment: Segment) -> set[str]:
            return {column.name for column in segment.record.columns}

        selects = []
        for columns, group in groupby(self._segments, held):
            files = ", ".join(_literal(str(segment.parquet_path)) for segment in group)
            fields = [KEY, LANG, *(f"{source} AS {alias}" for alias, source in self._aliases.items())]
            fields += [
                _quoted(name) if name in columns else f"NULL AS {_quoted(name)}" for name in self._metadata
            ]
            selects.append(f"SELECT {', '.join(fields)} FROM read_parquet([{files}])")  # noqa: S608 - all quoted
        return " UNION ALL ".join(selects)


def _expressions(tree: dict[str, Any], where: str) -> Iterator[dict[str, Any]]:
    """Every expression node of `SELECT (where) FROM documents`; QueryError if the statement is not of that shape."""
    statements = tree["statements"]
    node = statements[0]["node"]
    if (
        len(statements) != 1
        or node["type"] != "SELECT_NODE"
        or len(node["select_list"]) != 1
        or node["from_table"].get("table_name") != "documents"
        or any(
            node.get(part)
            for part in ("where_clause", "modifiers", "group_expressions", "having", "qualify", "sample")
        )
    ):
        raise QueryError(
            f"the filter {where!r} is more than one expression; write a single condition, without ';'"
        )
    waiting: list[Any] = [node["select_list"][0]]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if "class" in value:
                yield value
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
