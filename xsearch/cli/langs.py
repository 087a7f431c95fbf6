"""``xsearch langs``: which languages can be searched, and how well by measurement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from xsearch.cli.options import FORMAT
from xsearch.cli.printable import megabytes, notice
from xsearch.cli.table import Column, table
from xsearch.errors import LanguageError, ModuleError
from xsearch.json_lines import json_line
from xsearch.languages import resolve

if TYPE_CHECKING:
    from pathlib import Path

    from xsearch.encoder import Module


@click.command()
@FORMAT
def langs(form: str) -> None:
    """List the installed language modules: spaces, size and measured scores.

    Modules come with the package; XSEARCH_MODULES may name further folders that hold some.
    """
    from xsearch.encoder import available_modules, load_module

    described = []
    for code, path in sorted(available_modules().items()):
        try:
            described.append(_described(code, path, load_module(path)))
        except ModuleError as error:
            notice(f"Leaving out {code}: {error}")
    if form == "json":
        for module in described:
            click.echo(json_line(module))
        return
    columns = [
        Column("code"),
        Column("language"),
        Column("dim", right=True),
        Column("spaces"),
        Column("searches in"),
        Column("size", right=True),
        Column("scores"),
    ]
    rows = [
        [
            module["code"],
            module["name"],
            str(module["dimension"]),
            ", ".join(module["spaces"]),
            module["search_space"],
            megabytes(module["bytes"]),
            ", ".join(f"{name} {score}" for name, score in _headline(module["scores"])) or "not measured",
        ]
        for module in described
    ]
    click.echo(table(columns, rows))


def _described(code: str, path: Path, module: Module) -> dict[str, Any]:
    config = module.config
    return {
        "code": code,
        "name": _name(code, config.name),
        "base": None if config.base is None else config.base.name,
        "dimension": config.dimension,
        "max_length": config.max_length,
        "spaces": config.spaces,
        "search_space": config.search_space,
        "content_hash": module.content_hash,
        "bytes": sum(file.stat().st_size for file in path.iterdir() if file.is_file()),
        "path": str(path),
        "scores": config.scores,
    }


def _name(code: str, otherwise: str) -> str:
    try:
        return resolve(code).name
    except LanguageError:
        return otherwise


def _headline(scores: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What was measured on public tests; without that, what the last step of the training had on the dev sets."""
    dev = scores.get("dev")
    if public := scores.get("public_test"):
        return _flat(public if isinstance(public, Mapping) else {})
    if isinstance(dev, Mapping) and dev:
        last = dev[list(dev)[-1]]
        return _flat(last if isinstance(last, Mapping) else dev, "dev ")
    return _flat(scores)


def _flat(scores: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested scores as ``tatoeba.fi-en 94.2`` and so on, numbers only."""
    for name, value in scores.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield prefix + name, f"{value:g}" if isinstance(value, int) else f"{value:.1f}"
