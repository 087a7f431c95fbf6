import os

import pytest

from tests.collection.killing import OPERATIONS, kill_once

TIMES = int(os.environ.get("XSEARCH_KILLS", "3"))


@pytest.mark.timeout(60 + 30 * TIMES)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_process_killed_at_any_moment_leaves_the_last_committed_state(tmp_path, operation):
    """The number of kills an operation is XSEARCH_KILLS; `make bench-kill` does hundreds."""
    for time in range(TIMES):
        folder = tmp_path / str(time)
        folder.mkdir()
        kill_once(folder, operation, seed=time, longest=2.5 * (time + 1) / TIMES)
