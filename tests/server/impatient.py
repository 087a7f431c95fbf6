"""`xsearch` whose server keeps a connection without a request for a second only."""

from xsearch.cli.main import run
from xsearch.server import running

running._IDLE = 1

run()
