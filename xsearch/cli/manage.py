"""Looking after collections: list, info, verify, delete, compact, export, drop."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from xsearch.cli.options import FORMAT, STORE
from xsearch.cli.printable import megabytes, notice, printable
from xsearch.cli.store import open_collection
from xsearch.cli.table import Column, pairs, table
from xsearch.errors import CollectionError
from xsearch.json_lines import json_line
from xsearch.store import collection_names, existing_path

if TYPE_CHECKING:
    from xsearch.collection import Info

COLLECTION = click.argument("collection")


@click.command("list")
@FORMAT
@STORE
def list_collections(form: str, store: Path) -> None:
    """List the collections of the store."""
    known: list[Info] = []
    for name in collection_names(store):
        try:
            known.append(open_collection(store, name, device=None).info())
        except CollectionError as error:
            notice(f"Leaving out {name}: {error}")
    if form == "json":
        for info in known:
            click.echo(json_line(asdict(info)))
    elif known:
        columns = [
            Column("collection"),
            Column("documents", right=True),
            Column("size", right=True),
            Column("spaces"),
            Column("languages"),
        ]
        rows = [
            [
                info.name,
                f"{info.documents:,}",
                megabytes(info.bytes),
                ", ".join(info.spaces),
                ", ".join(f"{code} {count:,}" for code, count in info.languages.items()),
            ]
            for info in known
        ]
        click.echo(table(columns, rows))
    else:
        notice(f"No collections in {store}; make one with `xsearch index CORPUS --lang LANG`.")


@click.command()
@COLLECTION
@click.option(
    "--measure",
    is_flag=True,
    help="Measure the recall of the index again: compare it with exact search, a second per 100,000 documents.",
)
@FORMAT
@STORE
def info(collection: str, measure: bool, form: str, store: Path) -> None:
    """Describe a collection and its index, with advice where something would make it quicker or better."""
    opened = open_collection(store, collection, device="cpu" if measure else None)
    info = opened.info()
    recalls = [opened.measure_recall(space) for space in opened.spaces] if measure else []
    advice = [*info.advice, *(recall.advice for recall in recalls if recall.advice)]
    if form == "json":
        again = {"measured": [asdict(recall) for recall in recalls]} if measure else {}
        click.echo(json_line(asdict(info) | {"advice": advice} | again))
        return
    rows = [
        ("collection", info.name),
        (
            "documents",
            f"{info.documents:,}"
            + (f" ({info.deleted:,} deleted ones still stored)" if info.deleted else ""),
        ),
        ("languages", ", ".join(f"{code} {count:,}" for code, count in info.languages.items())),
        ("modules", ", ".join(f"{code} {module.content_hash[:12]}" for code, module in info.modules.items())),
        ("spaces", f"{', '.join(info.spaces)} ({info.dimension} dimensions)"),
        ("columns", ", ".join(f"{name} {kind}" for name, kind in info.columns.items()) or "no metadata"),
        ("index", f"{info.index}; {info.exact:,} documents are searched exactly"),
    ]
    for part in info.parts:
        index = part.index
        parameters = "".join(f", {name} {value}" for name, value in index.parameters.items())
        measured = f"recall@10 {index.recall_at_10:.3f} on {index.probes} probes"
        rows.append((f"  {part.space}", f"{index.factory}{parameters}: {part.rows:,} documents, {measured}"))
    rows += [
        (f"  {recall.space} now", f"recall@10 {recall.now:.3f} on {recall.probes} of the documents")
        for recall in recalls
    ]
    rows += [
        ("size", f"{megabytes(info.bytes)} in {info.segments} segments"),
        ("created", info.created),
        ("updated", info.updated),
        *(("advice", sentence) for sentence in advice),
    ]
    click.echo(pairs(rows))


@click.command()
@COLLECTION
@STORE
@click.pass_context
def verify(ctx: click.Context, collection: str, store: Path) -> None:
    """Check every file of a collection against its manifest.

    Prints what is damaged, a file a line, and ends with exit code 1 if anything is.
    """
    from xsearch.collection.verification import verify as check

    found = check(existing_path(store, collection))
    for damage in found.damage:
        click.echo(f"{printable(damage.file)}: {printable(damage.problem)}")
    if found.orphans:
        notice(f"{len(found.orphans)} files left by an interrupted run; the next change removes them.")
    if not found.ok:
        notice(f"{collection} is damaged: restore it from a backup or index the corpus again.")
        ctx.exit(1)
    click.echo(f"{collection} is whole: {found.files} files, {megabytes(found.bytes)}")


@click.command()
@COLLECTION
@click.option("--id", "ids", multiple=True, help="Id of a document; may be repeated.")
@click.option("--where", help='SQL condition on the metadata columns, such as "year < 2010".')
@STORE
def delete(collection: str, ids: tuple[str, ...], where: str | None, store: Path) -> None:
    """Delete documents by id or by a condition.

    The documents are gone at once; `xsearch compact` frees their room.
    """
    if bool(ids) == (where is not None):
        raise click.UsageError("Say what to delete, with either --id or --where.")
    opened = open_collection(store, collection, device=None)
    deleted = opened.delete(ids=ids) if ids else opened.delete(where=where)
    if ids and deleted < len(set(ids)):
        notice(f"{len(set(ids)) - deleted} of the ids are not in {collection}.")
    notice(f"Deleted {deleted:,} documents from {collection}; {len(opened):,} are left.")


@click.command()
@COLLECTION
@STORE
def compact(collection: str, store: Path) -> None:
    """Rewrite a collection without its deleted documents, with one fresh index."""
    opened = open_collection(store, collection, device=None)
    before = megabytes(opened.info().bytes)
    opened.compact()
    after = megabytes(opened.info().bytes)
    notice(f"Compacted {collection}: {len(opened):,} documents, {before} before, {after} now.")


@click.command()
@COLLECTION
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="A .parquet, .jsonl or .csv file."
)
@STORE
def export(collection: str, output: Path, store: Path) -> None:
    """Write the documents of a collection to a file that `xsearch index` reads."""
    from xsearch.output_file import write_documents

    opened = open_collection(store, collection, device=None)
    count = write_documents(opened.documents(), output, opened.path.rglob("*"))
    notice(f"Wrote {count:,} documents to {output}.")


@click.command()
@COLLECTION
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@STORE
def drop(collection: str, yes: bool, store: Path) -> None:
    """Remove a collection and all of its files; asks first when a person is at the terminal."""
    from xsearch.collection.folder import take_away
    from xsearch.collection.lock import writer_lock

    path = existing_path(store, collection)
    if not yes and sys.stdin.isatty():
        click.confirm(f"Remove {path}?", abort=True, err=True)
    with writer_lock(path):  # it is not opened: what is too damaged for that can be removed too
        take_away(path)
    notice(f"Removed {collection}.")
