"""What the commands `python -m train...` have in common."""

from __future__ import annotations

from typing import Any

import click

from xsearch.cli.main import in_one_line


class Command(click.Command):
    """A command that ends in one line and exit code 1 where the user can do something about what went wrong."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command.

        Raises:
            click.ClickException: what is wrong with what was given, or a file that cannot be read or written.
        """
        with in_one_line():
            return super().invoke(ctx)
