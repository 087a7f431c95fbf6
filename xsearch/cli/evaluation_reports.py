"""The commands of ``xsearch eval`` beside measuring: reports and comparisons."""

from __future__ import annotations

from pathlib import Path

import click

from xsearch.cli.evaluation_options import DATA, ENCODER, LANGS, SKIP_INVALID, language_codes
from xsearch.cli.evaluation_progress import showing
from xsearch.cli.options import DEVICE
from xsearch.cli.printable import notice, printable

_PUBLISHED = "LaBSE,mE5-small,mE5-base,BGE-M3,pm-MiniLM-L12"


@click.command()
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--anchors", type=click.Path(path_type=Path), help="CSV file of published scores to set beside ours."
)
@click.option(
    "--beside", default=_PUBLISHED, show_default=True, help="Models of --anchors, with commas between them."
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write here instead of to stdout.")
def report(results: tuple[Path, ...], anchors: Path | None, beside: str, output: Path | None) -> None:
    """Render results as one Markdown report, beside published scores."""
    from xsearch.evaluation import read_results
    from xsearch.evaluation.anchors import read_anchors
    from xsearch.evaluation.report import render
    from xsearch.output_file import replacing

    published = read_anchors(anchors) if anchors else None
    models = published.select([model.strip() for model in beside.split(",")]) if published else ()
    text = render([read_results(path) for path in results], published, models)
    if output is None:
        _show(text)
    else:
        with replacing(output, [*results, *([anchors] if anchors else [])]) as file:
            file.write(text.encode())
        notice(f"Wrote {output}")


@click.command()
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@click.option(
    "--resamples", type=click.IntRange(100, 100_000), default=2000, show_default=True, help="How often."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="For the resampling.")
def compare(first: Path, second: Path, resamples: int, seed: int) -> None:
    """Compare two results item by item, by paired bootstrap."""
    from xsearch.evaluation import read_results
    from xsearch.evaluation.comparison import compare as compare_results
    from xsearch.evaluation.comparison import render_comparison

    both = [read_results(path, items=True) for path in (first, second)]
    comparisons = compare_results(*both, resamples=resamples, seed=seed)
    names = [run.encoder for run in both]
    if names[0] == names[1]:
        names = [first.stem, second.stem]
    _show(render_comparison(comparisons, *names))


@click.command()
@DATA
@LANGS
@ENCODER
@SKIP_INVALID
@DEVICE
def passages(data: Path, langs: tuple[str, ...], encoder_name: str, skip_invalid: bool, device: str) -> None:
    """Compare long passages as a whole with their best window.

    Takes the multiple-choice questions in DATA that have long passages, and makes such questions of the
    parallel paragraphs there. Meant for development data: what it shows decides the default of
    --long-passages.
    """
    from xsearch.evaluation import load_encoder
    from xsearch.evaluation.cached_encoder import CachedEncoder
    from xsearch.evaluation.long_passages import compare_passages_in, render_passages

    with showing() as progress:
        encoder = CachedEncoder(load_encoder(encoder_name, device=device), progress)
        comparisons = compare_passages_in(data, encoder, language_codes(langs), skip_invalid=skip_invalid)
    _show(render_passages(comparisons))


def _show(text: str) -> None:
    """Prints line by line what may hold strings of a file."""
    for line in text.splitlines():
        click.echo(printable(line))
