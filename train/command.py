"""What the commands `python -m train...` have in common."""

from __future__ import annotations

from typing import Any

import click

from xsearch.cli.printable import printable
from xsearch.errors import XsearchError


class Command(click.Command):
    """A command that ends in one line and exit code 1 where the user can do something about what went wrong."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command.

        Raises:
            click.ClickException: what is wrong with what was given, or a file that cannot be read or written.
        """
        try:
            return super().invoke(ctx)
        except XsearchError as error:
            raise click.ClickException(printable(str(error))) from error
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            remedy = "free some space or name another file or folder"
            raise click.ClickException(printable(f"{where}{error.strerror or error}; {remedy}")) from error
