"""``xsearch ui``: the Streamlit page."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import click

from xsearch.cli.options import STORE
from xsearch.cli.printable import notice
from xsearch.errors import MissingExtraError

# In a checkout the page stands beside the package; an installed package carries it inside.
_HERE = Path(__file__).resolve().parent.parent
_PAGES = (_HERE.parent / "app" / "main.py", _HERE / "app" / "main.py")


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=8501, show_default=True, help="Port to listen on."
)
@STORE
def ui(host: str, port: int, store: Path) -> None:
    """Open the search page in a browser; it runs until Ctrl-C."""
    if find_spec("streamlit") is None:
        raise MissingExtraError(
            "the page needs Streamlit, which is not installed; run: pip install 'xsearch[app]'"
        )
    page = next((page for page in _PAGES if page.is_file()), None)
    if page is None:
        raise MissingExtraError(
            f"the page is not part of this installation; expected {_PAGES[0]}: use a checkout"
        )
    notice(f"The page is at http://{host}:{port}; stop it with Ctrl-C.")
    options = ["--server.address", host, "--server.port", str(port), "--browser.gatherUsageStats", "false"]
    paths = os.pathsep.join(path for path in sys.path if path)
    environment = {**os.environ, "XSEARCH_STORE": str(store.absolute()), "PYTHONPATH": paths}
    # -P: no module of the folder that it is started in
    command = [sys.executable, "-P", "-m", "streamlit", "run", str(page), *options]
    sys.stdout.flush()
    os.execve(sys.executable, command, environment)  # noqa: S606
