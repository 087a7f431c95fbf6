"""Options that the commands of ``xsearch eval`` share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from xsearch.languages import resolve

if TYPE_CHECKING:
    from collections.abc import Sequence

DATA = click.option(
    "--data", type=click.Path(path_type=Path), required=True, help="Folder of evaluation sets, or one file."
)
ENCODER = click.option(
    "--encoder",
    "encoder_name",
    default="xsearch",
    show_default=True,
    help="The installed modules, a module's folder, or a sentence-transformers model by name or folder.",
)
LANGS = click.option(
    "--lang",
    "langs",
    multiple=True,
    help="Measure only sets in this language, and its pairs with English and with any other --lang.",
)
SKIP_INVALID = click.option(
    "--skip-invalid", is_flag=True, help="Leave out rows and sets that cannot be scored, and count them."
)


def language_codes(langs: Sequence[str]) -> tuple[str, ...]:
    """The codes of languages given one by one or with commas between them."""
    return tuple(
        dict.fromkeys(resolve(lang).code for given in langs for lang in given.split(",") if lang.strip())
    )
