"""`python -m train.words DATA --cldr PACKAGE --osm PACKAGE`: words of everyday life in a hundred languages.

Where the translations at hand are news, religion and interface texts, the words of food, weather, family and streets
are missing. Two collections, both published as packages of JSON, have them:

- Unicode's CLDR names each emoji in every language and gives it keywords: "tongue" stands beside its Kazakh name, and
  "body, lick, slurp, tongue" beside the Kazakh keywords (`cldr-annotations-full` of cldr-json, Unicode License v3);
- OpenStreetMap's editor iD names what there is on a map: bakery, river, bicycle parking, its opening hours and surface
  (`@openstreetmap/id-tagging-schema`, ISC).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
import pyarrow.parquet as pq

from train.command import Command
from train.reading import Pair
from xsearch.errors import LanguageError, XsearchError
from xsearch.languages import resolve
from xsearch.output_file import replacing

Translations = Callable[[Any, Any], Iterator[Pair]]
"""From what the English file of a package holds and that of another language to the pairs of both."""
_PATH = click.Path(path_type=Path)


@click.command(name="python -m train.words", cls=Command)
@click.argument("data", type=_PATH)
@click.option("--cldr", type=_PATH, help="The unpacked package cldr-annotations-full.")
@click.option("--osm", type=_PATH, help="The unpacked package @openstreetmap/id-tagging-schema.")
def main(data: Path, cldr: Path | None, osm: Path | None) -> None:
    """Write DATA/parallel/words/en-LANG.parquet for each language in the packages; training reads it with the rest."""
    if cldr is None and osm is None:
        raise click.UsageError("--cldr or --osm is needed, a folder with an unpacked package")
    found: dict[str, list[Pair]] = {}
    if cldr is not None:
        _gather(found, cldr / "annotations", "*/annotations.json", emoji)
    if osm is not None:
        _gather(found, osm / "dist" / "translations", "*.json", presets)
    target = data / "parallel" / "words"
    target.mkdir(parents=True, exist_ok=True)
    for language, pairs in sorted(found.items()):
        rows = sorted(set(pairs), key=lambda p: (p.source, p.left, p.right))
        columns = {"en": [p.left for p in rows], "xx": [p.right for p in rows]}
        table = pa.table({**columns, "source": [p.source for p in rows]})
        with replacing(target / f"en-{language}.parquet") as file:
            pq.write_table(table, file, compression="zstd")
        click.echo(f"{language}: {len(rows)} rows", err=True)


def emoji(english: Any, other: Any) -> Iterator[Pair]:
    """Of two files of CLDR's: the names, and all keywords in one row, of the symbols that both annotate."""
    one, two = (_object(_object(file, "annotations"), "annotations") for file in (english, other))
    for symbol in one.keys() & two.keys():
        for kind, source in (("tts", "cldr-names"), ("default", "cldr-keywords")):
            yield from _pair(_listed(one[symbol], kind), _listed(two[symbol], kind), source)


def presets(english: Any, other: Any) -> Iterator[Pair]:
    """Of two files of iD's: every label at the same place in both; search terms and notes of several lines in one."""
    one, two = (dict(_labels(file)) for file in (english, other))
    for place in one.keys() & two.keys():
        yield from _pair(one[place], two[place], "osm-presets")


def _gather(found: dict[str, list[Pair]], folder: Path, pattern: str, translations: Translations) -> None:
    """Adds the pairs of English and each other language among the files, each in or named after a language's code."""
    files = {_language(path.relative_to(folder).parts[0]): path for path in sorted(folder.glob(pattern))}
    if "en" not in files:
        raise XsearchError(f"{folder} has no English file; expected the folder of an unpacked package")
    english = _read(files["en"])
    for language in files.keys() - {"en", ""}:
        try:
            found.setdefault(language, []).extend(translations(english, _read(files[language])))
        except (KeyError, TypeError) as error:
            raise XsearchError(
                f"{files[language]} or {files['en']}: not the JSON that is expected there ({error}); "
                "unpack the package again"
            ) from None


def _language(name: str) -> str:
    """The language whose code a file or a folder is named; "" for a variety of a region or a script."""
    name = name.removesuffix(".json")
    try:
        code = resolve(name).code
    except LanguageError:
        return ""
    return code if code == name else ""


def _pair(left: str, right: str, source: str) -> Iterator[Pair]:
    if left and right and left != right:
        yield Pair(left, right, source)


def _object(value: Any, key: str) -> dict[str, Any]:
    inner = value[key]
    if not isinstance(inner, dict):
        raise TypeError(f"{key} is a {type(inner).__name__}, expected an object")
    return inner


def _listed(annotation: Any, kind: str) -> str:
    words = annotation.get(kind) if isinstance(annotation, dict) else None
    return ", ".join(word for word in words if isinstance(word, str)) if isinstance(words, list) else ""


def _labels(value: Any) -> Iterator[tuple[tuple[str, ...], str]]:
    """The texts of a nested object by their place below its only key, the language."""
    [inner] = value.values() if isinstance(value, dict) and len(value) == 1 else [None]
    if not isinstance(inner, dict):
        raise TypeError("expected an object with one key, the language")
    waiting: list[tuple[tuple[str, ...], Any]] = [((), inner)]
    while waiting:
        place, here = waiting.pop()
        if isinstance(here, dict):
            waiting += [((*place, key), below) for key, below in here.items()]
        elif isinstance(here, str):
            yield place, ", ".join(here.split("\n"))


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise XsearchError(
            f"{path}: not JSON ({type(error).__name__}: {error}); unpack the package again"
        ) from None


if __name__ == "__main__":
    main()
