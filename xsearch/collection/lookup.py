"""One document of a collection by its id."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xsearch.collection.collection import Collection
from xsearch.collection.manifest import ModuleRecord
from xsearch.collection.snapshot import open_snapshot
from xsearch.collection.vectors import widen
from xsearch.errors import QueryError


@dataclass(frozen=True)
class StoredDocument:
    """A document as it is stored; `vectors` has a (d,) float32 vector for each space of its collection, by `module`."""

    id: str
    text: str
    lang: str
    collection: str
    metadata: dict[str, Any]
    vectors: dict[str, NDArray[np.float32]]
    module: ModuleRecord


def find_document(collection: Collection, id: str) -> StoredDocument:
    """The living document of that id. Raises QueryError if there is none."""
    snapshot = open_snapshot(collection.path)
    key = snapshot.live_keys([id]).get(id)
    place = None if key is None else snapshot.place(key)
    if place is None:
        raise QueryError(
            f"there is no document {id[:100]!r} in {collection.name!r}; it may have been deleted"
        )
    id_, lang, text, metadata = snapshot.document(place)
    vectors = {space: widen(snapshot.vectors(space, [place]))[0] for space in snapshot.manifest.spaces}
    module = snapshot.manifest.modules[lang]
    return StoredDocument(id_, text, lang, collection.name, metadata, vectors, module)
