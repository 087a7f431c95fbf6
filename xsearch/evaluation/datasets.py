"""What the tasks measure on: plain data, and where it came from."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

import numpy as np

from xsearch.errors import EvaluationError, LanguageError
from xsearch.languages import resolve, standing
from xsearch.qa.question import Question
from xsearch.qa.rows import InvalidRows, open_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

Data = TypeVar("Data")

_TRAINING = {"parallel", "train"}
"""Folders whose pairs nobody means to be tested on, unless one is named itself; comparing all of them takes hours."""

DIALECTS = ("ary", "arq", "arz")
"""Arabic that ISO 639-1 does not tell from the standard language; sets of it keep these codes."""


@dataclass(frozen=True)
class Provenance:
    """The files of a set, the SHA-256 of their bytes, the rows left out, and what else to know."""

    files: tuple[str, ...]
    checksum: str
    skipped: int = 0
    note: str = ""


@dataclass(frozen=True)
class SentencePairs:
    """Pairs of sentences with a gold similarity: `left[i]` in `langs[0]`, `right[i]` in `langs[1]`."""

    langs: tuple[str, str]
    left: Sequence[str]
    right: Sequence[str]
    gold: NDArray[np.float64]
    provenance: Provenance


@dataclass(frozen=True)
class Bitext:
    """Translations of each other, line by line."""

    langs: tuple[str, str]
    source: Sequence[str]
    target: Sequence[str]
    provenance: Provenance


@dataclass(frozen=True)
class RetrievalSet:
    """Queries and documents in one or more languages, joined by ids that are the same in all of them.

    `queries[lang][query_id]` and `documents[lang][document_id]` are texts; `relevant[query_id][document_id]`
    is a grade above 0. With `ignore_identical_ids` a query never finds the document of its own id, as in BEIR's own
    evaluation: in ArguAna and Quora that is the query itself. A grade that it has still counts, as not found.
    """

    queries: Mapping[str, Mapping[str, str]]
    documents: Mapping[str, Mapping[str, str]]
    relevant: Mapping[str, Mapping[str, int]]
    provenance: Provenance
    ignore_identical_ids: bool = False


@dataclass(frozen=True)
class QuestionSet:
    """Multiple-choice questions with their answers; each row has its own languages."""

    questions: Sequence[Question]
    provenance: Provenance

    @property
    def langs(self) -> tuple[str, ...]:
        """The language of every passage, and that of every question with its options; empty where rows differ."""
        sides = {question.langs for question in self.questions}
        one = sides.pop() if len(sides) == 1 else None
        return (one.passage, one.question) if one is not None and one.question == one.option else ()

    @property
    def every_lang(self) -> tuple[str, ...]:
        """Each language that a side of any row is in."""
        sides = {question.langs: None for question in self.questions}
        return tuple(dict.fromkeys(lang for side in sides for lang in side.every))


@dataclass(frozen=True)
class Candidate(Generic[Data]):
    """A set that was found but not read yet. `subset` is its language or its pair of languages.

    A retrieval set can be measured in several `directions`, each a query language and a document language.
    """

    dataset: str
    split: str
    subset: str
    langs: tuple[str, ...]
    files: tuple[Path, ...]
    load: Callable[[InvalidRows], Data] = field(repr=False)
    directions: tuple[tuple[str, ...], ...] = ()


def files_under(root: Path) -> Iterator[Path]:
    """The file `root`, or every file under the folder `root`, in the order of their names."""
    if root.is_file():
        yield root
        return
    if not root.is_dir():
        raise EvaluationError(
            f"no file or folder {root}; --data takes a folder of evaluation sets, or one file"
        )
    yield from sorted(path for path in root.rglob("*") if path.is_file())


def language_code(name: str) -> str | None:
    """The code of a language, or None where the name is of no language (a file's name need not hold one)."""
    try:
        return resolve(name).code
    except LanguageError:
        return None


def subset_name(langs: Sequence[str]) -> str:
    """`fi` for one language, `fi-en` for two, `mixed` where the rows of a set are in different ones."""
    return "-".join(dict.fromkeys(langs)) or "mixed"


def match_name(pattern: re.Pattern[str], path: Path) -> dict[str, str] | None:
    """The named groups of a file name; those called `lang`, `left` and `right` as language codes.

    What was written for `lang` is there as `written`. None where the name does not match or a language in it is
    unknown.
    """
    match = pattern.fullmatch(path.name)
    if match is None:
        return None
    groups = {name: value or "" for name, value in match.groupdict().items()}
    groups["written"] = groups.get("lang", "")
    for name in ("lang", "left", "right"):
        if name in groups:
            code = language_code(groups[name])
            if code is None:
                return None
            groups[name] = code
    return groups


class Written(NamedTuple):
    """A file of a set in many languages, and the language's name in the name of the file."""

    name: str
    path: Path


def keep_standard(found: dict[str, Written], lang: str, name: str, path: Path) -> None:
    """Take `path` for the language, unless the file that is there is in a more usual form of it.

    A published set may have several: Egyptian beside standard Arabic (``arz_Arab``, ``arb_Arab``), Canada's French
    (``fra-CA``), traditional characters (``zho_Hant``), romanised Hindi (``hin_Latn``). One code is one score.
    """
    if lang not in found or _unusual(name) < _unusual(found[lang].name):
        found[lang] = Written(name, path)


def _unusual(name: str) -> tuple[int, bool, bool, str]:
    code, _, form = name.replace("-", "_").partition("_")
    return standing(code), bool(form), form == "Latn", form


def is_training(path: Path, root: Path) -> bool:
    """Whether a file found under `root` lies in a folder of training data, and is not what `root` names itself."""
    return path.parent.name in _TRAINING and path not in (root, root / path.name)


def read_lines(path: Path) -> list[str]:
    """The lines of a UTF-8 file; only line feeds end a line: translations may hold other separators."""
    try:
        with open_text(path) as handle:
            lines = handle.read().split("\n")
    except UnicodeDecodeError as error:
        raise EvaluationError(f"{path} is not UTF-8 ({error.reason}); save it as UTF-8") from None
    except OSError as error:
        raise EvaluationError(f"{path} cannot be read: {error}") from error
    if lines and not lines[-1]:
        lines.pop()
    return [line.rstrip("\r") for line in lines]


def provenance(files: Sequence[Path], invalid: InvalidRows, note: str = "") -> Provenance:
    """Reads the files once more for their checksum: the SHA-256 over the bytes of all of them, in order."""
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as handle:
            while block := handle.read(1 << 20):
                digest.update(block)
    return Provenance(tuple(path.name for path in files), digest.hexdigest(), invalid.count, note)


def sample(count: int, limit: int | None, seed: int) -> NDArray[np.int64]:
    """The positions of at most `limit` out of `count` items, drawn without replacement and in order."""
    if limit is None or limit >= count:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, size=limit, replace=False))
