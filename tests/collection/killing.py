"""Processes that change a collection and are killed at a random moment; and what must hold afterwards.

A change is announced in a journal beside the collection before it is made and confirmed there afterwards. So the
state to be found is known: the one confirmed last, or the one announced if it was under way. Run a few times by
`test_killing.py`, and at length by `python -m tests.benchmarks.kill`.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tests.stored import FakeCorpus, FakeEncoder, contents, create, put, random_vectors, texts
from xsearch.collection import Collection, IndexSettings
from xsearch.search import IndexingReport, index_corpus

OPERATIONS = ("index", "append", "upsert", "delete", "compact")
ROWS = 3000
_INDEX = IndexSettings("IVF4,SQ8", keywords=find_spec("tantivy") is not None)


@dataclass(frozen=True)
class Outcome:
    """Whether the process was still at it when it was killed, the commits found, and whether one was under way."""

    killed: bool
    commits: int
    leftovers: bool


def kill_once(folder: Path, operation: str, seed: int, longest: float) -> Outcome:
    """Start the change, kill -9 it within `longest` seconds, check what is left."""
    if operation != "index":
        put(create(folder / "c", settings=_INDEX), 0, 400)
        _confirm(folder, contents(Collection.open(folder / "c")))
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.collection.killing", str(folder), operation],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
    )
    while not (folder / "ready").exists() and process.poll() is None:
        time.sleep(0.01)
    time.sleep(random.Random(seed).uniform(0, longest))
    process.send_signal(signal.SIGKILL)
    _, errors = process.communicate()
    assert process.returncode in (-signal.SIGKILL, 0), errors.decode()
    return _check(folder, operation, killed=process.returncode != 0)


def change(folder: Path, operation: str) -> None:
    """The process that will be killed: one long run of indexing, or changes without end."""
    import faiss  # noqa: F401  that takes its time, in which there is nothing to interrupt

    if operation == "index":
        (folder / "ready").touch()
        _index(folder)
        return
    collection = Collection.open(folder / "c", encoder_for=FakeEncoder)
    (folder / "ready").touch()
    for turn in range(1_000_000):
        before = contents(collection)
        if operation == "append":
            first = 1000 + 50 * turn
            _announce(folder, before | _documents(first, first + 50, "lisää"))
            put(collection, first, first + 50, word="lisää")
        elif operation == "delete" and len(before) > 50:
            doomed = sorted(before)[:: max(2, len(before) // 20)]
            _announce(folder, {id_: text for id_, text in before.items() if id_ not in doomed})
            collection.delete(ids=doomed)
        elif operation == "compact" and turn % 2:
            _announce(folder, before)
            collection.compact()
        else:
            first = 37 * turn % 350
            _announce(folder, before | _documents(first, first + 50, f"kierros{turn}"))
            put(collection, first, first + 50, word=f"kierros{turn}", upsert=True)
        _confirm(folder, contents(collection))


def _check(folder: Path, operation: str, *, killed: bool) -> Outcome:
    """The collection opens, verifies, holds exactly the last committed state, and can be changed on."""
    path = folder / "c"
    if operation == "index" and not path.exists():
        return Outcome(killed, 0, False)
    collection = Collection.open(path, encoder_for=FakeEncoder)
    verification = collection.verify()
    assert verification.ok, verification.damage
    found = contents(collection)
    assert len(collection.search("x", lang="fi", k=len(found) or 1)) == len(found)
    if _INDEX.keywords and found:
        assert _first_by_words(collection, text := next(iter(found.values()))) == text
    if operation == "index":
        assert found == _documents(0, len(found), "teksti")
        if collection.manifest.source is None or not collection.manifest.source.complete:
            assert _index(folder).resumed == len(found)
        assert contents(Collection.open(path)) == _documents(0, ROWS, "teksti")
    else:
        notes = [folder / "confirmed.json", folder / "announced.json"]
        assert found in [json.loads(note.read_text()) for note in notes if note.exists()]
        put(collection, 100_000, 100_010)
    after = Collection.open(path).verify()
    assert after.ok, after.damage
    assert after.orphans == ()
    return Outcome(killed, collection.manifest.commit, bool(verification.orphans))


def _first_by_words(collection: Collection, text: str) -> str:
    vector = random_vectors(1)[0]
    return collection.answer_words(text, vector, lang="fi", space="shared", k=1)[0][1].text


def _index(folder: Path) -> IndexingReport:
    return index_corpus(
        FakeCorpus(ROWS), folder / "c", lang="fi", commit_every=1, settings=_INDEX, encoder_for=FakeEncoder
    )


def _documents(first: int, last: int, word: str) -> dict[str, str]:
    return dict(zip([f"d{number}" for number in range(first, last)], texts(first, last, word), strict=True))


def _announce(folder: Path, state: dict[str, str]) -> None:
    _note(folder / "announced.json", state)


def _confirm(folder: Path, state: dict[str, str]) -> None:
    _note(folder / "confirmed.json", state)
    (folder / "announced.json").unlink(missing_ok=True)


def _note(path: Path, state: dict[str, str]) -> None:
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(state))
    draft.replace(path)


if __name__ == "__main__":
    change(Path(sys.argv[1]), sys.argv[2])
