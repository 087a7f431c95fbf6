"""`xsearch serve` under load: `make bench-serve`, or with `--store indexes` over collections of your own.

Closed loop first: each client asks again as soon as it is answered. Then an open loop beyond what the server can do:
requests come at a multiple of the best rate whether or not earlier ones are answered, which is where a server without
a bounded queue collapses. Afterwards the closed loop again, and SIGTERM in the midst of it. Latencies are the client's,
of the requests that were answered with 200; "CPU ms" is the server's own processor time for each of these, which other
work on the machine does not change. Clients run in this process, beside the server on the same cores. Without a store
of your own the collection and the questions are those of `make bench-warm`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

import numpy as np

from tests.benchmarks.texts import documents, recombined, sentences
from tests.benchmarks.warm import collection

CLIENTS = (1, 2, 4, 8, 16, 32, 64)
OVERLOADS = (1.0, 2.0, 4.0)
_QUESTIONS = 500


@dataclass
class Outcome:
    """What became of the requests of one load; `times` are seconds of those answered with 200."""

    seconds: float = 0.0
    times: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        """Requests answered with 200 a second."""
        return self.statuses["200"] / self.seconds

    def p(self, share: float) -> float:
        """A percentile of the latency in milliseconds."""
        return float(np.percentile(self.times, share)) * 1000 if self.times else float("nan")


class Client:
    """One keep-alive connection, as little HTTP as it takes."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: bytes, outcome: Outcome) -> None:
        """Send a request and note what becomes of it."""
        started = time.perf_counter()
        try:
            status = await self._exchange(request)
        except (OSError, asyncio.IncompleteReadError) as error:
            self.close()
            outcome.statuses[type(error).__name__] += 1
            return
        outcome.statuses[status] += 1
        if status == "200":
            outcome.times.append(time.perf_counter() - started)

    async def _exchange(self, request: bytes) -> str:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        await reader.readexactly(int(headers["content-length"]))
        if headers.get("connection") == "close":
            self.close()
        return head.split(" ", 2)[1]

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def requests(texts: list[str], lang: str, k: int) -> cycle[bytes]:
    """Searches for these texts, without end."""
    found = []
    for text in texts:
        body = json.dumps({"query": text, "lang": lang, "k": k}).encode()
        head = ["POST /search HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
        head += [f"Content-Length: {len(body)}", "", ""]
        found.append("\r\n".join(head).encode() + body)
    return cycle(found)


async def closed(port: int, asked: cycle[bytes], clients: int, seconds: float) -> Outcome:
    """So many clients, each with one request at a time."""
    outcome = Outcome()
    started = time.perf_counter()

    async def run() -> None:
        client = Client(port)
        while time.perf_counter() - started < seconds:
            await client.ask(next(asked), outcome)
        client.close()

    await asyncio.gather(*(run() for _ in range(clients)))
    outcome.seconds = time.perf_counter() - started
    return outcome


async def opened(port: int, asked: cycle[bytes], rate: float, seconds: float, most: int) -> Outcome:
    """Requests at random times, on average `rate` a second, over at most `most` connections."""
    outcome, rng = Outcome(), random.Random(0)
    idle = [Client(port) for _ in range(most)]
    tasks: set[asyncio.Task[None]] = set()

    async def send(client: Client) -> None:
        await client.ask(next(asked), outcome)
        idle.append(client)

    started = due = time.perf_counter()
    while due - started < seconds:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        due += rng.expovariate(rate)
        if not idle:
            outcome.statuses["not sent: all connections wait"] += 1
            continue
        task = asyncio.create_task(send(idle.pop()))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    outcome.seconds = time.perf_counter() - started
    for client in idle:
        client.close()
    return outcome


@asynccontextmanager
async def server(store: Path, options: list[str]) -> AsyncIterator[tuple[subprocess.Popen[str], int]]:
    """A server and its port; it is gone afterwards."""
    command = [sys.executable, "-m", "xsearch.cli", "serve", "--store", str(store), "--port", "0", *options]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    try:
        line = process.stderr.readline() if process.stderr else ""
        yield process, int(line.rpartition(";")[0].rpartition(":")[2])
    finally:
        process.kill()
        process.wait()


def processor_seconds(process: int) -> float:
    """What a process has had of the processor, by the kernel's count; nan where it does not say."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def observed(name: str, process: int, load: Coroutine[None, None, Outcome]) -> Outcome:
    """Put a load on the server and print a line of the table."""
    before = processor_seconds(process)
    outcome = await load
    spent = (processor_seconds(process) - before) / max(1, outcome.statuses["200"])
    total = sum(outcome.statuses.values())
    errors = {status: count for status, count in outcome.statuses.items() if status not in ("200", "429")}
    print(
        f"{name:24}{total / outcome.seconds:10.0f}{outcome.rate:12.0f}{outcome.p(50):9.1f}{outcome.p(99):9.1f}"
        f"{outcome.statuses['429'] / total:8.0%}{1000 * spent:9.1f}  {errors or 'none'}",
        flush=True,
    )
    return outcome


async def measure(store: Path, questions: list[str], arguments: argparse.Namespace) -> None:
    """Every load in turn."""
    asked = requests(questions, arguments.lang, arguments.k)
    async with server(store, arguments.options) as (process, port):
        await closed(port, asked, 4, min(3.0, arguments.seconds))  # loads the module
        print(
            f"{'load':24}{'asked/s':>10}{'answered/s':>12}{'p50 ms':>9}{'p99 ms':>9}{'429':>8}{'CPU ms':>9}  errors"
        )
        outcomes = {}
        for clients in CLIENTS:
            load = closed(port, asked, clients, arguments.seconds)
            outcomes[clients] = await observed(f"{clients} clients", process.pid, load)
        best = max(outcome.rate for outcome in outcomes.values())
        for factor in OVERLOADS:
            load = opened(port, asked, factor * best, arguments.seconds, arguments.connections)
            await observed(f"{factor:g} times the best rate", process.pid, load)
        await observed("8 clients, afterwards", process.pid, closed(port, asked, 8, arguments.seconds))
        sustained = [(o.rate, o.p(99), n) for n, o in outcomes.items() if o.p(99) <= arguments.p99]
        if sustained:
            rate, p99, clients = max(sustained)
            print(
                f"sustained: {rate:.0f} queries/s within p99 {arguments.p99:g} ms ({p99:.1f}), {clients} clients"
            )
        else:
            print(f"no load within p99 {arguments.p99:g} ms")
        await stop(process, port, asked)


async def stop(process: subprocess.Popen[str], port: int, asked: cycle[bytes]) -> None:
    """SIGTERM while 32 requests are out: how many are still answered, and how long it takes."""
    outcome = Outcome()
    clients = [Client(port) for _ in range(32)]
    await asyncio.gather(*(client.ask(next(asked), outcome) for client in clients))
    last = Outcome()
    asking = asyncio.gather(*(client.ask(next(asked), last) for client in clients))
    await asyncio.sleep(0.02)
    started = time.perf_counter()
    process.send_signal(signal.SIGTERM)
    await asking
    code = await asyncio.to_thread(process.wait, 60)
    print(
        f"SIGTERM with 32 requests out: exit code {code} after {time.perf_counter() - started:.2f} s, "
        f"answers {dict(last.statuses)}"
    )


def main() -> None:
    """Read the options and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--store", type=Path, help="collections to search, instead of one made here")
    parser.add_argument("--documents", type=int, default=100_000, help="English sentences in that one")
    parser.add_argument("--lang", default="en", choices=["en", "fi"], help="language of the queries")
    parser.add_argument("-k", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each load")
    parser.add_argument("--connections", type=int, default=400, help="of the open loop")
    parser.add_argument("--p99", type=float, default=100.0, help="milliseconds that count as sustained")
    parser.add_argument(
        "--serve", dest="options", nargs=argparse.REMAINDER, default=[], help="options of the server"
    )
    arguments = parser.parse_args()
    if arguments.store:
        asyncio.run(measure(arguments.store, sentences(documents(arguments.lang), _QUESTIONS), arguments))
        return
    if arguments.lang != "en":
        parser.error(f"the collection made here is English; --lang {arguments.lang} needs a --store")
    texts = recombined(sentences(documents("en"), 10**6), arguments.documents + _QUESTIONS)
    with tempfile.TemporaryDirectory() as folder:
        collection(Path(folder), texts[: arguments.documents])
        print(f"{arguments.documents:,} sentences, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        asyncio.run(measure(Path(folder), texts[arguments.documents :], arguments))


if __name__ == "__main__":
    main()
