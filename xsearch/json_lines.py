"""Results as JSON, and in the cells of a table as far as they have no plain form there."""

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

    Values without a JSON form are written as `json_value` says.
    """
    text = json.dumps(json_value(value), ensure_ascii=False, allow_nan=False)
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def json_value(value: Any) -> Any:
    """The value in types that JSON has, as it comes back when the JSON is read.

    Dates become ISO 8601, bytes base64, other types without a JSON form their text; NaN and infinities null.
    """
    match value:
        case float():
            return value if math.isfinite(value) else None
        case None | str() | int():
            return value
        case dict():
            return {str(key): json_value(item) for key, item in value.items()}
        case list() | tuple():
            return [json_value(item) for item in value]
        case bytes():
            return base64.b64encode(value).decode("ascii")
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def cell_value(value: Any) -> Any:
    """The value for a cell of CSV: lists and objects as JSON text, else `json_value`.

    So a column of numbers with NaN, which becomes None, is one of numbers when it is read again.
    """
    return json_line(value) if isinstance(value, (dict, list)) else json_value(value)
