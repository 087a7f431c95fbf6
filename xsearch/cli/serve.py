"""``xsearch serve``: the collections over HTTP."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import click

from xsearch.cli.byte_size import ByteSize
from xsearch.cli.options import DEVICE, STORE
from xsearch.cli.printable import notice
from xsearch.errors import MissingExtraError


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8765,
    show_default=True,
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--allow-host",
    "names",
    multiple=True,
    help="A name, besides localhost and addresses, under which requests may reach the server.",
)
@click.option(
    "--threads",
    type=click.IntRange(1, 256),
    help="Requests, or batches of them, worked on at a time; by default one a core.",
)
@click.option(
    "--queue",
    type=click.IntRange(0, 10_000),
    default=128,
    show_default=True,
    help="Requests that may wait; a further one gets 429.",
)
@click.option(
    "--max-k", type=click.IntRange(1, 10_000), default=1000, show_default=True, help="Most hits of a query."
)
@click.option(
    "--max-texts",
    type=click.IntRange(1, 10_000),
    default=512,
    show_default=True,
    help="Most queries or texts of a request.",
)
@click.option(
    "--max-body", type=ByteSize(), default="1M", show_default=True, help="Largest body of a request."
)
@STORE
@DEVICE
def serve(
    host: str,
    port: int,
    names: tuple[str, ...],
    threads: int | None,
    queue: int,
    max_k: int,
    max_texts: int,
    max_body: int,
    store: Path,
    device: str,
) -> None:
    """Serve the collections of the store over HTTP, to this machine alone unless --host says otherwise.

    \b
    POST /search         {"query", "lang", "collections"?, "k"?, "space"?, "where"?, "hybrid"?}
    POST /encode         {"texts", "lang", "space"?}
    POST /qa             {"passage", "question", "options", "lang", ...}
    POST /v1/embeddings  as OpenAI's, model xsearch-LANG
    GET  /health

    There are no passwords: whoever reaches the address can read every collection. With XSEARCH_SERVER set to
    the URL, `xsearch query` asks the server. Ctrl-C finishes the running requests and stops.
    """  # noqa: D301 (Click wants the backspace itself)
    for package in ("starlette", "uvicorn"):
        if find_spec(package) is None:
            raise MissingExtraError(
                f"the server needs {package}, which is not installed; run: pip install 'xsearch[serve]'"
            )
    from xsearch.encoder.devices import check_device
    from xsearch.encoder.runtime import available_cores
    from xsearch.server.limits import Limits
    from xsearch.server.running import Address
    from xsearch.server.running import serve as run

    check_device(device)

    def ready(url: str, loopback: bool) -> None:
        notice(f"Serving {store} at {url}; stop it with Ctrl-C.")
        if not loopback:
            notice("Anyone who can reach this address can read every collection: there are no passwords.")

    limits = Limits(
        threads=threads or available_cores(), waiting=queue, body=max_body, k=max_k, texts=max_texts
    )
    run(store, Address(host, port, names), limits, device=device, ready=ready)
