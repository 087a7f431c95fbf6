"""``python -m xsearch.cli``, for environments without the console script on the path."""

from xsearch.cli.main import run

run()
