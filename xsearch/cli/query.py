"""``xsearch query``: one query or a file of them over one collection, several, or all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from xsearch.cli.options import DEVICE, STORE
from xsearch.cli.printable import notice
from xsearch.errors import QueryError
from xsearch.languages import AUTO, describe, detect, resolve

if TYPE_CHECKING:
    from xsearch.collection import Collection
    from xsearch.search import SearchResult

_BATCH = 256


@click.command()
@click.argument("text", required=False)
@click.option(
    "--file",
    type=click.Path(path_type=Path),
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
@STORE
@DEVICE
def query(
    text: str | None,
    file: Path | None,
    text_column: str | None,
    lang: str,
    names: tuple[str, ...],
    k: int,
    space: str,
    where: str | None,
    form: str,
    hybrid: bool,
    timings: bool,
    store: Path,
    device: str,
) -> None:
    """Search collections, in any language that has a module.

    The language of the query need not be that of the documents.
    """
    from xsearch.cli.store import open_collections

    if (text is None) == (file is None):
        raise click.UsageError("Give either a query or --file.")
    if file is not None and form == "json":
        raise click.UsageError("--format json prints one object; take jsonl for a file of queries.")
    if text is not None and not text.strip():
        raise QueryError("the query is empty; expected some words")
    code = lang if lang == AUTO else resolve(lang).code
    collections = open_collections(store, names)
    batches = _batches(text, file, text_column)
    for results in _answers(batches, collections, code, k, space, where, hybrid, device):
        for result in results:
            click.echo(_shown(result, form, several=len(collections) > 1))
            if file is not None and form == "table":
                click.echo()
            if timings:
                notice(_timings(result))


def _batches(text: str | None, file: Path | None, column: str | None) -> Iterator[list[str]]:
    if text is not None:
        yield [text]
        return
    from xsearch.corpus import read_queries

    queries = read_queries(file or "", column)
    while batch := list(islice(queries, _BATCH)):
        yield batch


def _answers(
    batches: Iterator[list[str]],
    collections: Sequence[Collection],
    lang: str,
    k: int,
    space: str,
    where: str | None,
    hybrid: bool,
    device: str,
) -> Iterator[list[SearchResult]]:
    """Answers batch by batch, in order; within a batch the queries of one language go together."""
    from functools import partial

    from xsearch.encoder import encoder_for
    from xsearch.search import search

    for batch in batches:
        langs = _detected(batch) if lang == AUTO else [lang] * len(batch)
        places: dict[str, list[int]] = {}
        for place, one in enumerate(langs):
            places.setdefault(one, []).append(place)
        answered: dict[int, SearchResult] = {}
        for one, chosen in places.items():
            queries = [batch[place] for place in chosen]
            encoder = partial(encoder_for, device=device)
            results = search(
                collections,
                queries,
                lang=one,
                k=k,
                space=space,
                where=where,
                hybrid=hybrid,
                encoder_for=encoder,
            )
            answered.update(zip(chosen, results, strict=True))
        yield [answered[place] for place in range(len(batch))]


def _detected(queries: list[str]) -> list[str]:
    from xsearch.encoder import available_modules

    # English first, so that a query that speaks for no language ("12345") is taken as English.
    installed = sorted(available_modules(), key=lambda code: (code != "en", code))
    found = [detect(query, installed) for query in queries]
    if len(queries) == 1:
        notice(
            f"Detected {describe([found[0].code])} ({found[0].confidence:.0%} among the installed languages)"
        )
    return [one.code for one in found]


def _shown(result: SearchResult, form: str, *, several: bool) -> str:
    if form == "table":
        from xsearch.cli.hits import hits_table

        return hits_table(result, several=several)
    from dataclasses import asdict

    from xsearch.json_lines import json_line

    hits = [asdict(hit) | {"score": round(hit.score, 6)} for hit in result.hits]
    return json_line({"query": result.query, "lang": result.lang, "space": result.space, "hits": hits})


def _timings(result: SearchResult) -> str:
    spent = result.timings
    parts = (("encode", spent.encode), ("search", spent.search), ("fetch", spent.fetch))
    return ", ".join(f"{name} {seconds * 1000:.1f} ms" for name, seconds in parts)
