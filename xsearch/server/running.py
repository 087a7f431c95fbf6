"""Starting the server, and stopping it so that nothing that it has taken in is lost."""

from __future__ import annotations

import asyncio
import ipaddress
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from xsearch.errors import ServerError
from xsearch.server.application import application
from xsearch.server.limits import Limits

_CONNECTIONS = 512
"""Beyond this many connections a request is answered 503 at once, so that the process keeps its file handles."""

_IDLE = 75
"""Seconds that a connection is kept without a request. HTTP clients drop theirs after 5 (httpx) to 60, and must be
first to close, or a request meets a connection that is just being closed.
"""

_LAST_REQUESTS = 75
"""Seconds that running requests may take once the server is to stop; a filter may run for 60."""


@dataclass(frozen=True)
class Address:
    """Where to listen; port 0 takes a free one. `names` are what requests may call the host, besides addresses."""

    host: str
    port: int
    names: tuple[str, ...] = ()


def serve(
    store: Path, address: Address, limits: Limits, *, device: str, ready: Callable[[str, bool], None]
) -> None:
    """Serve the collections of `store` until SIGINT or SIGTERM, then finish the requests that have come.

    `ready` is told the URL, and whether only this machine can reach it, when connections are accepted.

    Raises:
        ServerError: the address cannot be listened on.
    """
    listener = _listen(address)
    host, port = listener.getsockname()[:2]
    loopback = ipaddress.ip_address(host).is_loopback
    names = address.names if loopback else (*address.names, socket.gethostname())
    config = uvicorn.Config(
        application(store, limits, device=device, loopback=loopback, names=names),
        http=_Connection,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=_IDLE,
        timeout_graceful_shutdown=_LAST_REQUESTS,
    )
    server = uvicorn.Server(config)
    # Uvicorn raises the signal again when it has stopped; it then comes here, where it does no more, and this
    # function returns. Before uvicorn listens to signals itself, it stops the server as well.
    before = {one: signal.signal(one, server.handle_exit) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        ready(f"http://{f'[{host}]' if ':' in host else host}:{port}", loopback)
        server.run(sockets=[listener])
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
        listener.close()


class _Connection(H11Protocol):
    """Closes a connection whose request's headers do not arrive in time, the first one's too.

    Uvicorn counts the time after an answer only, until any byte comes: as many connections as there may be, silent or
    with half a request, would keep everybody else out for good.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def data_received(self, data: bytes) -> None:
        self.conn.receive_data(data)
        self.handle_events()  # stops the clock when the headers are complete


def _listen(address: Address) -> socket.socket:
    try:
        family, _, _, _, where = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.create_server((str(where[0]), address.port), family=family, backlog=_CONNECTIONS)
        # Connections inherit it. asyncio sets it only on sockets that know their protocol, which one made here does
        # not; without it an answer's body waits 40 ms for the acknowledgement of its headers.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except (OSError, UnicodeError) as error:  # the latter for a host that no name server could be asked for
        reason = getattr(error, "strerror", None) or error
        raise ServerError(
            f"cannot listen on {address.host}:{address.port}: {reason}; choose another --host or --port"
        ) from error
