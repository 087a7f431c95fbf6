"""``xsearch query``: one query or a file of them over one collection, several, or all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from xsearch.answers import MOST_HITS_A_REQUEST, Answer, Terms
from xsearch.cli.options import DEVICE, STORE, given
from xsearch.cli.printable import notice
from xsearch.errors import QueryError
from xsearch.languages import AUTO, resolve

if TYPE_CHECKING:
    from xsearch.collection import Collection
    from xsearch.search import SearchResult

_BATCH = 256
# Of a server's request, so that others get their turn and an answer stays below the limit of hits.
_REMOTE_BATCH = 64


@click.command()
@click.argument("text", required=False)
@click.option(
    "--file",
    type=click.Path(dir_okay=False),
    help="Queries instead of TEXT: .txt (one a line), or column query or text of .jsonl, .csv, .parquet.",
)
@click.option("--text-column", help="Column of --file that has the queries.")
@click.option(
    "--lang", required=True, help="Language of the query: an ISO 639 code, an English name, or auto."
)
@click.option(
    "-c", "--collection", "names", multiple=True, help="Collection to search; all of the store by default."
)
@click.option("-k", type=click.IntRange(1, 10_000), default=10, show_default=True, help="How many hits.")
@click.option(
    "--space",
    type=click.Choice(["auto", "shared", "native"]),
    default="auto",
    show_default=True,
    help="auto: native where query and collection share the language and it is indexed, otherwise shared.",
)
@click.option(
    "--where", help="SQL condition on the metadata columns, such as \"year > 2020 and topic = 'law'\"."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "jsonl"]),
    default="table",
    show_default=True,
    help="A table for people, one JSON object, or one a line for each query.",
)
@click.option(
    "--hybrid",
    is_flag=True,
    help="Rank by the query's words too, among the documents in its own language; needs xsearch[hybrid].",
)
@click.option("--timings", is_flag=True, help="Say on stderr what the time went to.")
@click.option(
    "--server",
    envvar="XSEARCH_SERVER",
    show_envvar=True,
    help="URL of an `xsearch serve` to ask. Its store counts; with --store or --device the variable is ignored.",
)
@STORE
@DEVICE
def query(
    text: str | None,
    file: str | None,
    text_column: str | None,
    lang: str,
    names: tuple[str, ...],
    k: int,
    space: str,
    where: str | None,
    form: str,
    hybrid: bool,
    timings: bool,
    server: str | None,
    store: Path,
    device: str,
) -> None:
    """Search collections, in any language that has a module.

    The language of the query need not be that of the documents.
    """
    if (text is None) == (file is None):
        raise click.UsageError("Give either a query or --file.")
    if file is not None and form == "json":
        raise click.UsageError("--format json prints one object; take jsonl for a file of queries.")
    if text is not None and not text.strip():
        raise QueryError("the query is empty; expected some words")
    code = lang if lang == AUTO else resolve(lang).code
    terms = Terms(code, tuple(dict.fromkeys(names)), k, space, where, hybrid)
    if server and not _local_by_choice():
        size = max(1, min(_REMOTE_BATCH, MOST_HITS_A_REQUEST // k))
        found = _asked(server, _batches(text, file, text_column, size), terms, alone=file is None)
    else:
        found = _searched(_batches(text, file, text_column, _BATCH), terms, store, device)
    for answer, several, spent in found:
        click.echo(_shown(answer, form, several=several))
        if file is not None and form == "table":
            click.echo()
        if timings:
            notice(", ".join(f"{name} {seconds * 1000:.1f} ms" for name, seconds in spent.items()))


def _local_by_choice() -> bool:
    """Whether the command line says where to look or compute in this process, which wins over the environment."""
    local = given("store", "device")
    if local and given("server"):
        raise click.UsageError(f"--server has its own store and device; leave out {' and '.join(local)}.")
    return bool(local)


def _batches(text: str | None, file: str | None, column: str | None, size: int) -> Iterator[list[str]]:
    if text is not None:
        yield [text]
        return
    from xsearch.corpus import read_queries

    queries = read_queries(file or "", column)
    while batch := list(islice(queries, size)):
        yield batch


_Found = tuple[Answer, bool, dict[str, float]]
"""An answer, whether several collections were searched, and the seconds that the stages took."""


def _asked(url: str, batches: Iterator[list[str]], terms: Terms, *, alone: bool) -> Iterator[_Found]:
    """Answers of a server, in order."""
    from xsearch.cli.remote import RemoteServer

    said: set[str] = set()
    with RemoteServer(url) as server:
        for batch in batches:
            found = server.ask(batch, terms, alone=alone)
            for message in found.notices:
                if message not in said:
                    notice(message)
            said.update(found.notices)
            for answer in found.answers:
                yield answer, found.collections > 1, found.seconds


def _searched(batches: Iterator[list[str]], terms: Terms, store: Path, device: str) -> Iterator[_Found]:
    """Answers of this process, in order."""
    from xsearch.answers import answer_of
    from xsearch.cli.store import open_collections

    collections = open_collections(store, terms.collections)
    for results in _answers(batches, collections, terms, device):
        for result in results:
            yield answer_of(result), len(collections) > 1, asdict(result.timings)


def _answers(
    batches: Iterator[list[str]], collections: Sequence[Collection], terms: Terms, device: str
) -> Iterator[list[SearchResult]]:
    """Results batch by batch, in order; within a batch the queries of one language go together."""
    from functools import partial

    from xsearch.encoder import encoder_for
    from xsearch.search import search

    for batch in batches:
        langs = _detected(batch) if terms.lang == AUTO else [terms.lang] * len(batch)
        places: dict[str, list[int]] = {}
        for place, one in enumerate(langs):
            places.setdefault(one, []).append(place)
        answered: dict[int, SearchResult] = {}
        for one, chosen in places.items():
            queries = [batch[place] for place in chosen]
            results = search(
                collections,
                queries,
                lang=one,
                k=terms.k,
                space=terms.space,
                where=terms.where,
                hybrid=terms.hybrid,
                encoder_for=partial(encoder_for, device=device),
            )
            answered.update(zip(chosen, results, strict=True))
        yield [answered[place] for place in range(len(batch))]


def _detected(queries: list[str]) -> list[str]:
    from xsearch.search.query_language import detection_notice, query_language

    found = [query_language(query) for query in queries]
    if len(queries) == 1:
        notice(detection_notice(found[0]))
    return [one.code for one in found]


def _shown(answer: Answer, form: str, *, several: bool) -> str:
    if form == "table":
        from xsearch.cli.hits import hits_table

        return hits_table(answer, several=several)
    from xsearch.json_lines import json_line

    return json_line(answer)
