"""Numbers in a manifest that no writer wrote, under a checksum that fits them."""

import json
from typing import Any

import pytest

from tests.stored import create, put
from xsearch.collection import Collection, IndexSettings
from xsearch.collection.manifest import MANIFEST_NAME, _checksum
from xsearch.errors import CollectionError


@pytest.fixture
def indexed(tmp_path, monkeypatch) -> Collection:
    """A segment of 200 documents, a part over them and one document more."""
    monkeypatch.setattr("xsearch.collection.ranking.EXACT_SURVIVORS", 20)
    collection = create(tmp_path / "news", settings=IndexSettings("HNSW8,SQ8"))
    put(collection, 0, 200)
    put(collection, 200, 201)
    return collection


def rewrite(collection: Collection, place: str, value: object) -> None:
    """Put a number at a place of the manifest such as `parts.0.rows`."""
    path = collection.path / MANIFEST_NAME
    body: Any = json.loads(path.read_bytes())
    del body["checksum"]
    *way, last = (int(step) if step.isdecimal() else step for step in place.split("."))
    at = body
    for step in way:
        at = at[step]
    at[last] = value
    path.write_text(json.dumps({"checksum": _checksum(body), **body}))


@pytest.mark.parametrize(
    ("place", "value", "field"),
    [
        *(
            ("parts.0.indexes.shared.depth", value, r"parts\[0\]\.indexes\.shared\.depth")
            for value in (float("inf"), float("nan"), 0, -1.0, 65, 1e300)
        ),
        *(
            (
                "parts.0.indexes.shared.parameters.efSearch",
                value,
                r"parts\[0\]\.indexes\.shared\.parameters\.efSearch",
            )
            for value in (0, -1, 200_000_000, 10**400)
        ),
        ("parts.0.indexes.shared.parameters", {"verbose": 1}, r"parameters\.verbose is not one of nprobe"),
        ("count", -5, "count"),
        ("count", 202, "count"),
        ("next_key", -1, "next_key"),
        ("next_key", 1 << 63, "next_key"),
        ("segments.1.last_key", 1 << 69, "keys of 0"),
        ("parts.0.last_key", 1 << 61, "keys of 0"),
        ("segments.0.rows", 201, "rows of 0"),
        ("parts.0.rows", 10**30, "rows of 0"),
        (
            "source",
            {"fingerprint": "", "mode": "append", "batch_size": 1, "batches": -1, "complete": False},
            "source",
        ),
    ],
)
def test_a_number_that_makes_no_sense_is_refused_by_its_field(indexed, place, value, field):
    rewrite(indexed, place, value)
    with pytest.raises(CollectionError, match=f"manifest.json is damaged: .*{field}"):
        Collection.open(indexed.path)


def test_a_number_that_no_float_holds_is_refused(indexed):
    rewrite(indexed, "parts.0.indexes.shared.recall_at_10", 10**400)
    with pytest.raises(CollectionError, match=r"manifest\.json is damaged"):
        Collection.open(indexed.path)


def test_a_part_of_a_vast_range_of_keys_costs_no_memory_for_it(indexed):
    """The dead may leave a part with wide gaps, and a stranger may say so of any part."""
    rewrite(indexed, "next_key", 1 << 62)
    rewrite(indexed, "segments.1.last_key", 1 << 61)
    rewrite(indexed, "parts.0.last_key", (1 << 61) - 1)
    rewrite(indexed, "segments.1.first_key", 1 << 61)
    opened = Collection.open(indexed.path)
    query = next(indexed.documents(vectors=["shared"])).column("vector_shared").values.to_numpy()[None, :32]
    [hits] = opened.search_vectors(query, where="year > 2000", k=5)
    assert len(hits) == 5
