"""Which language a query is in."""

from xsearch.encoder import available_modules
from xsearch.languages import Detection, detect


def query_language(query: str) -> Detection:
    """The language of a query among those of the installed modules.

    Raises LanguageError if it is clearly in another one.
    """
    # English first, so that a query that speaks for no language ("12345") is taken as English.
    installed = sorted(available_modules(), key=lambda code: (code != "en", code))
    return detect(query, installed)
