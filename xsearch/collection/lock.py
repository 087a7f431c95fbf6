"""One writer at a time. The operating system holds the lock, so a killed writer never leaves it behind."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xsearch.errors import CollectionError

LOCK_NAME = "writer.lock"


@contextmanager
def writer_lock(folder: Path) -> Iterator[None]:
    """Hold the collection for writing.

    Raises CollectionError at once when another process or thread holds it, or it is gone.
    """
    from filelock import FileLock, Timeout

    if not folder.is_dir():  # which FileLock would make, and nobody could index there any more
        raise CollectionError(f"no collection at {folder}; `xsearch list` names the collections")
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
