"""Long documents: what is in memory at a time, and in a row group on the disk, is bounded by bytes as well as rows."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.stored import contents, random_vectors
from xsearch.collection import Collection

LONG = 10_000
LIMIT = 10 * LONG


def put_long(
    collection: Collection, first: int, last: int, *, field: str = "text", at_once: int = 100
) -> None:
    """Documents with a different long string each, in their text or in their metadata, in appends of `at_once`."""
    with collection.writer() as writer:
        for start in range(first, last, at_once):
            numbers = range(start, min(start + at_once, last))
            strings = [f"{number:08d}" * (LONG // 8) for number in numbers]
            short = [f"teksti {number}" for number in numbers]
            writer.add(
                [f"d{number}" for number in numbers],
                strings if field == "text" else short,
                lang="fi",
                vectors={"shared": random_vectors(len(numbers))},
                metadata=pa.table({"note": short if field == "text" else strings}),
            )
        writer.commit()
    collection.refresh()


def group_rows(collection: Collection) -> list[int]:
    """The rows of each row group, segment by segment."""
    files = [pq.read_metadata(path) for path in sorted(collection.path.glob("segments/*/documents.parquet"))]
    return [file.row_group(number).num_rows for file in files for number in range(file.num_row_groups)]


@pytest.mark.parametrize("field", ["text", "metadata"])
def test_long_documents_are_read_few_at_a_time_whatever_the_row_groups(empty, monkeypatch, field):
    put_long(empty, 0, 100, field=field)
    assert group_rows(empty) == [100]
    monkeypatch.setattr("xsearch.collection.documents._BATCH_BYTES", LIMIT)
    batches = list(empty.documents())
    assert max(batch.nbytes for batch in batches) <= 1.1 * LIMIT
    assert sum(batch.num_rows for batch in batches) == 100
    assert [id_ for batch in batches for id_ in batch["id"].to_pylist()] == list(contents(empty))


def test_short_documents_beside_long_ones_are_read_many_at_a_time(empty, monkeypatch):
    with empty.writer() as writer:
        for first, body in ((0, "a"), (1000, "a" * LONG)):
            ids = [f"d{number}" for number in range(first, first + 1000)]
            writer.add(ids, [body] * 1000, lang="fi", vectors={"shared": random_vectors(1000)})
            writer.commit()
    empty.refresh()
    monkeypatch.setattr("xsearch.collection.documents._BATCH_BYTES", 10 * LIMIT)
    rows = [batch.num_rows for batch in empty.documents()]
    assert rows[0] == 1000
    assert max(rows[1:]) <= 100


@pytest.mark.parametrize("at_once", [1, 7, 100])
@pytest.mark.parametrize("field", ["text", "metadata"])
def test_long_texts_and_long_metadata_fill_a_row_group_alike(empty, monkeypatch, field, at_once):
    monkeypatch.setattr("xsearch.collection.documents._GROUP_BYTES", LIMIT)
    put_long(empty, 0, 100, field=field, at_once=at_once)
    assert sum(group_rows(empty)) == 100
    assert max(group_rows(empty)) <= 10
    assert empty.verify().ok
    assert empty.search_vectors(random_vectors(1), k=1)[0][0].id == "d0"


def test_merging_leaves_no_row_group_larger_than_writing_does(empty, monkeypatch):
    put_long(empty, 0, 100)
    before = contents(empty)
    for constant in ("documents._BATCH_BYTES", "documents._GROUP_BYTES"):
        monkeypatch.setattr(f"xsearch.collection.{constant}", LIMIT)
    empty.compact()
    assert max(group_rows(empty)) <= 10
    assert contents(empty) == before
    assert empty.verify().ok
