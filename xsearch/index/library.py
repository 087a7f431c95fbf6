"""FAISS, imported when it is first needed: a command that does not search should not pay for it."""

from typing import Any


def faiss() -> Any:
    """The FAISS module. Its type stubs leave out what its Python layer adds, so it is used untyped."""
    import faiss as module

    return module
