"""Text that is safe on a terminal.

Corpus text, names and messages may hold anything; a terminal must never act on them.
"""

from __future__ import annotations

import re

import click

# Control characters (C0, DEL, C1), line and paragraph separators, and the overrides of text direction that
# can make a line read as another one.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """The text on one line, white space collapsed and other control characters shown as U+FFFD."""
    if text.isprintable() and "  " not in text:
        return text
    return _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", " ".join(text.split()))


def notice(message: str) -> None:
    """Tells a person something on stderr."""
    click.echo(printable(message), err=True)


def megabytes(size: int) -> str:
    """A number of bytes for people: ``3.4 MB``."""
    return f"{size / 1e6:,.1f} MB" if size < 1e9 else f"{size / 1e9:,.2f} GB"
