"""``xsearch``: the commands by name, and what becomes of errors.

A command's module is imported when the command is used, so that ``xsearch --help`` costs little more than
Click and ``xsearch query`` nothing that other commands need.
"""

from __future__ import annotations

import errno
import importlib
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from types import FrameType
from typing import Any, NamedTuple

import click

from xsearch import __version__
from xsearch.cli.printable import printable
from xsearch.errors import XsearchError


class Entry(NamedTuple):
    """Where a command is defined, and what ``xsearch --help`` says of it."""

    module: str
    function: str
    help: str


COMMANDS = {
    "index": Entry("xsearch.cli.index", "index", "Make a corpus searchable."),
    "query": Entry("xsearch.cli.query", "query", "Search collections, in any language that has a module."),
    "qa": Entry("xsearch.cli.qa", "qa", "Answer multiple-choice questions about passages."),
    "encode": Entry("xsearch.cli.encode", "encode", "Write the vectors of a corpus to a Parquet file."),
    "list": Entry("xsearch.cli.manage", "list_collections", "List the collections of the store."),
    "info": Entry("xsearch.cli.manage", "info", "Describe a collection and its index."),
    "verify": Entry("xsearch.cli.manage", "verify", "Check every file of a collection."),
    "delete": Entry("xsearch.cli.manage", "delete", "Delete documents by id or by a condition."),
    "compact": Entry("xsearch.cli.manage", "compact", "Rewrite a collection without its deleted documents."),
    "export": Entry("xsearch.cli.manage", "export", "Write the documents of a collection to a file."),
    "drop": Entry("xsearch.cli.manage", "drop", "Remove a collection."),
    "langs": Entry("xsearch.cli.langs", "langs", "List the installed language modules and their scores."),
    "eval": Entry("xsearch.cli.evaluation", "evaluate", "Measure modules on public test sets."),
    "serve": Entry("xsearch.cli.serve", "serve", "Serve the collections over HTTP."),
    "ui": Entry("xsearch.cli.ui", "ui", "Open the search page in a browser."),
}


class Commands(click.Group):
    """The group of all commands, each loaded on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Command names in the order of ``COMMANDS``."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports a command by its name."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command: click.Command = getattr(importlib.import_module(entry.module), entry.function)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the commands of ``--help`` without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Reads the options; ``--help`` and ``--version`` print here."""
        with in_one_line():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Runs a command."""
        try:
            with in_one_line():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("\nInterrupted.", err=True)
            ctx.exit(130)


@contextmanager
def in_one_line() -> Iterator[None]:
    """Whatever the user can do something about ends as one line and exit code 1."""
    try:
        yield
    except XsearchError as error:
        raise click.ClickException(printable(str(error))) from error
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise
        raise click.ClickException(printable(_system_message(error))) from error
    except MemoryError as error:
        raise click.ClickException("out of memory; close other programs or split the input") from error


def _system_message(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    remedy = {
        **dict.fromkeys(
            (errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
            "; free some space, what was committed before is intact",
        ),
        errno.EACCES: "; check the permissions, or choose another place",
        errno.EROFS: "; choose another place",
    }.get(error.errno or 0, "")
    return f"{where}{error.strerror or error}{remedy}"


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="xsearch")
def cli() -> None:
    """Search text in one language with a query in another.

    \b
    xsearch index news.parquet --lang fi
    xsearch query "who repairs the private road" --lang en
    """  # noqa: D301 (Click wants the backspace itself)


def run() -> None:
    """The console script."""
    if isinstance(sys.stdout, TextIOWrapper):
        # Under a locale that cannot write every character, files still get UTF-8, a terminal what it can show.
        encoding = sys.stdout.encoding if sys.stdout.isatty() else "utf-8"
        sys.stdout.reconfigure(encoding=encoding, errors="replace")
    signal.signal(signal.SIGTERM, _stop)
    cli(prog_name="xsearch")


def _stop(number: int, frame: FrameType | None) -> None:
    """Ends the process as an exception does, so that half-written files are removed; by default nothing more is run."""
    sys.exit(128 + number)
