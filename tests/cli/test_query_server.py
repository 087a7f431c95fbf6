"""`xsearch query` with a server: the same output, from a process that loads next to nothing."""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.cli.conftest import refusal
from tests.cli.test_startup import CLI, HEAVY, RUNTIMES, imported
from tests.server.running import running
from xsearch.cli import query as query_module
from xsearch.cli import remote


@pytest.fixture
def server(news, write, run):
    """A server of a store with two collections, with values of many types."""
    rows = [
        {
            "id": "x",
            "text": "kissa",
            "title": "2020-01-01",
            "day": "2020-01-01T10:00:00",
            "price": 1.5,
            "tags": ["a"],
        },
        {"id": "y", "text": "koira", "title": None, "day": None, "price": None, "tags": []},
    ]
    from datetime import datetime

    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(
        {
            "id": [row["id"] for row in rows],
            "text": [row["text"] for row in rows],
            "title": [row["title"] for row in rows],
            "day": [row["day"] and datetime.fromisoformat(row["day"]) for row in rows],
            "price": [row["price"] for row in rows],
            "tags": [row["tags"] for row in rows],
            "blob": [b"\0\1", None],
        }
    )
    path = write("typed.parquet", "")
    pq.write_table(table, path)
    assert run("index", path, "--lang", "fi").exit_code == 0
    with running(news.parent) as server:
        yield server.url


@pytest.mark.parametrize("form", ["table", "json", "jsonl"])
def test_the_output_is_the_same(run, server, write, monkeypatch, form):
    monkeypatch.setattr(query_module, "_REMOTE_BATCH", 2)
    file = write("q.txt", "kissa\nwho is the old dog\nmissä on vanha koira\n")
    asked = [
        ("kissa", "--lang", "fi"),
        ("the cat", "--lang", "english", "-k", "1", "-c", "news"),
        ("who is the old dog", "--lang", "auto"),
        ("kissa", "--lang", "fi", "--where", "year > 2020", "-c", "news"),
        ("kissa", "--lang", "fi", "--where", "year > 3000", "-c", "news"),
        ("k\udcffissa \x1b[1m", "--lang", "fi", "-c", "typed", "-c", "news"),
    ]
    if form != "json":
        asked.append(("--file", file, "--lang", "auto", "-k", "2"))
    here = [run("query", *one, "--format", form) for one in asked]
    monkeypatch.setenv("XSEARCH_SERVER", server)
    monkeypatch.setenv("XSEARCH_STORE", "/nowhere")
    there = [run("query", *one, "--format", form) for one in asked]
    for one, other in zip(here, there, strict=True):
        assert (other.stdout, other.stderr, other.exit_code) == (one.stdout, one.stderr, 0)


def test_the_process_stays_light_and_can_say_what_took_time(server, monkeypatch):
    monkeypatch.setenv("XSEARCH_SERVER", server)
    monkeypatch.setenv("XSEARCH_STORE", "/nowhere")
    arguments = ("query", "kissa", "--lang", "fi", "--timings", "--where", "text = 'kissa'")
    assert imported(CLI, *arguments) & {*HEAVY, *RUNTIMES} == {"click"}


def test_timings_are_those_of_the_server(run, server, monkeypatch):
    monkeypatch.setenv("XSEARCH_SERVER", server)
    shown = run("query", "kissa", "--lang", "fi", "--timings").stderr
    assert all(part in shown for part in ("encode", "search", "fetch", "ms"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["kissa", "--lang", "fi", "-c", "none"], "no collection 'none' here; there are: news"),
        (["kissa", "--lang", "fi", "--where", "nope = 1"], "nope"),
        (["kissa", "--lang", "hu"], "no module is installed for the language 'hu'"),
        (["kissa", "--lang", "qq"], "unknown language 'qq'"),
        (["kissa", "--lang", "fi", "-k", "5000"], "k is 5000, expected 1 to 1000"),
    ],
)
def test_what_the_server_refuses_is_one_line(run, server, monkeypatch, arguments, message):
    monkeypatch.setenv("XSEARCH_SERVER", server)
    assert message in refusal(run("query", *arguments))


def test_a_store_or_device_on_the_command_line_wins_over_the_environment(run, news, monkeypatch):
    monkeypatch.setenv("XSEARCH_SERVER", "http://127.0.0.1:9")
    for local in (("--store", news.parent), ("--device", "cpu")):
        assert run("query", "kissa", "--lang", "fi", *local).exit_code == 0
    both = run("query", "kissa", "--lang", "fi", "--store", news.parent, "--server", "http://127.0.0.1:9")
    assert both.exit_code == 2
    assert "--server has its own store" in both.stderr


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("127.0.0.1:8765", "is no address of a server"),
        ("ftp://127.0.0.1", "is no address of a server"),
        ("http://127.0.0.1:99999", "is no address of a server"),
        ("http://[::1", "is no address of a server"),
        ("http://", "is no address of a server"),
        (f"http://{'a' * 64}.example", "is no address of a server"),
        ("http://127.0.0.1:9/ä", "is no address of a server"),
    ],
)
def test_a_variable_that_is_no_address(run, monkeypatch, url, message):
    monkeypatch.setenv("XSEARCH_SERVER", url)
    assert message in refusal(run("query", "kissa", "--lang", "fi"))


def test_a_dead_server_is_one_line(run, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setenv("XSEARCH_SERVER", url)
    message = refusal(run("query", "kissa", "--lang", "fi"))
    assert message.startswith(f"no answer from {url}: Connection refused")
    assert "xsearch serve" in message


@pytest.fixture
def stranger(monkeypatch):
    """Something that listens but is no xsearch server: it gives these answers in turn, each on its own connection.

    It closes a connection without having said so, as servers do with those that are idle.
    """
    answers = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            self.close_connection = True
            self.rfile.read(int(self.headers["Content-Length"]))
            status, headers, body = answers.pop(0)
            if not status:
                return
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as opened:
        thread = threading.Thread(target=opened.serve_forever)
        thread.start()
        monkeypatch.setenv("XSEARCH_SERVER", f"http://127.0.0.1:{opened.server_port}")
        yield answers
        opened.shutdown()
        thread.join()


SOUND = json.dumps({"query": "kissa", "lang": "fi", "space": "shared", "hits": []}).encode()


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, {}, b"<html>hello</html>"),
        (200, {}, b"[]"),
        (200, {}, b"[" * 100_000),
        (200, {}, b"\xff"),
        (200, {}, SOUND),
        (200, {"Xsearch-Collections": "1"}, SOUND + b"\n" + SOUND),
        (200, {"Xsearch-Collections": "1"}, SOUND.replace(b"[]", b'[{"rank": 1}]')),
        (200, {"Xsearch-Collections": "1", "Xsearch-Notices": "5"}, SOUND),
        (200, {"Xsearch-Collections": "1", "Xsearch-Notices": "[" * 5000}, SOUND),
        (404, {}, b"<html>not found</html>"),
        (404, {}, b'{"error": {"message": "x"}}'),
        (302, {"Location": "http://127.0.0.1:1"}, b""),
    ],
)
def test_what_is_no_xsearch_server_is_one_line(run, stranger, status, headers, body):
    stranger.append((status, headers, body))
    assert "is no xsearch server" in refusal(run("query", "kissa", "--lang", "fi"))


def test_a_busy_server_is_asked_again(run, stranger, monkeypatch):
    waited = []
    monkeypatch.setattr(remote.time, "sleep", waited.append)
    busy = (429, {"Retry-After": "3"}, b'{"error": "the server is busy"}')
    stranger += [busy, busy, (200, {"Xsearch-Collections": "1"}, SOUND)]
    assert run("query", "kissa", "--lang", "fi").exit_code == 0
    assert waited == [3, 3]
    stranger += [busy] * 5
    assert refusal(run("query", "kissa", "--lang", "fi")) == "the server is busy"


@pytest.mark.parametrize("wait", ["Wed, 21 Oct 2015 07:28:00 GMT", "-1", "\N{SUPERSCRIPT TWO}", "9" * 5000])
def test_a_wait_that_is_no_number_of_seconds_is_taken_for_one(run, stranger, monkeypatch, wait):
    waited = []
    monkeypatch.setattr(remote.time, "sleep", waited.append)
    stranger += [(503, {"Retry-After": wait}, b""), (200, {"Xsearch-Collections": "1"}, SOUND)]
    assert run("query", "kissa", "--lang", "fi").exit_code == 0
    assert waited == [1]


def test_a_connection_that_the_server_has_closed_since_is_made_anew(run, stranger, write, monkeypatch):
    monkeypatch.setattr(query_module, "_REMOTE_BATCH", 1)
    stranger += [(200, {"Xsearch-Collections": "1"}, SOUND)] * 3
    file = write("q.txt", "kissa\nkoira\ntalo\n")
    result = run("query", "--file", file, "--lang", "fi", "--format", "jsonl")
    assert (result.exit_code, result.stdout.count("\n"), result.stderr) == (0, 3, "")


def test_a_server_that_closes_a_new_connection_is_not_asked_again(run, stranger):
    stranger += [(0, {}, b""), (200, {"Xsearch-Collections": "1"}, SOUND)]
    message = refusal(run("query", "kissa", "--lang", "fi"))
    assert message.startswith("no answer from http://127.0.0.1:")
    assert "closed connection without response" in message
    assert len(stranger) == 1


def test_messages_of_a_server_never_reach_the_terminal_as_they_are(run, stranger):
    stranger.append((400, {}, json.dumps({"error": "\x1b[2J\nowned"}).encode()))
    result = run("query", "kissa", "--lang", "fi")
    assert "\x1b" not in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("limits", [("--max-texts", "3"), ("--max-body", "1K")])
def test_a_file_of_queries_is_asked_in_as_many_requests_as_the_server_wants(
    run, news, write, monkeypatch, limits
):
    file = write("q.txt", "".join(f"kissa {'ä' * 20} {number}\n" for number in range(20)))
    here = run("query", "--file", file, "--lang", "fi", "-k", "1", "--format", "jsonl")
    with running(news.parent, *limits) as server:
        monkeypatch.setenv("XSEARCH_SERVER", server.url)
        there = run("query", "--file", file, "--lang", "fi", "-k", "1", "--format", "jsonl")
        assert (there.stdout, there.exit_code) == (here.stdout, 0)
        refused = run("query", "--file", file, "--lang", "fi", "--where", "nothing > 1", "--format", "jsonl")
        assert "nothing > 1" in refusal(refused)
