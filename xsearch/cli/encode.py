"""``xsearch encode``: the vectors of a corpus as a Parquet file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from xsearch.cli.options import DEVICE, ID_COLUMN, LANG_COLUMN, SKIP_INVALID, TEXT_COLUMN
from xsearch.cli.printable import notice
from xsearch.errors import CorpusError, ModuleError

if TYPE_CHECKING:
    import pyarrow as pa

    from xsearch.cli.progress import Bar
    from xsearch.corpus import Corpus
    from xsearch.encoder import Encoder


@click.command()
@click.argument("corpus", nargs=-1, required=True)
@click.option("--lang", help="Language of the texts: an ISO 639 code or English name.")
@click.option(
    "--space",
    type=click.Choice(["shared", "native"]),
    default="shared",
    show_default=True,
    help="The space for all languages, or the language's own.",
)
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="The .parquet file to write."
)
@TEXT_COLUMN
@ID_COLUMN
@LANG_COLUMN
@SKIP_INVALID
@DEVICE
def encode(
    corpus: tuple[str, ...],
    lang: str | None,
    space: str,
    output: Path,
    text_column: str | None,
    id_column: str | None,
    lang_column: str | None,
    skip_invalid: bool,
    device: str,
) -> None:
    """Write the vectors of a corpus to a Parquet file with the columns id, lang and vector.

    CORPUS is one or more Parquet, JSONL or CSV files, directories or glob patterns. Vectors are float32 of
    length 1, in the order of the corpus.
    """
    from xsearch.cli.corpora import open_corpus
    from xsearch.cli.progress import progress
    from xsearch.output_file import write_parquet

    if output.suffix.lower() != ".parquet":
        raise CorpusError(
            f"vectors are written as Parquet; expected a name ending in .parquet, not {output.name!r}"
        )
    opened, code = open_corpus(
        corpus,
        lang=lang,
        lang_column=lang_column,
        text_column=text_column,
        id_column=id_column,
        skip_invalid=skip_invalid,
    )
    with progress("encoding", opened.row_count) as bar:
        batches = _vectors(opened, code, space, device, bar)
        count = write_parquet(batches, output, opened.files, empty=_schema(0))
    notice(f"Wrote {count:,} vectors to {output}.")


def _vectors(corpus: Corpus, lang: str | None, space: str, device: str, bar: Bar) -> Iterator[pa.RecordBatch]:
    import numpy as np
    import pyarrow as pa

    from xsearch.encoder import encoder_for

    done = 0
    first: Encoder | None = None
    for batch in corpus.batches():
        langs = batch.langs or [lang or ""] * len(batch.ids)
        rows: list[np.ndarray] = [np.empty(0)] * len(langs)
        for language in dict.fromkeys(langs):
            places = [place for place, one in enumerate(langs) if one == language]
            encoder = encoder_for(language, device=device)
            first = first or encoder
            _check_together(first, encoder, space)
            vectors = encoder.encode([batch.texts[place] for place in places], space=space)
            for place, vector in zip(places, vectors, strict=True):
                rows[place] = vector
        matrix = np.stack(rows)
        schema = _schema(matrix.shape[1])
        vector_column = pa.FixedSizeListArray.from_arrays(pa.array(matrix.ravel()), matrix.shape[1])
        yield pa.record_batch([pa.array(batch.ids), pa.array(langs), vector_column], schema=schema)
        done += len(batch.ids)
        bar(done)


def _check_together(first: Encoder, other: Encoder, space: str) -> None:
    """Raise ModuleError where vectors of both make no sense in one file: `space` is not one, or they do not fit."""
    if space == "shared" and first.shared_hash != other.shared_hash:
        raise ModuleError(
            f"the {other.language} module maps into the space of another base than the {first.language} module, so "
            "their vectors cannot be compared: install modules of one base, or encode each language by itself"
        )
    if first.dimension != other.dimension:
        raise ModuleError(
            f"the {other.language} module has {other.dimension} dimensions, the {first.language} module "
            f"{first.dimension}, and a file holds vectors of one length: encode each language by itself"
        )


def _schema(dimension: int) -> pa.Schema:
    import pyarrow as pa

    return pa.schema(
        [("id", pa.string()), ("lang", pa.string()), ("vector", pa.list_(pa.float32(), dimension))]
    )
