"""Results as JSON."""

from __future__ import annotations

import base64
import json
import math
import re
from typing import Any

# JSON escapes C0 itself; these are what a terminal or an editor might act on all the same.
_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def json_line(value: Any) -> str:
    """JSON on one line, in which no character moves the cursor.

    Dates become ISO 8601, bytes base64, other types without a JSON form their text; NaN and infinities null.
    """
    text = json.dumps(_finite(value), ensure_ascii=False, allow_nan=False, default=_as_text)
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _as_text(value: Any) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
