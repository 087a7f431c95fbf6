"""Kill -9 in the middle of every kind of change, hundreds of times: `make bench-kill`."""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
from pathlib import Path

from tests.collection.killing import OPERATIONS, kill_once


def main() -> None:
    """Kill, check, count; an AssertionError says what did not hold, and its folder is kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=60, help="kills for each operation")
    parser.add_argument("--within", type=float, default=3.0, help="seconds within which a process is killed")
    parser.add_argument("--operations", nargs="+", choices=OPERATIONS, default=OPERATIONS)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}")
    for operation in arguments.operations:
        outcomes = []
        for time in range(arguments.times):
            folder = Path(tempfile.mkdtemp(prefix=f"kill-{operation}-"))
            outcomes.append(kill_once(folder, operation, arguments.seed + time, arguments.within))
            shutil.rmtree(folder)
        killed = [outcome for outcome in outcomes if outcome.killed]
        commits = [outcome.commits for outcome in killed] or [0]
        print(
            f"{operation:8} killed {len(killed)} times ({len(outcomes) - len(killed)} had finished) after "
            f"{min(commits)} to {max(commits)} commits, {sum(outcome.leftovers for outcome in killed)} times with "
            "half a change on disk: every collection opened, verified and held the last committed state",
            flush=True,
        )


if __name__ == "__main__":
    main()
