"""Lines of a text file, bounded in length, so that a file without line ends cannot fill the memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from xsearch.corpus.source import MAX_ROW_BYTES
from xsearch.errors import CorpusError

_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yields (line number from 1, line with its end), a UTF-8 byte order mark removed.

    Raises:
        CorpusError: the file cannot be read, is UTF-16, or has a line of more than 16 MB.
    """
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(MAX_ROW_BYTES + 1):
                number += 1
                if number == 1:
                    if line.startswith(_UTF16):
                        raise CorpusError(
                            f"{path} is UTF-16; expected UTF-8: convert it (iconv -f UTF-16 -t UTF-8)"
                        )
                    line = line.removeprefix(_BOM)
                if len(line) > MAX_ROW_BYTES:
                    raise CorpusError(
                        f"{path}, line {number} is longer than {MAX_ROW_BYTES >> 20} MB; "
                        "expected one document a line: split it into passages"
                    )
                yield number, line
    except OSError as error:
        raise CorpusError(f"cannot read {path}: {error.strerror or error}") from error


def not_utf8(error: UnicodeDecodeError) -> str:
    """The reason that a line is no UTF-8, for a message."""
    return f"byte 0x{error.object[error.start]:02x} is not UTF-8; convert the file (iconv -f LATIN1 -t UTF-8)"
