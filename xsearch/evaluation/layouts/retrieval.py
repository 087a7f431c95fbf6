"""Finds retrieval sets: BEIR folders, SQuAD-layout files, and held-out parallel paragraphs.

| set | files |
|---|---|
| BEIR | a folder with `corpus.jsonl`, `queries.jsonl` and `qrels/test.tsv`; its language from its name (`miracl-fi`, `fi`) or from the command line |
| XQuAD, SQuAD | `xquad.de.json`, `dev-v1.1.json`: questions are queries, paragraphs documents |
| held-out long pairs | `en-fi-long.parquet` (en, xx): each text looks for its translation |
"""  # noqa: E501

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from xsearch.errors import EvaluationError
from xsearch.evaluation.datasets import (
    Candidate,
    RetrievalSet,
    files_under,
    is_training,
    language_code,
    match_name,
    provenance,
)
from xsearch.evaluation.layouts.beir import read_corpus, read_qrels, read_queries
from xsearch.evaluation.layouts.bitext import LONG_PAIRS, PAIRS, read_columns
from xsearch.evaluation.layouts.squad import read_squad
from xsearch.qa.rows import InvalidRows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_SQUAD = re.compile(r"(?P<name>xquad|squad)\.(?P<lang>[a-z]{2,3})\.json", re.IGNORECASE)
_ENGLISH_SQUAD = re.compile(r"(?P<split>dev|test)-v(?P<version>[12]\.[01])\.json")


@dataclass(frozen=True)
class RetrievalLanguages:
    """The languages of BEIR folders that do not say theirs."""

    query: str | None = None
    document: str | None = None


def find_retrieval(root: Path, langs: RetrievalLanguages) -> Iterator[Candidate[RetrievalSet]]:
    """Retrieval sets under `root`. The files of one set in several languages are one candidate.

    What is for training (SQuAD's `train-v1.1.json`, pairs in folders `parallel` or `train`) is none.
    """
    squad: dict[tuple[str, str], dict[str, Path]] = {}
    for path in files_under(root):
        if path.name == "corpus.jsonl":
            yield from _beir(path.parent, root, langs)
        elif groups := match_name(_SQUAD, path):
            name = "XQuAD" if groups["name"].lower() == "xquad" else "SQuAD"
            squad.setdefault((name, "dev"), {})[groups["lang"]] = path
        elif groups := match_name(_ENGLISH_SQUAD, path):
            squad[f"SQuAD {groups['version']}", groups["split"]] = {"en": path}
        elif (groups := match_name(PAIRS, path)) and groups["long"] and not is_training(path, root):
            both = ("en", groups["lang"])
            split, load = path.parent.name, _long_pairs(path, both)
            ways = (both, (both[1], both[0]))
            yield Candidate(LONG_PAIRS, split, "-".join(both), both, (path,), load, ways)
    for (dataset, split), by_lang in squad.items():
        codes = tuple(sorted(by_lang))
        paths = tuple(by_lang[code] for code in codes)
        load = _squad(dict(zip(codes, paths, strict=True)))
        directions = tuple(product(codes, repeat=2))
        yield Candidate(dataset, split, "-".join(codes), codes, paths, load, directions)


def _beir(folder: Path, root: Path, langs: RetrievalLanguages) -> Iterator[Candidate[RetrievalSet]]:
    by_name = language_code(re.split(r"[-_.]", folder.name)[-1])
    query, document = by_name or langs.query, by_name or langs.document
    if query is None or document is None:
        raise EvaluationError(
            f"{folder} does not say its language; name it with --query-lang and --document-lang, "
            f"or call the folder {folder.name}-fi"
        )
    name = folder.name if folder != root or folder.name else "BEIR"
    for qrels in sorted((folder / "qrels").glob("*.tsv")):
        paths = (folder / "corpus.jsonl", folder / "queries.jsonl", qrels)
        both = tuple(dict.fromkeys((query, document)))
        load = _beir_folder(paths, query, document)
        yield Candidate(name, qrels.stem, "-".join(both), both, paths, load, ((query, document),))


def _beir_folder(
    paths: tuple[Path, Path, Path], query_lang: str, document_lang: str
) -> Callable[[InvalidRows], RetrievalSet]:
    def load(invalid: InvalidRows) -> RetrievalSet:
        documents = read_corpus(paths[0], invalid)
        relevant = read_qrels(paths[2], invalid)
        queries = read_queries(paths[1], relevant, invalid)
        lost = sum(1 for grades in relevant.values() if not grades.keys() & documents.keys())
        note = f"{lost} queries have no relevant document in the corpus" if lost else ""
        source = provenance(paths, invalid, note)
        return RetrievalSet(
            {query_lang: queries}, {document_lang: documents}, relevant, source, ignore_identical_ids=True
        )

    return load


def _squad(paths: Mapping[str, Path]) -> Callable[[InvalidRows], RetrievalSet]:
    def load(invalid: InvalidRows) -> RetrievalSet:
        queries, documents = {}, {}
        relevant: dict[str, dict[str, int]] = {}
        for lang, path in paths.items():
            queries[lang], documents[lang], found = read_squad(path, invalid)
            for query_id, grades in found.items():
                relevant.setdefault(query_id, {}).update(grades)
        return RetrievalSet(queries, documents, relevant, provenance(list(paths.values()), invalid))

    return load


def _long_pairs(path: Path, langs: tuple[str, str]) -> Callable[[InvalidRows], RetrievalSet]:
    def load(invalid: InvalidRows) -> RetrievalSet:
        rows = list(read_columns(path, invalid))
        texts = {
            langs[0]: {str(row.number): english for row, english, _ in rows},
            langs[1]: {str(row.number): foreign for row, _, foreign in rows},
        }
        relevant = {str(row.number): {str(row.number): 1} for row, _, _ in rows}
        return RetrievalSet(texts, texts, relevant, provenance((path,), invalid))

    return load
