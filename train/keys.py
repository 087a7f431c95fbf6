"""What identifies a text: its exact content, or the sentence behind its spelling."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from typing import Any

KEY_BYTES = 16


def text_key(text: str) -> bytes:
    """Content key of a text, `KEY_BYTES` long."""
    return hashlib.blake2b(text.encode("utf-8"), digest_size=KEY_BYTES).digest()


def sentence_key(text: str) -> str:
    """What two spellings of the same sentence share: NFKC, lower case, letters, digits and vowel signs only."""
    folded = unicodedata.normalize("NFKC", text).lower()
    return "".join(c for c in folded if c.isalnum() or unicodedata.category(c)[0] == "M")


def settings_key(*parts: Any) -> str:
    """Identifies plain data: settings, other keys, lists of texts."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
