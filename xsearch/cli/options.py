"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click
from click.core import ParameterSource

STORE = click.option(
    "--store",
    envvar="XSEARCH_STORE",
    show_envvar=True,
    default="indexes",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Directory of the collections.",
)

DEVICE = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where to compute; auto takes a GPU if there is one.",
)

FORMAT = click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="A table for people or JSON for programs.",
)

TEXT_COLUMN = click.option(
    "--text-column", help="Column with the text; by default one named text, content, body and the like."
)

ID_COLUMN = click.option(
    "--id-column", help="Column with the ids; by default one named id; else file name and row number."
)

LANG_COLUMN = click.option("--lang-column", help="Column with each document's language.")

SKIP_INVALID = click.option(
    "--skip-invalid", is_flag=True, help="Leave out rows without text and the like instead of stopping."
)


def given(*names: str) -> list[str]:
    """Those of the options that stand on the command line, not in the environment, as they are written there."""
    source = click.get_current_context().get_parameter_source
    return [f"--{name.replace('_', '-')}" for name in names if source(name) is ParameterSource.COMMANDLINE]
