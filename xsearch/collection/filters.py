"""`--where`: one SQL expression over the documents, evaluated by DuckDB in a cell.

The expression is parsed first and only its harmless kinds of node pass: no subquery, no second statement, and no
functions but those that are named here. They give the same for the same document, tell nothing of the machine, and
give no more than a few times what they take: DuckDB bounds neither the memory nor the time of a single call, and
`replace` twice makes gigabytes of some kilobytes. Then it runs in a connection that can read this collection's
Parquet files and nothing else: no other files, no network, no extensions, no changes of settings, bounded memory and
time.
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
from xsearch.collection.segment import Segment
from xsearch.collection.snapshot import Snapshot
from xsearch.errors import CollectionError, QueryError
from xsearch.surrogates import has_surrogates

if TYPE_CHECKING:
    import duckdb

SECONDS = 60
MEMORY = "1GB"
_LONGEST = 10_000
_DEAD = "dead"
_ALIASES = {"id": ID, "lang": LANG, "text": TEXT}
_NODES = {"COLUMN_REF", "CONSTANT", "COMPARISON", "CONJUNCTION", "FUNCTION", "OPERATOR", "CAST", "CASE", "BETWEEN",
          "COLLATE", "TYPE", "LAMBDA"}  # fmt: skip
_NUMBERS = """
+ - * / // % ** ^ & | ~ << >> abs add cbrt ceil ceiling degrees divide even exp fdiv floor fmod gcd greatest isfinite
isinf isnan lcm least ln log log10 log2 mod multiply pi pow power radians round round_even sign sqrt subtract trunc xor
"""
_TEXTS = """
|| ~~ !~~ ~~* !~~* ~~~ ^@ ascii bit_length char_length character_length concat concat_ws contains ends_with hamming hash
ilike_escape instr jaccard lcase left left_grapheme len length length_grapheme like_escape lower ltrim md5 mismatches
nfc_normalize not_ilike_escape not_like_escape octet_length ord position prefix regexp_extract regexp_full_match
regexp_matches reverse right right_grapheme rtrim sha256 split split_part starts_with str_split string_split
string_to_array strip_accents strlen strpos substr substring substring_grapheme suffix trim ucase unicode upper
"""
_TIMES = """
age ago century current_date date_add date_diff date_part date_sub date_trunc datediff datepart datesub datetrunc day
dayname dayofmonth dayofweek dayofyear days_in_month decade epoch epoch_ms epoch_ns epoch_us era get_current_time
get_current_timestamp hour isodow isoyear julian last_day make_date make_time make_timestamp make_timestamptz
microsecond millennium millisecond minute month monthname now quarter second strftime strptime time_bucket timezone
to_centuries to_days to_decades to_hours to_microseconds to_millennia to_milliseconds to_minutes to_months to_quarters
to_seconds to_timestamp to_weeks to_years today transaction_timestamp try_strptime week weekday weekofyear year yearweek
"""
_LISTS = """
&& <@ @> array_contains array_distinct array_extract array_filter array_has array_has_all array_has_any array_indexof
array_intersect array_length array_position array_slice array_sort cardinality element_at filter flatten list_any_value
list_avg list_bool_and list_bool_or list_cat list_concat list_contains list_count list_distinct list_element
list_extract list_filter list_first list_has list_has_all list_has_any list_indexof list_intersect list_last list_max
list_median list_min list_position list_slice list_sort list_sum list_unique list_value map_contains map_entries
map_extract map_extract_value map_keys map_values row struct_extract struct_extract_at struct_pack
"""
_OTHERS = """
->> if json_array_length json_contains json_exists json_extract json_extract_path json_extract_path_text
json_extract_string json_keys json_type json_valid json_value nullif typeof
"""
_ALLOWED = frozenset(f"{_NUMBERS} {_TEXTS} {_TIMES} {_LISTS} {_OTHERS}".split())

_JOINING = {"||", "concat", "concat_ws", "list_cat", "list_concat"}
_MOST_JOINTS, _MOST_CASTS = 16, 8
"""What grows by each of them: texts that are put together, and lists as text, whose quotes are escaped each time."""

_CLOCK = re.compile(
    r"\b(age|ago|now|today|(get_)?current_\w+|localtime\w*|transaction_timestamp)\b", re.IGNORECASE
)
"""Any way to ask for the time. It may see one where there is none, as in a string: that costs a lookup."""


def asks_the_clock(where: str) -> bool:
    """Whether the expression may be true of other documents when it is asked again."""
    return _CLOCK.search(where) is not None


class Filter:
    """Evaluates expressions over a snapshot's documents; metadata columns by name, and id, lang and text."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._segments, self._dead = snapshot.segments, snapshot.dead
        self._metadata = snapshot.column_names
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
        if not self._segments:
            return np.empty(0, np.int64)
        with self._lock:
            if where is not None:
                self._check(where)
            alarm = threading.Timer(SECONDS, self._connection.interrupt)
            alarm.start()
            try:
                keys = self._keys(where, lang)
            finally:
                alarm.cancel()
            self._check_in_place()
        return keys

    def _keys(self, where: str | None, lang: str | None, *, living: bool = False) -> NDArray[np.int64]:
        import duckdb

        try:
            if living:
                dead = f"CREATE OR REPLACE TABLE {_DEAD} AS SELECT unnest(?) AS {KEY}"
                self._connection.execute(dead, [self._dead.tolist()])
            result = self._connection.execute(self._query(where, lang, living)).fetchnumpy()
        except duckdb.InterruptException:
            raise QueryError(
                f"the filter {where!r} ran for {SECONDS} s and was stopped; simplify it"
            ) from None
        except duckdb.Error as error:
            self._check_in_place()
            reason = str(error).splitlines()[0]
            if _is_damage(error):
                raise CollectionError(
                    f"a documents.parquet of {self._segments[0].parquet_path.parents[2]} is damaged ({reason}); "
                    "`xsearch verify` names the file, restore it from a backup or index the corpus again"
                ) from None
            if living or not len(self._dead):
                raise self._refusal(str(where), reason) from None
        else:
            return np.asarray(result[KEY], np.int64)
        # a deleted document may have had the value on which it failed
        return self._keys(where, lang, living=True)

    def _check_in_place(self) -> None:
        for segment in self._segments:
            segment.check_in_place()

    def _query(self, where: str | None, lang: str | None, living: bool) -> str:
        conditions = [f"({where}\n)"] if where is not None else []
        conditions += [f"{LANG} = {sql_text(lang)}"] if lang is not None else []
        condition = " AND ".join(conditions)
        if living:  # AND would promise no order; without this, though, whole row groups may be passed over
            condition = f"CASE WHEN {KEY} IN (FROM {_DEAD}) THEN false ELSE {condition} END"
        return f"SELECT {KEY} FROM ({self._view}) AS documents WHERE {condition} ORDER BY {KEY}"  # noqa: S608 - checked

    def _check(self, where: str) -> None:
        if not where.strip():
            raise self._refusal(where, "it is empty")
        if len(where) > _LONGEST:
            raise QueryError(
                f"a filter of {len(where)} characters is too long; at most {_LONGEST} are allowed"
            )
        if has_surrogates(where):
            raise self._refusal(where, "it has half of a surrogate pair")
        # brackets here and parentheses when it runs: no text can close both
        statement = f"SELECT [{where}\n] FROM documents"  # noqa: S608 - only parsed, not run
        [(serialised,)] = self._connection.execute("SELECT json_serialize_sql(?)", [statement]).fetchall()
        try:
            tree: dict[str, Any] = json.loads(serialised)
        except RecursionError:
            raise self._refusal(where, "it is nested too deeply") from None
        if tree["error"]:
            raise self._refusal(where, tree["error_message"].splitlines()[0])  # the next has our brackets
        joints = 0
        for node, casts in _expressions(tree, where):
            if node.get("class") not in _NODES:
                raise self._refusal(where, f"a {str(node.get('class')).lower()} is not allowed")
            function = node.get("function_name", "").lower() if node["class"] == "FUNCTION" else None
            if function is not None and function not in _ALLOWED:
                raise self._refusal(where, f"the function {function} is not allowed")
            joints += function in _JOINING
            if joints > _MOST_JOINTS or casts > _MOST_CASTS:
                raise self._refusal(where, "it puts too many texts together")

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
        files = [str(segment.parquet_path) for segment in self._segments]
        paths = ", ".join(map(sql_text, [*files, *map(_pattern, files)]))
        for setting in (
            "SET autoinstall_known_extensions = false",
            "SET autoload_known_extensions = false",
            "SET allow_community_extensions = false",
            "SET temp_directory = ''",
            "SET TimeZone = 'UTC'",  # or a filter on times would find other documents on another machine
            f"SET allowed_paths = [{paths}]",
            "SET enable_external_access = false",
            "SET lock_configuration = true",
        ):
            connection.execute(setting)
        return connection

    @cached_property
    def _view(self) -> str:
        """One SELECT over all segments; a column that a segment lacks is NULL there."""

        def held(segment: Segment) -> set[str]:
            return {column.name for column in segment.record.columns}

        selects = []
        for columns, group in groupby(self._segments, held):
            files = ", ".join(sql_text(_pattern(str(segment.parquet_path))) for segment in group)
            fields = [KEY, LANG, *(f"{source} AS {alias}" for alias, source in self._aliases.items())]
            fields += [
                sql_name(name) if name in columns else f"NULL AS {sql_name(name)}" for name in self._metadata
            ]
            # a folder above named column=value would otherwise take the place of that column
            table = f"read_parquet([{files}], hive_partitioning = false)"
            selects.append(f"SELECT {', '.join(fields)} FROM {table}")  # noqa: S608 - all quoted
        return " UNION ALL ".join(selects)


def _expressions(tree: dict[str, Any], where: str) -> Iterator[tuple[dict[str, Any], int]]:
    """Every expression node of `SELECT (where) FROM documents`, and how many casts there are from it up to the root.

    Raises QueryError if the statement is not of that shape.
    """
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
    waiting: list[tuple[Any, int]] = [(node["select_list"][0], 0)]
    while waiting:
        value, casts = waiting.pop()
        if isinstance(value, dict):
            casts += value.get("class") == "CAST"
            if "class" in value:
                yield value, casts
            waiting.extend((inner, casts) for inner in value.values())
        elif isinstance(value, list):
            waiting.extend((inner, casts) for inner in value)


def _is_damage(error: "duckdb.Error") -> bool:
    """Whether DuckDB complains of a Parquet file, for which it has no exception of its own."""
    import duckdb

    about_a_file = isinstance(error, duckdb.InvalidInputException) and "parquet" in str(error).lower()
    return about_a_file or isinstance(error, duckdb.IOException) or type(error) is duckdb.Error


def _pattern(path: str) -> str:
    """The glob pattern, which is what DuckDB takes a path for, that this path alone fits."""
    return re.sub(r"([*?\[])", r"[\1]", path)


def sql_text(text: str) -> str:
    """The text as a string of SQL."""
    return "'" + text.replace("'", "''") + "'"


def sql_name(name: str) -> str:
    """The name of a column, whatever is in it, as SQL takes it."""
    return '"' + name.replace('"', '""') + '"'
