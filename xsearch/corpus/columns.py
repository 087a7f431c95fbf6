"""Which column is the text, the id and the language; everything else is metadata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from xsearch.errors import CorpusError

TEXT_NAMES = ("text", "content", "contents", "body", "passage", "sentence", "document")
ID_NAMES = ("id", "_id", "doc_id", "docid", "document_id")

_PANDAS_INDEX = ("__index_level_0__", "")  # in Parquet, in CSV


@dataclass(frozen=True, slots=True)
class Columns:
    """The roles of a corpus' columns; without an id column, ids are made from file name and row number."""

    text: str
    id: str | None
    lang: str | None
    metadata: tuple[str, ...]

    @property
    def roles(self) -> tuple[str, ...]:
        """The columns that are not metadata."""
        return tuple(name for name in (self.text, self.id, self.lang) if name is not None)

    def is_metadata(self, name: str) -> bool:
        """Whether a column is kept as metadata: it has no role, and pandas did not add it on its own."""
        return name not in self.roles and name not in _PANDAS_INDEX


def choose_columns(
    present: Mapping[str, bool], *, text: str | None, id: str | None, lang: str | None, where: str
) -> Columns:
    """Picks the columns by the names given, else by common names, else the only column that holds strings.

    Args:
        present: column name to whether it may hold text.
        text: name asked for, or None to find it; ``id`` and ``lang`` likewise (a language is never guessed).
        id: see ``text``.
        lang: see ``text``.
        where: the file, for messages.

    Raises:
        CorpusError: a column asked for is missing, or no text column can be told.
    """
    if not present:
        raise CorpusError(f"{where} is empty; expected documents with a text column")
    for asked, option in ((text, "--text-column"), (id, "--id-column"), (lang, "--lang-column")):
        if asked is not None and asked not in present:
            raise CorpusError(f"{where} has no column {asked!r} ({option}); it has {listed(present)}")
    id = id or _by_name(present, ID_NAMES, taken=(text, lang))
    text = text or _by_name([name for name in present if present[name]], TEXT_NAMES, taken=(id, lang))
    if text is None:
        strings = [name for name in present if present[name] and name not in (id, lang, *_PANDAS_INDEX)]
        if len(strings) != 1:
            raise CorpusError(
                f"cannot tell the text column of {where}; name it with --text-column: {listed(present)}"
            )
        text = strings[0]
    repeated = [name for name in (id, lang) if name == text or (name is not None and id == lang)]
    if repeated:
        raise CorpusError(f"column {repeated[0]!r} of {where} cannot be two of text, id and language at once")
    columns = Columns(text, id, lang, metadata=())
    return replace(columns, metadata=tuple(filter(columns.is_metadata, present)))


def listed(names: Mapping[str, bool] | Sequence[str]) -> str:
    """Column names for a message: ``columns 'id', 'body'``."""
    quoted = [repr(name) for name in names]
    if not quoted:
        return "no columns"
    shown = ", ".join(quoted[:30]) + (f" and {len(quoted) - 30} more" if len(quoted) > 30 else "")
    return f"{'column' if len(quoted) == 1 else 'columns'} {shown}"


def _by_name(
    present: Mapping[str, bool] | Sequence[str], known: Sequence[str], *, taken: Sequence[str | None]
) -> str | None:
    lowered = {name.lower(): name for name in reversed([*present]) if name not in taken}
    return next((lowered[name] for name in known if name in lowered), None)
