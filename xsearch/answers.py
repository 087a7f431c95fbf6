"""What is asked of collections and the answer, as plain data: what `xsearch query --format json` prints and the server
takes and sends.

Importing this costs nothing, so that a process that only shows answers loads no more than it needs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from xsearch.json_lines import json_value

if TYPE_CHECKING:
    from xsearch.search import SearchResult


MOST_HITS_A_REQUEST = 20_000
"""Hits of all queries of one request to a server: what keeps an answer at some tens of megabytes."""


@dataclass(frozen=True)
class Terms:
    """How to search. `lang` is a language's code, or auto; `collections` are names, or empty for all."""

    lang: str
    collections: tuple[str, ...] = ()
    k: int = 10
    space: str = "auto"
    where: str | None = None
    hybrid: bool = False


class AnsweredHit(TypedDict):
    """A document that was found; `score` has six decimals, `metadata` only types that JSON has."""

    rank: int
    score: float
    id: str
    text: str
    lang: str
    collection: str
    metadata: dict[str, Any]


class Answer(TypedDict):
    """A query and its hits, best first."""

    query: str
    lang: str
    space: str
    hits: list[AnsweredHit]


_TYPES: dict[str, type | tuple[type, ...]] = {
    "rank": int,
    "score": (float, int),
    "id": str,
    "text": str,
    "lang": str,
    "collection": str,
    "metadata": dict,
}


_TITLES = ("title", "headline", "heading")


def title_column(metadata: Mapping[str, Any]) -> str | None:
    """The name of the column that holds a document's title, if there is one."""
    for name, value in metadata.items():
        if name.lower() in _TITLES and isinstance(value, str) and value.strip():
            return name
    return None


def answer_of(result: SearchResult) -> Answer:
    """A result as an answer."""
    hits: list[AnsweredHit] = [
        {
            "rank": hit.rank,
            "score": round(hit.score, 6),
            "id": hit.id,
            "text": hit.text,
            "lang": hit.lang,
            "collection": hit.collection,
            "metadata": json_value(hit.metadata),
        }
        for hit in result.hits
    ]
    return {"query": result.query, "lang": result.lang, "space": result.space, "hits": hits}


def read_answer(line: str) -> Answer:
    """An answer from its JSON. Raises ValueError if the line is anything else."""
    try:
        answer: Answer = json.loads(line)
        sound = all(isinstance(answer[name], str) for name in ("query", "lang", "space")) and all(
            isinstance(hit[name], kind)  # type: ignore[literal-required]
            for hit in answer["hits"]
            for name, kind in _TYPES.items()
        )
    except (KeyError, TypeError, RecursionError):
        sound = False
    if not sound:
        raise ValueError("not the answer to a query")
    return answer
