"""A disk that is full, and a file that cannot grow, in the middle of every kind of change."""

import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.stored import FakeCorpus, FakeEncoder, contents, create, put, random_vectors
from xsearch.collection import Collection, IndexSettings
from xsearch.errors import CollectionError
from xsearch.search import index_corpus

SETTINGS = IndexSettings("HNSW32,SQ8", keywords=True)


def index_another(collection: Collection) -> None:
    index_corpus(
        FakeCorpus(3000),
        collection.path.with_name("other"),
        lang="fi",
        commit_every=1,
        settings=SETTINGS,
        encoder_for=FakeEncoder,
    )


CHANGES: dict[str, Callable[[Collection], object]] = {
    "append": lambda collection: put(collection, 3000, 5000),
    "upsert": lambda collection: put(collection, 0, 2000, word="uusi", upsert=True),
    "delete": lambda collection: collection.delete(where="topic = 'law'"),
    "compact": lambda collection: collection.compact(),
    "index": index_another,
}


def refusal(collection: Collection, change: str) -> str:
    """What is said when the change cannot be made, or nothing; an error that is not ours fails the test."""
    try:
        CHANGES[change](collection)
    except CollectionError as error:
        return str(error)
    return ""


def made(path: Path) -> Collection:
    collection = create(path, settings=SETTINGS)
    put(collection, 0, 1500)
    return collection


def sound(collection: Collection) -> bool:
    """Whether it is whole, and can be changed on."""
    whole = collection.verify().ok
    put(collection, 9000, 9001)
    return whole and collection.verify().ok and collection.verify().orphans == ()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    if os.name != "posix" or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small tmpfs needs root; RLIMIT_FSIZE is tested instead")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def only(disk: Path, room: int) -> Iterator[None]:
    """The disk, full but for so many bytes."""
    filler = disk / "filler"
    free = os.statvfs(disk)
    filler.write_bytes(b"x" * max(0, free.f_bavail * free.f_frsize - room))
    yield
    filler.unlink()


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """No file may grow beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("change", CHANGES)
def test_a_disk_that_fills_up_leaves_a_committed_state_and_is_named(disk, change):
    """From no room at all to enough of it, so that documents, vectors, words and the graph meet the end in turn."""
    said = {}
    for room in (0, 200_000, 350_000, 500_000, 650_000):
        collection = made(disk / f"news{room}")
        before = contents(collection)
        with only(disk, room):
            said[room] = refusal(collection, change)
        after = Collection.open(collection.path, encoder_for=FakeEncoder)
        if said[room]:
            assert "cannot be written" in said[room] or "cannot be created: No space left" in said[room]
            # new documents may be committed, and only indexing them have failed
            assert contents(after).items() >= before.items() or change == "upsert"
            assert len(contents(after)) in (len(before), len(before) + 2000)
        assert sound(after)
        if (disk / "other").exists():
            assert Collection.open(disk / "other").verify().ok
            Collection.open(disk / "other").drop()
        collection.drop()
    if change != "delete":  # that needs next to nothing
        assert said[0]
        assert said[200_000]


def test_a_collection_cannot_be_made_on_a_full_disk(disk):
    with only(disk, 0), pytest.raises(CollectionError, match="cannot be created: No space left"):
        create(disk / "more")
    assert not (disk / "more").exists()


@pytest.mark.parametrize("limit", [1, 2_000])
@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_cannot_grow_leaves_the_committed_state(tmp_path, change, limit):
    collection = made(tmp_path / "news")
    before = contents(collection)
    with files_up_to(limit):
        said = refusal(collection, change)
    assert "cannot be" in said
    assert contents(Collection.open(collection.path)) == before
    assert sound(collection)


def test_a_commit_that_failed_is_not_tried_again_without_what_it_lost(tmp_path):
    collection = made(tmp_path / "news")
    before = contents(collection)
    changed = {"d0": "uusi 0", "d1": "uusi 1"}
    vectors = {"shared": random_vectors(2)}
    with collection.writer() as writer:
        writer.upsert(list(changed), list(changed.values()), lang="fi", vectors=vectors)
        with files_up_to(2_000), pytest.raises(OSError, match="File too large"):
            writer.commit()
        again: list[Callable[[], object]] = [
            writer.commit,
            lambda: writer.upsert(["d2"], ["uusi 2"], lang="fi", vectors={"shared": random_vectors(1)}),
            lambda: writer.add(["d0"], ["uusi 0"], lang="fi", vectors={"shared": random_vectors(1)}),
            lambda: writer.delete(ids=["d3"]),
        ]
        for change in again:
            with pytest.raises(
                CollectionError, match=r"earlier change in this session failed \(.*File too large"
            ):
                change()
        assert contents(Collection.open(collection.path)) == before
        writer.rollback()
        writer.upsert(list(changed), list(changed.values()), lang="fi", vectors=vectors)
        writer.commit()
    assert contents(Collection.open(collection.path)) == before | changed
    assert sound(collection)


def test_a_change_that_failed_half_done_is_not_committed_with_the_rest(tmp_path, monkeypatch):
    monkeypatch.setattr("xsearch.collection.documents._GROUP_ROWS", 1)
    collection = made(tmp_path / "news")
    before = contents(collection)

    def session() -> None:
        with collection.writer() as writer:
            writer.delete(ids=["d3"])
            with files_up_to(2_000), pytest.raises(OSError, match="File too large"):
                writer.add(["x"], ["uusi " * 1_000], lang="fi", vectors={"shared": random_vectors(1)})
            writer.add(["y"], ["uusi"], lang="fi", vectors={"shared": random_vectors(1)})

    with pytest.raises(CollectionError, match="earlier change in this session failed"):
        session()
    assert contents(Collection.open(collection.path)) == before
    assert sound(collection)
