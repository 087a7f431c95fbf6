"""Progress of a training: for a person on stderr, for a program as JSON lines."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any


class Log:
    """`log.jsonl` in the run folder, one object an event, and the same shortly on stderr."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "log.jsonl"

    def write(self, event: str, **values: Any) -> None:
        """Append one event."""
        line = {"time": round(time.time(), 1), "event": event, **values}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
        shown = " ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in values.items())
        print(f"[{event}] {shown}", file=sys.stderr, flush=True)  # noqa: T201 - progress, not results
