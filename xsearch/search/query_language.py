"""Which language a query is in."""

from collections.abc import Iterable

from xsearch.encoder import available_modules
from xsearch.languages import Detection, describe, detect


def query_language(query: str, among: Iterable[str] | None = None) -> Detection:
    """The language of a query among these codes, by default those of the installed modules.

    Raises LanguageError if it is clearly in another one.
    """
    candidates = available_modules() if among is None else among
    # English first, so that a query that speaks for no language ("12345") is taken as English.
    return detect(query, sorted(candidates, key=lambda code: (code != "en", code)))


def detection_notice(found: Detection) -> str:
    """What a person is told of a detection among the installed modules."""
    return f"Detected {describe([found.code])} ({found.confidence:.0%} among the installed languages)"
