"""Which names of this server a request may use.

A page in a browser can give a name of its own the address of this machine (DNS rebinding) and then read every answer
as if it were its own. Such a request carries that name in its Host header, so only names that no page can take are
let through: addresses, localhost, and what the server was told to answer to.
"""

from __future__ import annotations

import re
from ipaddress import ip_address

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from xsearch.server.failures import http_error, refusal

_HOST = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[\w.-]+))(?::\d{1,5})?", re.ASCII)


class KnownHosts:
    """Answers 403 to requests for a host that is not known.

    With `loopback` only loopback addresses are; otherwise every address. Always localhost and `names`.
    """

    def __init__(self, app: ASGIApp, *, loopback: bool, names: tuple[str, ...] = ()) -> None:
        self._app = app
        self._loopback = loopback
        self._names = {"localhost", *(name.lower() for name in names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http" or self._is_known(Headers(scope=scope).get("host", "")):
            await self._app(scope, receive, send)
            return
        message = "this server does not answer to that Host; use its address, or start it with --allow-host"
        response = http_error(Request(scope), refusal(403, message))
        await response(scope, receive, send)

    def _is_known(self, host: str) -> bool:
        match = _HOST.fullmatch(host)
        if match is None:
            return False
        name = (match["v6"] or match["name"]).lower()
        if name in self._names:
            return True
        try:
            address = ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or not self._loopback
