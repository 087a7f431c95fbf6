"""What becomes of a contender that fails, and of what it started."""

import os
import time
from pathlib import Path

import pytest

from tests.benchmarks.processes import FailedError, run


def work(code: str, *, minutes: float = 1, private: float = 4096):
    return run(["-c", code], {"WORD": "hei"}, minutes=minutes, private=private)


def test_the_last_line_and_the_memory_of_the_process_and_its_children_are_told():
    code = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; b = bytearray(b'x') * (80 << 20); time.sleep(2)"])
own = bytearray(b'x') * (80 << 20)
child.wait()
print("first")
print(os.environ["WORD"])
"""
    printed, memory = work(code)
    assert printed == "hei"
    assert 160 < memory.private < 400
    assert memory.resident >= memory.private


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise ValueError('no such index')", "ValueError: no such index"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "was ended by SIGSEGV"),
        ("raise SystemExit(3)", "ended with 3 and said nothing"),
        ("pass", "ended with 0 and said nothing"),
    ],
)
def test_every_way_to_fail_is_one_error_that_says_how(code, message):
    with pytest.raises(FailedError, match=message):
        work(code)


def test_too_much_memory_or_time_is_an_end():
    with pytest.raises(FailedError, match=r"more than 0\.1 GB"):
        work("import time; b = bytearray(b'x') * (200 << 20); time.sleep(30)", private=100)
    with pytest.raises(FailedError, match="not done after 0.01 minutes"):
        work("import time; time.sleep(30)", minutes=0.01)


def test_memory_can_be_watched_as_it_comes_and_goes():
    seen = []
    code = """
import time
time.sleep(0.5)
held = bytearray(b'x') * (200 << 20)
time.sleep(1)
del held
time.sleep(0.5)
print("done")
"""
    run(["-c", code], {}, minutes=1, private=4096, watch=lambda now: seen.append(now.private))
    assert max(seen) > 200
    assert min(seen) < 100
    assert seen[-1] < 200


def test_nothing_that_it_started_stays():
    code = """
import subprocess, sys
print(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]).pid)
"""
    child = int(work(code)[0])
    for _ in range(100):
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return
        # killed, and not yet reaped by whoever inherited it
        if Path(f"/proc/{child}/stat").read_text().split()[2] == "Z":
            return
        time.sleep(0.05)
    pytest.fail("it still runs")
