"""What goes wrong as a status and one line, without a path or a traceback of this machine."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from xsearch.errors import EvaluationError, LanguageError, MissingExtraError, QueryError, XsearchError
from xsearch.json_lines import json_line
from xsearch.server.library import UnknownCollectionError
from xsearch.server.workers import BusyError

RETRY_AFTER = 1
"""Seconds after which a request that found the queue full may come again."""

_STATUS: dict[type[Exception], int] = {
    QueryError: 400,
    LanguageError: 400,
    EvaluationError: 400,
    UnknownCollectionError: 404,
    MissingExtraError: 501,
}
# An absolute path of two parts or more, after anything but what makes it part of an address.
_PATH = re.compile(r"""(?<![\w/:.])(?:[A-Za-z]:)?(?:[/\\][^\s/\\'":;,]+)+[/\\]([^\s/\\'":;,]+)""")


def without_paths(message: str, store: Path) -> str:
    """The message with paths as seen from the store, and the last part alone of every other absolute path."""
    return _PATH.sub(r"\1", message.replace(f"{store}{os.sep}", ""))


def refusal(status: int, message: str) -> HTTPException:
    """What to raise for a request that is at fault."""
    return HTTPException(status, message)


def http_error(request: Request, error: Exception) -> Response:
    """An HTTPException (also Starlette's own, such as 404 and 405) as JSON."""
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
    return _response(request, error.status_code, error.detail, dict(error.headers or {}))


def refused(request: Request, error: Exception) -> Response:
    """An error of ours; 500 if it is not the request's fault."""
    status = next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), 500)
    return _response(request, status, without_paths(str(error), request.app.state.store))


def busy(request: Request, _: Exception) -> Response:
    """The queue is full."""
    message = f"the server is busy; try again in {RETRY_AFTER} s"
    return _response(request, 429, message, {"Retry-After": str(RETRY_AFTER)})


def unexpected(request: Request, _: Exception) -> Response:
    """A fault of this program; its traceback goes to the log."""
    return _response(request, 500, "the server failed at this; its log says more")


HANDLERS: dict[Any, Any] = {
    HTTPException: http_error,
    XsearchError: refused,
    BusyError: busy,
    Exception: unexpected,
}


def _response(request: Request, status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    body: dict[str, Any] = {"error": message}
    if request.url.path.startswith("/v1/"):
        kind = "invalid_request_error" if status < 429 else "server_error"
        code = {404: "model_not_found", 429: "rate_limit_exceeded"}.get(status)
        if status == 429:
            kind = "requests"
        body = {"error": {"message": message, "type": kind, "param": None, "code": code}}
    return Response(json_line(body) + "\n", status, headers, media_type="application/json")
