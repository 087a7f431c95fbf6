"""A process of its own for a piece of work, watched from outside: its time, its memory, and an end to both."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_EVERY = 0.05


class FailedError(RuntimeError):
    """The work failed, took too long or too much; the message says which."""


@dataclass(frozen=True)
class Memory:
    """The most that was resident at once, in MB, and the most of it that was private: no mapped file, which the
    system can take back at any time.
    """

    resident: float
    private: float


def run(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    minutes: float,
    private: float,
    watch: Callable[[Memory], None] = lambda now: None,
) -> tuple[str, Memory]:
    """Run `python ARGUMENTS` and give the last line that it prints, and the memory of it and all that it started.

    It is ended after so many minutes, and beyond `private` MB. Raises FailedError for that and for any exit but 0.
    `watch` is told the memory of the moment, many times a second.
    """
    deadline = time.monotonic() + minutes * 60
    memory = Memory(0, 0)
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            stdout=output,
            stderr=errors,
            env={**os.environ, **environment},
            start_new_session=True,
        )
        try:
            while process.poll() is None:
                now = _memory(process.pid)
                watch(now)
                memory = Memory(max(memory.resident, now.resident), max(memory.private, now.private))
                if now.private > private:
                    raise FailedError(f"needed more than {private / 1024:.1f} GB of memory")
                if time.monotonic() > deadline:
                    raise FailedError(f"was not done after {minutes:g} minutes")
                time.sleep(_EVERY)
        finally:
            _end(process.pid)
            process.wait()
        printed, complaints = _lines(output), _lines(errors)
    if process.returncode < 0:
        raise FailedError(f"was ended by {signal.Signals(-process.returncode).name}")
    if process.returncode or not printed:
        raise FailedError(
            complaints[-1] if complaints else f"ended with {process.returncode} and said nothing"
        )
    return printed[-1], memory


def _lines(file: IO[str]) -> list[str]:
    file.seek(0)
    return [line for line in file.read().splitlines() if line.strip()]


def _end(group: int) -> None:
    """End what is left of the session that the process led: a store may have started a server."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def _memory(session: int) -> Memory:
    """Of all processes of a session."""
    resident = private = 0
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if os.getsid(int(folder.name)) != session:
                    continue
                fields = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
            except (OSError, ValueError):
                continue  # it has ended meanwhile
            resident += _kilobytes(fields, "VmRSS")
            private += _kilobytes(fields, "RssAnon") + _kilobytes(fields, "RssShmem")
    return Memory(resident / 1024, private / 1024)


def _kilobytes(fields: Mapping[str, str], name: str) -> int:
    return int(fields.get(name, "0 kB").split()[0])
