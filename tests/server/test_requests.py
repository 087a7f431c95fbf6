"""What a request may be: its size, type, host and JSON."""

import asyncio
import json
from dataclasses import replace

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.testclient import TestClient

from tests.server.conftest import LIMITS
from xsearch.server.application import application
from xsearch.server.fields import read_body

JSON = {"Content-Type": "application/json"}
ASKED = {"query": "kissa", "lang": "fi"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[" * 3000, "not JSON"),
        (b'{"query": ' + b"[" * 3000, "not JSON"),
        (b'{"query": NaN, "lang": "fi"}', "NaN is no number"),
        (b'{"query": "a", "lang": "fi", "k": -Infinity}', "-Infinity is no number"),
        (b'{"query": "a", "lang": "fi", "k": ' + b"9" * 3900 + b"}", "expected 1 to 20"),
        (b'{"query": "\xff", "lang": "fi"}', "not UTF-8"),
        ('{"query": "a", "lang": "fi"}'.encode("utf-16"), "not UTF-8"),
        (b"[1]", "not an object"),
        (b'"text"', "not an object"),
        (b"null", "not an object"),
    ],
)
def test_a_body_that_is_no_json_object(client, body, message):
    answered = client.post("/search", content=body, headers=JSON)
    assert answered.status_code == 400, answered.text
    assert message in answered.json()["error"]


def test_a_body_that_is_too_large_whether_it_says_so_or_not(client):
    large = json.dumps(ASKED | {"query": "a" * LIMITS.body}).encode()
    assert client.post("/search", content=large, headers=JSON).status_code == 413

    def pieces():
        yield from (large[start : start + 100] for start in range(0, len(large), 100))

    answered = client.post("/search", content=pieces(), headers=JSON)
    assert (answered.status_code, list(answered.json())) == (413, ["error"])


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "text/json"])
def test_types_that_a_page_of_another_site_can_send_are_refused(client, kind):
    answered = client.post("/search", content=json.dumps(ASKED), headers={"Content-Type": kind})
    assert answered.status_code == 415
    assert client.post(
        "/search", content=json.dumps(ASKED), headers={"Content-Type": "Application/JSON; charset=utf-8"}
    ).is_success


def test_no_other_site_is_granted_anything(client):
    headers = {"Origin": "https://example.org", "Access-Control-Request-Method": "POST"}
    answered = client.options("/search", headers=headers)
    assert answered.status_code == 405
    assert not [name for name in client.get("/health", headers=headers).headers if name.startswith("access-")]


@pytest.mark.parametrize(
    ("host", "here", "anywhere"),
    [
        ("127.0.0.1:8765", True, True),
        ("127.0.0.2", True, True),
        ("localhost:1", True, True),
        ("LOCALHOST", True, True),
        ("[::1]:8765", True, True),
        ("192.168.0.7:8765", False, True),
        ("[fe80::1]", False, True),
        ("0.0.0.0:8765", False, True),
        ("search.lan", True, True),
        ("evil.example:8765", False, False),
        ("localhost.evil.example", False, False),
        ("127.0.0.1.evil.example", False, False),
        ("127.0.0.1@evil.example", False, False),
        ("127.1", False, False),
        ("", False, False),
    ],
)
def test_only_hosts_that_no_page_can_name_are_answered(store, host, here, anywhere):
    for loopback, expected in ((True, here), (False, anywhere)):
        app = application(store, LIMITS, loopback=loopback, names=("Search.lan",))
        answered = TestClient(app, base_url="http://127.0.0.1").get("/health", headers={"Host": host})
        assert answered.status_code == (200 if expected else 403)
        assert ("collections" in answered.text) == expected


def test_unknown_addresses_and_methods_are_json_too(client):
    assert client.get("/nothing").json() == {"error": "Not Found"}
    assert client.get("/search").status_code == 405
    assert client.get("/search").json() == {"error": "Method Not Allowed"}


def test_a_fault_of_ours_says_nothing_of_this_machine(client, store, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError(f"secret {store}")

    monkeypatch.setattr("xsearch.server.answering.search", fail)
    answered = client.post("/search", json=ASKED)
    assert answered.status_code == 500
    assert answered.json() == {"error": "the server failed at this; its log says more"}


def test_a_damaged_collection_is_named_without_its_path(client, store):
    (store / "news" / "manifest.json").write_text("{}")
    answered = client.post("/search", json=ASKED | {"collections": ["news"]})
    assert answered.status_code == 500
    assert "news" in answered.json()["error"]
    assert str(store) not in answered.text
    assert client.get("/health").json()["damaged"] == ["news"]


def test_health_says_what_is_served_and_loaded(client):
    client.post("/search", json=ASKED)
    state = client.get("/health").json()
    assert state["status"] == "ok"
    assert state["collections"] == [
        {"name": "news", "documents": 4, "languages": ["fi"], "spaces": ["shared"]}
    ]
    assert {"en", "fi"} <= set(state["modules"]["installed"])
    assert "fi" in state["modules"]["loaded"]
    assert (state["running"], state["waiting"], state["limits"]["k"]) == (0, 0, 20)


def test_a_body_that_does_not_arrive_is_given_up():
    async def receive():
        await asyncio.sleep(20)

    request = Request(
        {"type": "http", "headers": [(b"content-type", b"application/json")], "method": "POST"}, receive
    )
    with pytest.raises(HTTPException, match="did not arrive within 0.05 s") as refused:
        asyncio.run(read_body(request, replace(LIMITS, arriving=0.05)))
    assert refused.value.status_code == 408
