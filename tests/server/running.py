"""A real server in a process of its own, and many real clients."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from http.client import HTTPConnection


class Running:
    """`xsearch serve` on a free port."""

    def __init__(self, store, *options, environment=None, program=("-m", "xsearch.cli")):
        self.process = subprocess.Popen(
            [sys.executable, *program, "serve", "--store", str(store), "--port", "0", *options],
            env=os.environ | (environment or {}),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        line = self.process.stderr.readline()
        match = re.search(r"http://([^:]+):(\d+)", line)
        assert match, line + self.process.stderr.read()
        self.url, self.port = match[0], int(match[2])

    def post(self, path, asked):
        """Status, headers and body of one request."""
        with contextlib.closing(HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request("POST", path, json.dumps(asked), {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.headers, response.read().decode()

    def stop(self, how=signal.SIGTERM):
        """Exit code and what was left to say on stderr."""
        self.process.send_signal(how)
        errors = self.process.stderr.read()
        return self.process.wait(timeout=120), errors


@contextlib.contextmanager
def running(store, *options, **more):
    """A server that is gone afterwards."""
    server = Running(store, *options, **more)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait()
        server.process.stderr.close()
