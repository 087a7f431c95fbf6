"""Languages: what people call them, what we call them, and which one a query is in.

Everywhere inside xsearch a language is its code: ISO 639-1 where there is one (``fi``), otherwise ISO 639-3
(``yue``). The table next to this file has one language a line, with the members of macrolanguages (``arb``)
and older or bibliographic codes (``fre``) as other names.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from xsearch.errors import LanguageError

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

AUTO = "auto"

_TABLE = Path(__file__).with_name("languages.tsv")

# When another language is this many times likelier than every candidate, the query is refused: at the first
# factor if the detector is also sure of that language, at the second (another script) whatever it is. Short
# queries, names and loanwords ("déjà vu") stay below both; see tests/test_languages.py.
_SURE, _TIMES_LIKELIER = 0.8, 50
_TIMES_LIKELIER_ALONE = 1000


@dataclass(frozen=True, slots=True)
class Language:
    """A language by its two codes and its English name."""

    code: str
    iso639_3: str
    name: str


@dataclass(frozen=True, slots=True)
class Detection:
    """What ``detect`` decided: the code, and its share (0 to 1) among the candidates."""

    code: str
    confidence: float


def resolve(name: str) -> Language:
    """Finds a language by ISO 639-1 or 639-3 code, English name, or a tag such as ``pt-BR``.

    Raises:
        LanguageError: nothing goes by that name; the message suggests close ones.
    """
    names = _names()
    wanted = name.strip().casefold()
    found = names.get(wanted) or names.get(wanted.replace("_", "-").split("-")[0])
    if found is not None:
        return found
    import difflib  # only to refuse: every start would pay for it

    close = difflib.get_close_matches(wanted, names, n=3, cutoff=0.7)
    known = dict.fromkeys(f"{names[match].code} ({names[match].name})" for match in close)
    hint = "give an ISO 639 code (fi, fin) or an English name (Finnish)"
    if known:
        hint = f"did you mean {' or '.join(known)}?"
    raise LanguageError(f"unknown language {name[:60]!r}: {hint}")


def standing(name: str) -> int:
    """How far down the names of its language a known name stands: ``ara`` before ``arb``, ``arb`` before ``arz``."""
    names = _names()
    wanted = name.casefold()
    language = names[wanted]
    if wanted in (language.code, language.iso639_3):
        return 0
    return [other for other, named in names.items() if named == language].index(wanted) + 1


def describe(codes: Iterable[str]) -> str:
    """Codes as a reader sees them: ``en (English), fi (Finnish)``; codes outside the table stand alone."""
    names = _names()
    return ", ".join(f"{code} ({names[code].name})" if code in names else code for code in codes)


def detect(text: str, candidates: Sequence[str]) -> Detection:
    """Says which of the candidate languages a text is in; the first candidate if nothing speaks for any.

    Raises:
        LanguageError: no candidate is known to the detector, or the text is clearly in another language.
    """
    scores = _scores(text)
    able = [code for code in candidates if code in scores]
    if not able:
        raise LanguageError(
            f"cannot detect any of {describe(candidates) or 'no languages'}; name the language of the query"
        )
    best = max(able, key=lambda code: scores[code])
    other = max((code for code in scores if code not in able), key=lambda code: scores[code], default=best)
    if _rules_out(scores[other], scores[best]):
        raise LanguageError(
            f"the text looks like {describe([other])}, expected one of {describe(candidates)}; "
            "name the language if that is wrong"
        )
    total = sum(scores[code] for code in able)
    return Detection(best, scores[best] / total if total else 0.0)


def _rules_out(other: float, best: float) -> bool:
    return other > best * _TIMES_LIKELIER_ALONE or (other >= _SURE and other > best * _TIMES_LIKELIER)


@functools.cache
def _names() -> Mapping[str, Language]:
    """Every code and name in lower case, codes before names so that a name never hides a code."""
    table = _TABLE.read_text(encoding="utf-8")
    rows = [line.split("\t") for line in table.splitlines()[1:]]
    by_code: dict[str, Language] = {}
    by_name: dict[str, Language] = {}
    for code, iso639_3, name, also in rows:
        language = Language(code, iso639_3, name)
        by_code[code] = by_code[iso639_3] = language
        for alias in [name, *filter(None, also.split("|"))]:
            by_name.setdefault(alias.casefold(), language)
    return by_name | by_code


@functools.cache
def _identifier() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE)


@functools.cache
def _labels() -> Mapping[str, str]:
    """The detector's labels and our codes for them; dialects of Arabic are all ``ar``."""
    names = _names()
    return {label: names[label].code if label in names else label for label in _identifier().labels}


def _scores(text: str) -> dict[str, float]:
    """The probability of every code that the detector knows, all equal where nothing speaks for any.

    A language counts by its likeliest dialect or script. Their sum would favour those with several, so the detector
    is asked for logarithms, which it does not add up, and not for probabilities; the temperature is its own.
    """
    if not any(map(str.isalpha, text)):
        text = ""  # it has learnt from some numbers and emoji
    labels = _labels()
    likeliest: dict[str, float] = {}
    for label, logarithm in _identifier().rank(text):  # the likeliest first
        likeliest.setdefault(labels[label], logarithm)
    highest = max(likeliest.values())
    temperature = math.sqrt(len(text.encode("utf-8", "surrogatepass")) or 1)
    weights = {code: math.exp((score - highest) / temperature) for code, score in likeliest.items()}
    total = sum(weights.values())
    del weights["zxx"]  # no linguistic content
    return {code: weight / total for code, weight in weights.items()}
