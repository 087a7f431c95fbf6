"""Asking a running `xsearch serve` instead of loading everything into this process."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from dataclasses import asdict
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import NamedTuple, Self
from urllib.parse import unquote, urlsplit

from xsearch.answers import Answer, Terms, read_answer
from xsearch.errors import ServerError

_PATIENCE = 120.0
"""Seconds to wait for an answer; a filter may run for 60."""

_TRIES = 5
_BUSY = (429, 503)
_TOO_MUCH = (400, 413)
_SECONDS = re.compile(r"[0-9]{1,9}")
_DURATION = re.compile(r"(\w+);dur=([\d.]+)")


class Answered(NamedTuple):
    """Answers in the order of the queries, and what else the server said of them.

    `seconds` are what encoding, searching and fetching took for a query on average.
    """

    answers: list[Answer]
    collections: int
    notices: list[str]
    seconds: dict[str, float]


class RemoteServer:
    """A server by its URL, over one connection.

    Raises:
        ServerError: the URL is none.
    """

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise _no_address(url) from None
        if parts.scheme not in ("http", "https") or not host or parts.query or parts.username:
            raise _no_address(url)
        connection = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._connection = connection(host, port, timeout=_PATIENCE)
        self._path = f"{parts.path.rstrip('/')}/search"
        self._url = url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def ask(self, queries: Sequence[str], terms: Terms, *, alone: bool) -> Answered:
        """The answers to the queries, or to one `alone`, of which a person wants to know more.

        Raises:
            ServerError: the server cannot be reached, refuses, stays busy, or is no xsearch server.
        """
        asked = asdict(terms) | {"collections": terms.collections or None}
        asked |= {"query": queries[0]} if alone else {"queries": list(queries)}
        status, headers, body = self._post(json.dumps(asked).encode())
        if status in _TOO_MUCH and len(queries) > 1:
            return self._ask_halves(queries, terms)
        if status != 200:
            raise ServerError(self._refusal(status, body))
        try:
            answers = [read_answer(line) for line in body.decode("utf-8").rstrip("\n").split("\n")]
            found = Answered(
                answers,
                int(headers.get("xsearch-collections", "")),
                [str(one) for one in json.loads(unquote(headers.get("xsearch-notices", "[]")))],
                {
                    name: float(took) / 1000
                    for name, took in _DURATION.findall(headers.get("server-timing", ""))
                },
            )
        except (ValueError, TypeError, RecursionError):
            raise ServerError(self._stranger()) from None
        if len(answers) != len(queries):
            raise ServerError(self._stranger())
        return found

    def _ask_halves(self, queries: Sequence[str], terms: Terms) -> Answered:
        """The same in two requests: perhaps they are more than this server takes at a time."""
        middle = len(queries) // 2
        first, second = (self.ask(half, terms, alone=False) for half in (queries[:middle], queries[middle:]))
        share = middle / len(queries)
        seconds = {
            name: share * took + (1 - share) * second.seconds.get(name, took)
            for name, took in first.seconds.items()
        }
        notices = list(dict.fromkeys(first.notices + second.notices))
        return Answered(first.answers + second.answers, first.collections, notices, seconds)

    def _post(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Status, headers in lower case and body; a busy server is asked again some times."""
        tries = 0
        while True:
            tries += 1
            status, headers, answer = self._exchange(body)
            if status not in _BUSY or tries == _TRIES:
                return status, headers, answer
            wait = headers.get("retry-after", "1")
            time.sleep(min(int(wait), 10) if _SECONDS.fullmatch(wait) else 1)

    def _exchange(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """One answer; over a new connection where the server, after a pause of ours, has closed the one from before."""
        kept = self._connection.sock is not None
        try:
            self._connection.request(
                "POST", self._path, body, {"Content-Type": "application/json", "Accept": "application/json"}
            )
            response = self._connection.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return response.status, headers, response.read()
        except UnicodeError:  # a host or a path that cannot be written in a request
            raise _no_address(self._url) from None
        except OSError as error:  # or of both kinds, where an answer ends before it begins
            if kept and isinstance(error, ConnectionError):
                self._connection.close()
                return self._exchange(body)
            reason = error.strerror or str(error) or type(error).__name__
            raise ServerError(
                f"no answer from {self._url}: {reason}; start it with `xsearch serve`, or unset XSEARCH_SERVER"
            ) from error
        except HTTPException:
            raise ServerError(self._stranger()) from None

    def _refusal(self, status: int, body: bytes) -> str:
        if status == 503:  # the answer to more connections than it may have is not its own
            return f"{self._url} is busy; try again later"
        try:
            message = json.loads(body)["error"]
        except (ValueError, KeyError, TypeError, RecursionError):
            message = None
        return message if isinstance(message, str) else f"{self._stranger()} (it answered {status})"

    def _stranger(self) -> str:
        return f"{self._url} is no xsearch server; see XSEARCH_SERVER"


def _no_address(url: str) -> ServerError:
    return ServerError(f"{url[:200]!r} is no address of a server; expected one such as http://127.0.0.1:8765")
