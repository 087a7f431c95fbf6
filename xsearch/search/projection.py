"""A map of a collection: its documents in the plane, near ones near each other.

t-SNE (van der Maaten and Hinton, JMLR 9, 2008) by scikit-learn, started from the two principal components, which
keeps the large structure and makes the map the same each time. A large collection is drawn by a sample of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xsearch.collection import Collection, Hit
from xsearch.errors import MissingExtraError, QueryError

if TYPE_CHECKING:
    import pyarrow as pa

SAMPLE = 2_000
"""Documents on a map at most; t-SNE of so many takes some seconds on a laptop."""

_COMPONENTS, _ITERATIONS = 50, 500
_ANCHORS = 5


@dataclass(frozen=True)
class Projection:
    """Documents and their places: `points` is (n, 2) float32. `total` documents stand behind this sample.

    `documents` has a row for each point: id, lang, text, collection and the metadata columns (one called collection
    comes as metadata_collection). `vectors` (n, d) float32 are what was projected.
    """

    points: NDArray[np.float32]
    vectors: NDArray[np.float32]
    documents: "pa.Table"
    total: int

    def place(self, vector: NDArray[np.float32]) -> tuple[float, float]:
        """Where another (d,) unit vector belongs: amid the five nearest documents, nearer ones drawing harder.

        t-SNE has no place for points that it did not see; this is one where a reader would look.
        """
        scores = self.vectors @ vector
        nearest = np.argsort(-scores)[:_ANCHORS]
        weights = np.exp(20 * (scores[nearest] - scores[nearest[0]]))
        x, y = (weights[:, None] * self.points[nearest]).sum(axis=0) / weights.sum()
        return float(x), float(y)

    def positions(self, hits: Sequence[Hit]) -> list[int]:
        """The rows of the hits that are on the map."""
        rows = zip(self.documents["collection"].to_pylist(), self.documents["id"].to_pylist(), strict=True)
        where = {key: row for row, key in enumerate(rows)}
        return [where[key] for hit in hits if (key := (hit.collection, hit.id)) in where]


def project(
    collections: Sequence[Collection], *, space: str = "shared", sample: int = SAMPLE, seed: int = 0
) -> Projection:
    """Lay out the documents of the collections in one plane, at most `sample` of them, chosen evenly by chance.

    Raises:
        QueryError: a collection does not index the space, or there are no documents.
        MissingExtraError: scikit-learn is not installed.
    """
    total = sum(len(collection) for collection in collections)
    if not total:
        raise QueryError("there are no documents to map; index a corpus first")
    chosen = np.sort(np.random.default_rng(seed).permutation(total)[:sample])
    documents, vectors = _taken(collections, space, chosen)
    centred = _without_language(vectors, documents["lang"].to_pylist())
    return Projection(_plane(centred, seed), vectors, documents, total)


def _taken(
    collections: Sequence[Collection], space: str, chosen: NDArray[np.int64]
) -> tuple["pa.Table", NDArray[np.float32]]:
    """The documents at the chosen places in the run of all collections, and their vectors."""
    import pyarrow as pa

    column = f"vector_{space}"
    tables, vectors, first = [], [], 0
    for collection in collections:
        for batch in collection.documents(vectors=(space,), besides=("collection",)):
            places = chosen[(chosen >= first) & (chosen < first + batch.num_rows)] - first
            first += batch.num_rows
            if not len(places):
                continue
            table = pa.Table.from_batches([batch]).take(pa.array(places))
            flat = table[column].combine_chunks().flatten().to_numpy(zero_copy_only=False)
            vectors.append(np.asarray(flat, np.float32).reshape(len(table), -1))
            name = pa.array([collection.name] * len(table), pa.string())
            tables.append(table.drop_columns([column]).append_column("collection", name))
    return _joined(tables), np.concatenate(vectors)


def _joined(tables: Sequence["pa.Table"]) -> "pa.Table":
    """All rows, each column of a type that holds its values in every table."""
    import pyarrow as pa

    from xsearch.corpus.column_types import conform, join_schemas

    schema = join_schemas(table.schema for table in tables)
    return pa.concat_tables(conform(table, schema) for table in tables)


def _without_language(vectors: NDArray[np.float32], langs: Sequence[str]) -> NDArray[np.float32]:
    """The vectors, from those of each language their own mean taken.

    What is left of a language's offset in a shared space is small beside what a text is about, but the same for all
    its texts, so t-SNE would draw an island for each language.
    """
    centred = np.empty_like(vectors)
    names = np.array(langs)
    for lang in set(langs):
        own = names == lang
        centred[own] = vectors[own] - vectors[own].mean(axis=0)
    return centred


def _plane(vectors: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    """(n, d) vectors to (n, 2) places of zero mean and unit spread."""
    try:
        from sklearn.decomposition import PCA
        from sklearn.manifold import TSNE
    except ImportError:
        raise MissingExtraError(
            "the map needs scikit-learn, which is not installed; run: pip install 'xsearch[app]'"
        ) from None

    count, dimension = vectors.shape
    if count < 4:  # too few for neighbourhoods: on a line, evenly
        return np.stack([np.linspace(-1, 1, count), np.zeros(count)], axis=1).astype(np.float32)
    reduced: Any = PCA(min(_COMPONENTS, count - 1, dimension), random_state=seed).fit_transform(vectors)
    perplexity = min(30.0, (count - 1) / 3)
    start = reduced[:, :2] / max(float(reduced[:, 0].std()), 1e-9) * 1e-4
    places = TSNE(
        2, perplexity=perplexity, init=start, max_iter=_ITERATIONS, random_state=seed
    ).fit_transform(reduced)
    places = places - places.mean(axis=0)
    return np.asarray(places / max(float(places.std()), 1e-9), np.float32)
