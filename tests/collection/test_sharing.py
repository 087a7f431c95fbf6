"""Two writers, and readers during every kind of write."""

import gc
import subprocess
import sys
import threading
import weakref

import pytest

from tests.stored import FakeCorpus, FakeEncoder, contents, create, put, random_vectors, texts
from xsearch.collection import Collection, IndexSettings
from xsearch.collection.maintenance import tidy
from xsearch.errors import CollectionError
from xsearch.search import index_corpus


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


def test_a_commit_that_is_interrupted_after_it_became_visible_stays_whole(news, monkeypatch):
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("xsearch.collection.writer.Snapshot", interrupted)
        with pytest.raises(KeyboardInterrupt):
            put(news, 100, 120)
    assert news.verify().ok
    assert len(contents(Collection.open(news.path))) == 120
    put(news, 120, 130)
    assert len(news) == 130


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


def test_a_query_that_is_overtaken_again_and_again_is_answered_from_the_last_commit(news, monkeypatch):
    reader = Collection.open(news.path, encoder_for=FakeEncoder)
    look, gone = reader.refresh, ["d1", "d2", "d3"]

    def commit() -> None:
        news.delete(ids=[gone.pop()])
        news.compact()  # takes away the files that a filter opens

    def look_too_early() -> bool:
        changed = look()
        if gone:
            commit()
        return changed

    monkeypatch.setattr(reader, "refresh", look_too_early)
    commit()
    found = reader.search("x", lang="fi", k=100, where="true")
    assert {hit.id for hit in found} == {f"d{n}" for n in range(100) if n not in (1, 2, 3)}


def test_a_reader_notices_a_collection_made_anew_with_as_many_commits(news):
    Collection.open(news.path).drop()
    put(create(news.path), 200, 205)
    assert news.refresh()
    assert set(contents(news)) == {f"d{number}" for number in range(200, 205)}


def test_a_writer_leaves_nothing_where_a_collection_was_dropped(news):
    Collection.open(news.path).drop()
    for change in (lambda: put(news, 100, 101), news.drop):
        with pytest.raises(CollectionError, match="no collection at"):
            change()
    put(create(news.path), 0, 1)


def test_a_state_is_let_go_of_as_soon_as_it_is_replaced(news):
    news.search("x", lang="fi", where="year = 2001")
    old = weakref.ref(news._view.snapshot)
    gc.disable()
    try:
        put(news, 100, 101)
        assert old() is None
    finally:
        gc.enable()


def grow(collection, turn):
    put(collection, 100 + 30 * turn, 130 + 30 * turn)


def replace_some(collection, turn):
    put(collection, 20, 60 + turn, word=f"kierros{turn}", upsert=True)


def shrink(collection, turn):
    collection.delete(where=f"year = {2000 + turn}")


def rewrite(collection, turn):
    collection.compact()


def merge_and_tidy(collection, turn):
    """Nine commits of one document each, by which the small segments are merged."""
    with collection.writer() as writer:
        for number in range(9):
            writer.add([f"m{turn}-{number}"], ["t"], lang="fi", vectors={"shared": random_vectors(1)})
            writer.commit()
            tidy(writer)
            yield


@pytest.mark.parametrize("change", [grow, replace_some, shrink, rewrite, merge_and_tidy])
def test_readers_see_every_state_whole_and_none_that_was_not_committed(tmp_path, change):
    """What two readers find, by opening and by refreshing, is always one of the committed states, in their order."""
    collection = create(tmp_path / "news", settings=IndexSettings("IVF2,SQ8", keywords=True))
    put(collection, 0, 100)
    states = [contents(collection)]
    seen: list[list[dict[str, str]]] = [[], []]
    problems: list[BaseException] = []
    stop = threading.Event()

    def read(which: int) -> None:
        reader = Collection.open(collection.path, encoder_for=FakeEncoder)
        try:
            while not stop.is_set():
                if which:
                    reader.refresh()
                else:
                    reader = Collection.open(collection.path, encoder_for=FakeEncoder)
                found = contents(reader)
                hits = reader.search("x", lang="fi", k=10_000)
                # a search may refresh when a commit has taken files away meanwhile
                seen[which] += [found, {hit.id: hit.text for hit in hits}]
                reader.answer_words("teksti", random_vectors(1)[0], lang="fi", space="shared", k=5)
        except BaseException as error:
            problems.append(error)

    readers = [threading.Thread(target=read, args=(which,)) for which in range(2)]
    for reader in readers:
        reader.start()
    try:
        for turn in range(3):
            states += [contents(Collection.open(collection.path)) for _ in change(collection, turn) or [None]]
    finally:
        stop.set()
    for reader in readers:
        reader.join()
    assert problems == []
    for found in seen:
        places = [states.index(state) for state in found]
        assert places == sorted(places)
    assert Collection.open(collection.path).verify().ok


def test_readers_see_a_corpus_grow_commit_by_commit_while_it_is_indexed(tmp_path):
    path = tmp_path / "news"
    sizes: list[int] = []

    def look(progress: object) -> None:
        reader = Collection.open(path, encoder_for=FakeEncoder)
        found = contents(reader)
        assert found == dict(zip([f"d{n}" for n in range(len(found))], texts(0, len(found)), strict=True))
        assert len(reader.search("x", lang="fi", k=10_000)) == len(found)
        sizes.append(len(found))

    index_corpus(FakeCorpus(3000), path, lang="fi", commit_every=1, progress=look, encoder_for=FakeEncoder)
    assert sorted(set(sizes)) == [0, 1024, 2048, 3000]
    assert sizes == sorted(sizes)


def test_a_reader_that_opened_no_word_yet_goes_on_with_the_words_of_a_later_commit(tmp_path, monkeypatch):
    monkeypatch.setattr("xsearch.collection.maintenance._FEW_WORDS", 0)
    collection = create(tmp_path / "news", settings=IndexSettings(keywords=True))
    put(collection, 0, 100)
    reader = Collection.open(collection.path, encoder_for=FakeEncoder)
    collection.delete(ids=["d8"])
    collection.compact()
    collection.delete(ids=["d9"])
    found = reader.answer_words("teksti 7", random_vectors(1)[0], lang="fi", space="shared", k=1)
    assert found[0][1].id == "d7"
    assert len(reader) == 98


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
