"""What an index is made of."""

from typing import Any

from xsearch.index.library import faiss


def inner_kind(index: Any) -> Any:
    """The index that does the work, under transformations, id maps and refinements."""
    index = faiss().downcast_index(index)
    for wrapped in ("index", "base_index"):
        if hasattr(index, wrapped):
            return inner_kind(getattr(index, wrapped))
    return index
