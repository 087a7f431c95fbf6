"""A real process: start, saturation, shutdown."""

import json
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.server.running import running

SLOW = (str(Path(__file__).with_name("slow.py")),)
IMPATIENT = (str(Path(__file__).with_name("impatient.py")),)
ASKED = {"query": "kissa ja koira", "lang": "fi", "k": 1}


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_starts_answers_and_stops_with_0(store, how):
    with running(store, "--max-k", "3", "--max-body", "1K") as server:
        status, _, body = server.post("/search", ASKED)
        assert (status, json.loads(body)["hits"][0]["id"]) == (200, "a")
        assert server.post("/search", ASKED | {"k": 4})[0] == 400
        assert server.post("/search", ASKED | {"query": "kissa " * 1000})[0] == 413
        assert server.stop(how) == (0, "")


@pytest.mark.parametrize(
    ("host", "shown"), [("127.0.0.1", "http://127.0.0.1"), ("0.0.0.0", "http://0.0.0.0")]
)
def test_only_loopback_is_without_a_warning(store, host, shown):
    with running(store, "--host", host) as server:
        assert server.url.startswith(shown)
        assert server.post("/search", ASKED)[0] == 200
        code, said = server.stop()
        assert code == 0
        assert ("no passwords" in said) == (host == "0.0.0.0")


def test_a_request_that_is_running_is_finished_before_it_stops(store):
    with running(store, program=SLOW, environment={"SECONDS": "2"}) as server, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(server.post, "/search", ASKED)
        time.sleep(1)
        code, _ = server.stop()
        assert (asked.result()[0], code) == (200, 0)


def test_idle_and_half_sent_connections_do_not_keep_it_from_stopping(store):
    with running(store) as server:
        server.post("/search", ASKED)
        with socket.create_connection(("127.0.0.1", server.port)) as idle:
            idle.sendall(b"POST /search HTTP/1.1\r\nHost: localhost\r\n")
            time.sleep(0.2)
            assert server.stop()[0] == 0


@pytest.mark.parametrize("sent", [b"", b"POST /search HTTP/1.1\r\nHost: localhost\r\n"])
def test_connections_without_a_whole_request_are_closed(store, sent):
    with running(store, program=IMPATIENT) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as held:
            held.sendall(sent)
            assert held.recv(1) == b""
        assert server.post("/search", ASKED)[0] == 200


def test_beyond_its_queue_it_answers_429_at_once_and_everything_else_is_answered(store):
    options = ("--threads", "1", "--queue", "4")
    with running(store, *options, program=SLOW, environment={"SECONDS": "0.5"}) as server:
        server.post("/search", ASKED)
        outcomes, lock = [], threading.Lock()

        def ask(_):
            started = time.perf_counter()
            status, headers, body = server.post("/search", ASKED)
            with lock:
                outcomes.append((status, time.perf_counter() - started, headers.get("Retry-After"), body))

        with ThreadPoolExecutor(40) as pool:
            list(pool.map(ask, range(40)))
        statuses = [status for status, *_ in outcomes]
        assert set(statuses) == {200, 429}
        assert statuses.count(200) >= 5
        refused = [one for one in outcomes if one[0] == 429]
        assert {retry for _, _, retry, _ in refused} == {"1"}
        assert {json.loads(body)["error"] for *_, body in refused} == {"the server is busy; try again in 1 s"}
        assert server.post("/search", ASKED)[0] == 200
        assert server.stop()[0] == 0


def test_queries_that_come_together_are_encoded_together(store):
    environment = {"SECONDS": "0.5"}
    with running(store, "--threads", "1", program=SLOW, environment=environment) as server:
        server.post("/search", ASKED)
        started = time.perf_counter()
        asked = [ASKED | {"query": f"kissa {number}", "k": 1 + number % 3} for number in range(16)]
        with ThreadPoolExecutor(16) as pool:
            found = list(pool.map(lambda one: server.post("/search", one), asked))
        assert [
            (status, json.loads(body)["query"], len(json.loads(body)["hits"])) for status, _, body in found
        ] == [(200, one["query"], one["k"]) for one in asked]
        assert time.perf_counter() - started < 4  # 8 one after the other; in two or three batches 1 to 1.5


def test_a_port_that_is_taken_is_one_line(store, run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = run("serve", "--port", taken.getsockname()[1])
    assert result.exit_code == 1
    assert "cannot listen on 127.0.0.1" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_host_that_is_no_name_is_one_line(store, run):
    result = run("serve", "--host", "a..b", "--port", "0")
    assert result.exit_code == 1
    assert "cannot listen on a..b" in result.stderr
    assert result.stderr.count("\n") == 1


def test_without_the_extra_the_error_says_what_to_install(run, monkeypatch):
    monkeypatch.setattr("xsearch.cli.serve.find_spec", lambda name: None)
    result = run("serve")
    assert result.exit_code == 1
    assert "pip install 'xsearch[serve]'" in result.stderr
