"""One writer at a time. The operating system holds the lock, so a killed writer never leaves it behind."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xsearch.errors import CollectionError

LOCK_NAME = "writer.lock"


@contextmanager
def writer_lock(folder: Path) -> Iterator[None]:
    """Hold the collection for writing. Raises CollectionError at once when another process or thread holds it."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK_NAME, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise CollectionError(
            f"{folder} is being changed by another process; wait until it has finished and try again"
        ) from None
    except OSError as error:
        raise CollectionError(
            f"{folder} cannot be written: {error.strerror}; check its permissions"
        ) from error
    try:
        yield
    finally:
        lock.release()
