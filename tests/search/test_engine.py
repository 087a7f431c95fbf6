import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

from tests.modules import tiny_module
from tests.stored import FakeEncoder, texts
from xsearch.encoder import Encoder
from xsearch.search.engine import LocalEngine, encode_ahead

PATIENCE = 60


@dataclass(frozen=True)
class Documents:
    texts: list[str]
    langs: list[str]


def batches(count, size=5, langs=("fi",)):
    for first in range(0, count * size, size):
        numbers = range(first, first + size)
        yield Documents(texts(first, first + size), [langs[number % len(langs)] for number in numbers])


def test_batches_come_in_order_each_with_its_vectors():
    with LocalEngine(FakeEncoder) as engine:
        found = list(encode_ahead(engine, batches(20), ["shared"]))
    assert [documents for documents, _ in found] == list(batches(20))
    for documents, vectors in found:
        assert np.array_equal(vectors["shared"], FakeEncoder("fi").encode(documents.texts))


def test_they_come_in_order_whichever_is_ready_first():
    class Backwards:
        ahead = 3

        def __init__(self):
            self.waiting = []

        def start(self, texts, langs, spaces):
            self.waiting.append((future := Future(), texts))
            if len(self.waiting) > self.ahead:
                for future_, texts_ in reversed(self.waiting):
                    future_.set_result({"shared": texts_})
                self.waiting.clear()
            return future

    found = list(encode_ahead(Backwards(), batches(8), ["shared"]))
    assert [vectors["shared"] for _, vectors in found] == [documents.texts for documents in batches(8)]


def test_languages_and_spaces_find_their_rows():
    with LocalEngine(FakeEncoder) as engine:
        found = list(encode_ahead(engine, batches(2, 7, ("fi", "sv", "en")), ["native", "shared"]))
    for documents, vectors in found:
        for row, (text, lang) in enumerate(zip(documents.texts, documents.langs, strict=True)):
            for space in ("native", "shared"):
                assert np.array_equal(vectors[space][row], FakeEncoder(lang).encode([text], space)[0])


def test_the_next_batches_are_encoded_while_one_is_stored():
    encoded, enough = [], threading.Event()

    class Counted(FakeEncoder):
        def encode(self, texts, space="shared"):
            encoded.append(texts)
            if len(encoded) == 1 + LocalEngine.ahead:
                enough.set()
            return super().encode(texts, space)

    with LocalEngine(Counted) as engine:
        next(encode_ahead(engine, batches(20), ["shared"]))
        assert enough.wait(PATIENCE)


def test_no_more_batches_are_read_than_are_worth_having_on_their_way():
    read = 0

    def counted():
        nonlocal read
        for documents in batches(50):
            read += 1
            yield documents

    with LocalEngine(FakeEncoder) as engine:
        for stored, _ in enumerate(encode_ahead(engine, counted(), ["shared"]), 1):
            assert read <= stored + engine.ahead


@pytest.mark.parametrize("where", ["reading", "encoding"])
def test_an_error_comes_after_the_batches_before_it(where):
    class Unlucky(FakeEncoder):
        def encode(self, texts, space="shared"):
            if where == "encoding" and "teksti 15" in texts[0]:
                raise ValueError("number 15")
            return super().encode(texts, space)

    def failing():
        for number, documents in enumerate(batches(20)):
            if where == "reading" and number == 3:
                raise ValueError("number 15")
            yield documents

    stored = []
    with LocalEngine(Unlucky) as engine, pytest.raises(ValueError, match="number 15"):
        stored.extend(documents for documents, _ in encode_ahead(engine, failing(), ["shared"]))
    assert stored == list(batches(3))


class Lingering(FakeEncoder):
    """Is at work on a batch until its pool takes no more."""

    def __init__(self, language):
        super().__init__(language)
        self.begun = []
        self.at_work = threading.Event()

    def start(self, texts, space, pool):
        def linger():
            self.begun.append(texts)
            self.at_work.set()
            with suppress(RuntimeError):
                while True:
                    pool.submit(int)
                    time.sleep(0.01)

        return pool.submit(linger)


def test_who_stops_it_does_not_wait_for_what_has_not_begun():
    encoder = Lingering("fi")

    def interrupted():
        yield from batches(3)
        assert encoder.at_work.wait(PATIENCE)
        raise KeyboardInterrupt

    def run():
        with LocalEngine(lambda lang: encoder, threads=1) as engine:
            list(encode_ahead(engine, interrupted(), ["shared"]))

    with pytest.raises(KeyboardInterrupt):
        run()
    assert encoder.begun == [texts(0, 5)]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("xsearch-")]


def test_a_module_gives_the_vectors_that_it_gives_to_encode(tmp_path):
    encoder = Encoder(tiny_module(tmp_path, "xx").path)
    corpus = SimpleNamespace(
        texts=[f"{'cat ' * (index % 7)}house {index % 3}" for index in range(300)], langs=["xx"] * 300
    )
    with LocalEngine(lambda lang: encoder) as engine:
        [(_, vectors)] = encode_ahead(engine, [corpus], ["native", "shared"])
    for space in ("native", "shared"):
        assert np.array_equal(vectors[space], encoder.encode(corpus.texts, space))
