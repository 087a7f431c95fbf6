"""`python -m train.cldr ANNOTATIONS DATA`: everyday words in some hundred languages, from Unicode's CLDR.

CLDR names each emoji in every language and gives it keywords, so "tongue" stands beside its Kazakh name, and "body,
lick, slurp, tongue" beside the Kazakh keywords. Where the translations at hand are news and interface texts, these
bring the words of food, weather, family and feelings. ANNOTATIONS is the unpacked package `cldr-annotations-full` of
cldr-json (Unicode License v3), or a folder that has its files as LANG/annotations.json.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
import pyarrow.parquet as pq

from train.command import Command
from train.reading import Pair
from xsearch.cli.output_file import replacing
from xsearch.errors import LanguageError, XsearchError
from xsearch.languages import resolve

COLLECTION = "cldr"
_PATH = click.Path(path_type=Path)


@click.command(name="python -m train.cldr", cls=Command)
@click.argument("annotations", type=_PATH)
@click.argument("data", type=_PATH)
def main(annotations: Path, data: Path) -> None:
    """Write DATA/parallel/cldr/en-LANG.parquet for each language in ANNOTATIONS, which training reads with the rest."""
    folder = annotations / "annotations" if (annotations / "annotations").is_dir() else annotations
    english = _read(folder / "en" / "annotations.json")
    target = data / "parallel" / COLLECTION
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(folder.glob("*/annotations.json")):
        try:
            code = resolve(path.parent.name).code
        except LanguageError:  # a region's or a script's own variety, or a language that no module can be of
            continue
        if code == path.parent.name != "en":
            rows = sorted(set(translations(english, _read(path))), key=lambda p: (p.source, p.left, p.right))
            columns = {"en": [p.left for p in rows], "xx": [p.right for p in rows]}
            table = pa.table({**columns, "source": [p.source for p in rows]})
            with replacing(target / f"en-{code}.parquet", [path]) as file:
                pq.write_table(table, file, compression="zstd")
            click.echo(f"{code}: {len(rows)} rows", err=True)


def translations(english: dict[str, Any], other: dict[str, Any]) -> Iterator[Pair]:
    """Names, and all keywords of a symbol in one row, of the symbols that are annotated in both languages."""
    for symbol in english.keys() & other.keys():
        for kind, source in (("tts", "cldr-names"), ("default", "cldr-keywords")):
            left, right = (", ".join(_words(side[symbol], kind)) for side in (english, other))
            if left and right and left != right:
                yield Pair(left, right, source)


def _words(annotation: Any, kind: str) -> list[str]:
    words = annotation.get(kind, []) if isinstance(annotation, dict) else []
    return [word for word in words if isinstance(word, str)] if isinstance(words, list) else []


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["annotations"]["annotations"]
    except FileNotFoundError:
        raise XsearchError(
            f"{path} does not exist; give the unpacked package cldr-annotations-full of cldr-json"
        ) from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise XsearchError(
            f"{path}: not CLDR's annotations ({type(error).__name__}: {error}); expected JSON with "
            '{"annotations": {"annotations": {SYMBOL: {"default": [...], "tts": [...]}}}}'
        ) from None
    if not isinstance(found, dict):
        raise XsearchError(
            f"{path}: annotations are a {type(found).__name__}, expected one object per symbol"
        )
    return found


if __name__ == "__main__":
    main()
