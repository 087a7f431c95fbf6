"""The queue: what is taken together, what is refused, what a failure spoils."""

import asyncio
import threading

import pytest

from xsearch.server.workers import MOST_TEXTS_TOGETHER, BusyError, Workers


class Gate:
    """Work that notes its batches and waits until it is let through."""

    def __init__(self):
        self.batches = []
        self.open = threading.Event()

    def __call__(self, items):
        self.batches.append(list(items))
        assert self.open.wait(20)
        return [item if item != "bad" else ValueError("bad") for item in items]


def with_workers(scenario, threads=1, waiting=100, patience=20.0):
    """Runs a scenario with workers and a gate; returns what it returns, and the batches."""

    async def run():
        workers, gate = Workers(threads, waiting, patience), Gate()
        try:
            return await scenario(workers, gate), gate.batches
        finally:
            gate.open.set()
            workers.close()

    return asyncio.run(run())


async def started(gate, count=1):
    while len(gate.batches) < count:
        await asyncio.sleep(0.001)


async def queued(workers, gate, items, **options):
    """Tasks that wait in this order behind one that keeps the only thread busy, which comes first."""
    first = asyncio.create_task(workers.run(gate, "first"))
    await started(gate)
    tasks = [asyncio.create_task(workers.run(gate, item, key=key, **options)) for key, item in items]
    await asyncio.sleep(0)
    return [first, *tasks]


def test_what_waits_with_the_same_key_goes_together_the_longest_waiting_first():
    async def scenario(workers, gate):
        tasks = await queued(
            workers, gate, [("fi", 1), ("en", 2), ("fi", 3), (None, 4), (None, 5), ("en", 6)]
        )
        gate.open.set()
        return await asyncio.gather(*tasks)

    results, batches = with_workers(scenario)
    assert results == ["first", 1, 2, 3, 4, 5, 6]
    assert batches == [["first"], [1, 3], [2, 6], [4], [5]]


def test_what_arrives_at_once_goes_together_even_if_nobody_waits():
    async def scenario(workers, gate):
        gate.open.set()
        return await asyncio.gather(*(workers.run(gate, item, key="fi") for item in range(5)))

    assert with_workers(scenario) == ([0, 1, 2, 3, 4], [[0, 1, 2, 3, 4]])


def test_a_batch_has_its_measure_and_what_is_larger_goes_alone():
    async def scenario(workers, gate):
        half = MOST_TEXTS_TOGETHER // 2
        tasks = await queued(workers, gate, [("fi", 1), ("fi", 2), ("fi", 3)], texts=half)
        large = asyncio.create_task(workers.run(gate, 4, key="fi", texts=10 * half))
        gate.open.set()
        return await asyncio.gather(*tasks, large)

    assert with_workers(scenario)[1] == [["first"], [1, 2], [3], [4]]


def test_one_failure_spoils_no_other():
    async def scenario(workers, gate):
        tasks = await queued(workers, gate, [("fi", "good"), ("fi", "bad"), ("fi", "fine")])
        gate.open.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    (_, good, bad, fine), _ = with_workers(scenario)
    assert (good, str(bad), fine) == ("good", "bad", "fine")


def test_work_that_breaks_fails_its_items_and_the_thread_goes_on():
    def broken(_):
        raise RuntimeError("broken")

    async def scenario(workers, gate):
        gate.open.set()
        broke = await asyncio.gather(
            *(workers.run(broken, 1, key="x") for _ in range(3)), return_exceptions=True
        )
        return broke, await workers.run(gate, 2)

    (broke, after), _ = with_workers(scenario)
    assert [str(error) for error in broke] == ["broken"] * 3
    assert after == 2


def test_a_full_queue_refuses_and_takes_again_when_it_has_room():
    async def scenario(workers, gate):
        tasks = await queued(workers, gate, [(None, 1), (None, 2)])
        assert (workers.running, workers.waiting) == (1, 2)
        with pytest.raises(BusyError):
            workers.check()
        with pytest.raises(BusyError):
            await workers.run(gate, 3)
        gate.open.set()
        await asyncio.gather(*tasks)
        return await workers.run(gate, 4)

    assert with_workers(scenario, waiting=2)[0] == 4


def test_without_a_queue_as_many_as_there_are_threads():
    async def scenario(workers, gate):
        tasks = [asyncio.create_task(workers.run(gate, item)) for item in range(2)]
        await started(gate, 2)
        with pytest.raises(BusyError):
            await workers.run(gate, 3)
        gate.open.set()
        return await asyncio.gather(*tasks)

    assert with_workers(scenario, threads=2, waiting=0)[0] == [0, 1]


def test_nobody_waits_longer_than_the_patience_and_what_runs_is_not_cut_off():
    async def scenario(workers, gate):
        first, *others = await queued(workers, gate, [(None, 1), (None, 2)])
        refused = await asyncio.gather(*others, return_exceptions=True)
        assert workers.waiting == 0
        gate.open.set()
        return await first, refused

    (first, refused), batches = with_workers(scenario, patience=0.05)
    assert first == "first"
    assert [type(error) for error in refused] == [BusyError, BusyError]
    assert batches == [["first"]]


def test_a_request_that_is_given_up_does_not_hurt_those_beside_it():
    async def scenario(workers, gate):
        first, gone, stays = await queued(workers, gate, [("fi", 1), ("fi", 2)])
        gone.cancel()
        gate.open.set()
        return await first, await stays

    assert with_workers(scenario)[0] == ("first", 2)
