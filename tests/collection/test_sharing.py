"""Two writers, readers during writes, a full disk."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.stored import FakeEncoder, contents, put, random_vectors, texts
from xsearch.collection import Collection
from xsearch.errors import CollectionError


def test_a_second_writer_is_refused_at_once_and_the_first_goes_on(news):
    with news.writer() as writer:
        with pytest.raises(CollectionError, match="being changed by another process"):
            news.delete(ids=["d1"])
        writer.delete(ids=["d2"])
        writer.commit()
    assert news.delete(ids=["d1"]) == 1
    assert len(news) == 98


def test_another_process_is_refused_too(news):
    code = f"""
from xsearch.collection import Collection
from xsearch.errors import CollectionError
try:
    Collection.open({str(news.path)!r}).delete(ids=["d1"])
except CollectionError as error:
    print(error)
"""
    with news.writer():
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "being changed by another process" in result.stdout


def test_what_is_not_committed_is_seen_by_nobody_and_dropped(news):
    with news.writer() as writer:
        writer.add(["x"], ["t"], lang="fi", vectors={"shared": random_vectors(1)})
        writer.delete(ids=["d1"])
        assert len(contents(Collection.open(news.path))) == 100
    assert len(contents(Collection.open(news.path))) == 100
    assert news.verify().orphans == ()


def test_an_error_in_the_middle_of_a_session_drops_only_what_was_not_committed(news):
    def session() -> None:
        with news.writer() as writer:
            writer.delete(ids=["d1"])
            writer.commit()
            writer.delete(ids=["d2"])
            raise RuntimeError("by the caller")

    with pytest.raises(RuntimeError, match="by the caller"):
        session()
    assert set(contents(Collection.open(news.path))) == {f"d{n}" for n in range(100) if n != 1}


def test_a_reader_keeps_its_state_until_it_refreshes(news):
    reader = Collection.open(news.path, encoder_for=FakeEncoder)
    put(news, 100, 120)
    news.delete(ids=["d1"])
    news.compact()
    assert contents(reader) == {f"d{n}": texts(n, n + 1)[0] for n in range(100)}
    assert reader.search(texts(1, 2)[0], lang="fi", k=1)[0].id == "d1"
    assert reader.refresh()
    assert not reader.refresh()
    assert len(contents(reader)) == 119
    assert reader.search(texts(1, 2)[0], lang="fi", k=1)[0].id != "d1"


def test_readers_never_see_half_a_change(news):
    """Every change below touches all documents, so a reader finds one generation and not a mixture."""
    stop = threading.Event()
    problems: list[object] = []

    def read() -> None:
        while not stop.is_set():
            try:
                reader = Collection.open(news.path, encoder_for=FakeEncoder)
                words = {hit.text.split()[0] for hit in reader.search("x", lang="fi", k=200)}
                if len(words) != 1 or len(contents(reader)) != 100 or not reader.verify().ok:
                    problems.append(words)
            except Exception as error:
                problems.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for turn in range(6):
        put(news, 0, 100, word=f"kierros{turn}", upsert=True)
        if turn % 3 == 2:
            news.compact()
    stop.set()
    for reader in readers:
        reader.join()
    assert problems == []


def test_one_collection_object_may_be_searched_by_many_threads(news):
    expected = {n: news.search(texts(n, n + 1)[0], lang="fi", k=5) for n in range(20)}
    found: dict[int, object] = {}

    def ask(number: int) -> None:
        where = "year > 0" if number % 2 else None
        found[number] = news.search(texts(number, number + 1)[0], lang="fi", k=5, where=where)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == expected


FILLS_THE_DISK = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from tests.stored import put
from xsearch.collection import Collection
from xsearch.errors import CollectionError
collection = Collection.open(sys.argv[1])
if len(sys.argv) > 2:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    put(collection, 1000, 5000)
except CollectionError as error:
    print(error)
"""


def refusal_on_full_disk(path: Path, *arguments: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", FILLS_THE_DISK, str(path), *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout


@pytest.mark.parametrize("limit", [1, 200, 5_000, 20_000, 60_000])
def test_a_file_that_cannot_grow_leaves_the_committed_state(news, limit):
    before = contents(news)
    assert "cannot be written" in refusal_on_full_disk(news.path, str(limit))
    assert contents(Collection.open(news.path)) == before
    put(news, 100, 101)
    assert news.verify().ok
    assert news.verify().orphans == ()


def test_a_full_disk_leaves_the_committed_state(tmp_path):
    from tests.stored import create

    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = (
        os.name == "posix"
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(disk)], capture_output=True, check=False
        ).returncode
    )
    if not mounted:
        pytest.skip("mounting a small tmpfs needs root; RLIMIT_FSIZE is tested instead")
    try:
        collection = create(disk / "news")
        put(collection, 0, 100)
        refused = refusal_on_full_disk(collection.path)
        assert "cannot be written: No space left on device" in refused
        assert len(contents(Collection.open(collection.path))) == 100
        assert collection.verify().ok
        assert collection.delete(ids=["d1"]) == 1
        (disk / "filler").write_bytes(b"x" * (os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize))
        with pytest.raises(CollectionError, match="cannot be created: No space left"):
            create(disk / "more")
        assert not (disk / "more").exists()
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)
