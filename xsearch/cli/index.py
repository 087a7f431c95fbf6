"""``xsearch index``: a corpus becomes a collection."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from xsearch.cli.byte_size import ByteSize
from xsearch.cli.options import DEVICE, ID_COLUMN, LANG_COLUMN, SKIP_INVALID, STORE, TEXT_COLUMN, given
from xsearch.cli.printable import notice
from xsearch.cli.share import Share

if TYPE_CHECKING:
    from xsearch.distributed import RayEngine
    from xsearch.search.indexing import Progress


@click.command()
@click.argument("corpus", nargs=-1, required=True)
@click.option("--lang", help="Language of the documents: an ISO 639 code or English name.")
@click.option("-c", "--collection", help="Name of the collection; by default that of the corpus file.")
@TEXT_COLUMN
@ID_COLUMN
@LANG_COLUMN
@STORE
@click.option(
    "--spaces",
    type=click.Choice(["auto", "both", "shared", "native"]),
    default="auto",
    show_default=True,
    help="Spaces to index; auto adds the native one where the module's scores say that it searches better.",
)
@click.option(
    "--index-type",
    default="auto",
    show_default=True,
    help="A FAISS factory string such as HNSW32; auto picks one by size, --memory and --recall.",
)
@click.option(
    "--memory", type=ByteSize(), default="4G", show_default=True, help="Memory that searching may take."
)
@click.option(
    "--recall",
    type=Share(0.5, 1.0),
    default=0.95,
    show_default=True,
    help="Share of the true ten nearest that the index should find.",
)
@click.option(
    "--keywords",
    is_flag=True,
    help="Keep an index of the words too, for `xsearch query --hybrid`; needs xsearch[hybrid].",
)
@DEVICE
@click.option(
    "--mode",
    type=click.Choice(["create", "append", "upsert"]),
    default="create",
    show_default=True,
    help="Make a new collection, add to one, or add and replace by id.",
)
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Where documents are encoded: in this process, or on the Ray cluster of RAY_ADDRESS (without one, "
    "of this machine); ray needs xsearch[distributed].",
)
@SKIP_INVALID
def index(
    corpus: tuple[str, ...],
    lang: str | None,
    collection: str | None,
    text_column: str | None,
    id_column: str | None,
    lang_column: str | None,
    store: Path,
    spaces: str,
    index_type: str,
    memory: int,
    recall: float,
    keywords: bool,
    device: str,
    mode: Literal["create", "append", "upsert"],
    engine: Literal["local", "ray"],
    skip_invalid: bool,
) -> None:
    """Make a corpus searchable.

    CORPUS is one or more Parquet, JSONL or CSV files, directories or glob patterns, larger than memory if
    need be. Columns other than text, id and language are kept as metadata. An interrupted run, started again,
    goes on where it stopped.
    """
    from xsearch.cli.corpora import open_corpus
    from xsearch.cli.progress import progress
    from xsearch.collection import IndexSettings
    from xsearch.search.indexing import index_corpus
    from xsearch.store import collection_path, name_for

    if mode != "create" and (asked := given("spaces", "index_type", "memory", "recall", "keywords")):
        raise click.UsageError(f"{asked[0]} is for a new collection; --mode {mode} keeps what there is.")
    elsewhere = _ray_engine(device) if engine == "ray" else None
    name = collection or name_for(corpus)
    path = collection_path(store, name)
    opened, code = open_corpus(
        corpus,
        lang=lang,
        lang_column=lang_column,
        text_column=text_column,
        id_column=id_column,
        skip_invalid=skip_invalid,
    )
    with ExitStack() as stack:
        if elsewhere is not None:
            stack.enter_context(elsewhere)
        bar = stack.enter_context(progress(f"indexing {name}", opened.row_count))

        def show(state: Progress) -> None:
            if state.stage == "encode":
                bar(state.done)
            else:
                bar.describe(f"building the index of {name}")

        try:
            report = index_corpus(
                opened,
                path,
                lang=code,
                mode=mode,
                spaces=spaces,
                settings=IndexSettings(index_type, memory, recall, keywords),
                device="auto" if elsewhere else device,  # of the index, which is built here in any case
                progress=show,
                engine=elsewhere,
            )
        except KeyboardInterrupt:
            notice("Stopped; what was committed stays, and the same command goes on from there.")
            raise
    rate = (report.documents - report.resumed) / max(report.seconds, 1e-9)
    done = (
        f"Indexed {report.documents:,} documents into {name} in {report.seconds:.1f} s ({rate:,.0f} a second)"
    )
    resumed = f", {report.resumed:,} of them by an interrupted run before" if report.resumed else ""
    replaced = f", {report.replaced:,} replaced" if report.replaced else ""
    notice(
        f"{done}{resumed}{replaced}. It holds {report.collection_size:,}; spaces: {', '.join(report.spaces)}."
    )


def _ray_engine(device: str) -> RayEngine:
    from xsearch.distributed import RayEngine

    return RayEngine(device)
