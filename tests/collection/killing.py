"""Processes that change a collection and are killed at a random moment; and what must hold afterwards.

Each change writes a journal beside the collection: a line before a commit that names the state to come, so that
the test knows which states may be found. Run by `test_killing.py`, and at length by `python -m benchmarks.kill`.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.stored import FakeCorpus, FakeEncoder, contents, create, put
from xsearch.collection import Collection, IndexSettings
from xsearch.search import index_corpus

OPERATIONS = ("index", "append", "upsert", "delete", "compact")
ROWS = 3000
_INDEX = IndexSettings("IVF4,SQ8")


def prepare(folder: Path, operation: str) -> None:
    """A collection to change; `index` makes its own."""
    if operation != "index":
        put(create(folder / "c", settings=_INDEX), 0, 400)


def change(folder: Path, operation: str) -> None:
    """The process that will be killed: changes without end, or one long run of indexing."""
    ready(folder)
    if operation == "index":
        index_corpus(
            FakeCorpus(ROWS),
            folder / "c",
            lang="fi",
            commit_every=1,
            settings=_INDEX,
            encoder_for=FakeEncoder,
        )
        return
    collection = Collection.open(folder / "c", encoder_for=FakeEncoder)
    for turn in range(1_000_000):
        if operation == "append":
            announce(folder, {**contents(collection), **_named(1000 + 50 * turn, 1050 + 50 * turn, "lisää")})
            put(collection, 1000 + 50 * turn, 1050 + 50 * turn, word="lisää")
        elif operation == "upsert":
            first = 37 * turn % 350
            announce(folder, {**contents(collection), **_named(first, first + 50, f"kierros{turn}")})
            put(collection, first, first + 50, word=f"kierros{turn}", upsert=True)
        elif operation == "delete" and len(collection) > 50:
            doomed = sorted(contents(collection))[:: max(2, len(collection) // 20)]
            announce(folder, {id_: text for id_, text in contents(collection).items() if id_ not in doomed})
            collection.delete(ids=doomed)
        elif operation == "compact" and turn % 2:
            announce(folder, contents(collection))
            collection.compact()
        else:
            announce(folder, {**contents(collection), **_named(0, 400, "uusi")})
            put(collection, 0, 400, word="uusi", upsert=True)


def _named(first: int, last: int, word: str) -> dict[str, str]:
    from tests.stored import texts

    return dict(zip([f"d{number}" for number in range(first, last)], texts(first, last, word), strict=True))


def ready(folder: Path) -> None:
    (folder / "ready").touch()


def announce(folder: Path, state: dict[str, str]) -> None:
    """Note the state that the next commit will bring; the last but one note stays, as it may be the committed one."""
    journal, before = folder / "next.json", folder / "last.json"
    if journal.exists():
        journal.replace(before)
    temporary = folder / "draft.json"
    temporary.write_text(json.dumps(state))
    temporary.replace(journal)


def kill_once(folder: Path, operation: str, seed: int, longest: float) -> int:
    """Start the change, kill -9 it after a random time, and check everything. Returns the commits that it made."""
    prepare(folder, operation)
    before = contents(Collection.open(folder / "c")) if operation != "index" else {}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.collection.killing", str(folder), operation],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
    )
    _wait(lambda: (folder / "ready").exists() or process.poll() is not None)
    time.sleep(random.Random(seed).uniform(0, longest))
    process.send_signal(signal.SIGKILL)
    _, errors = process.communicate()
    assert process.returncode in (-signal.SIGKILL, 0), errors.decode()
    return check(folder, operation, before)


def check(folder: Path, operation: str, before: dict[str, str]) -> int:
    """The collection opens, verifies, holds exactly a committed state, and can be changed on."""
    path = folder / "c"
    if operation == "index" and not path.exists():
        return 0
    collection = Collection.open(path, encoder_for=FakeEncoder)
    verification = collection.verify()
    assert verification.ok, verification.damage
    found = contents(collection)
    commits = collection.manifest.commit
    if operation == "index":
        assert found == _named(0, len(found), "teksti")
        report = (
            index_corpus(
                FakeCorpus(ROWS), path, lang="fi", commit_every=1, settings=_INDEX, encoder_for=FakeEncoder
            )
            if _unfinished(collection)
            else None
        )
        assert report is None or report.resumed == len(found)
        assert contents(Collection.open(path)) == _named(0, ROWS, "teksti")
    else:
        states = [
            json.loads(note.read_text())
            for name in ("next.json", "last.json")
            if (note := folder / name).exists()
        ]
        assert found in [before, *states]
        assert len(collection.search("x", lang="fi", k=len(found) or 1)) == len(found)
        put(collection, 100_000, 100_010)
    after = Collection.open(path).verify()
    assert after.ok
    assert after.orphans == ()
    return commits


def _unfinished(collection: Collection) -> bool:
    source = collection.manifest.source
    return source is None or not source.complete


def _wait(until: Callable[[], bool]) -> None:
    for _ in range(6000):
        if until():
            return
        time.sleep(0.01)
    raise TimeoutError("the process did not start within a minute")


if __name__ == "__main__":
    change(Path(sys.argv[1]), sys.argv[2])
