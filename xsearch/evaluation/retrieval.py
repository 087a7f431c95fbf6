"""Retrieval: does the query find its documents, within a language, across two, and in a pool of both?

A pool of two languages exposes language bias. It holds all documents in the answer's language and, in the
other one, all but the right ones, so that only the answer's language can answer. Where the other language is
the query's own, whatever is lost against the answer's language alone is lost to documents that are wrong but
in the query's language. Where the query and its answer share a language, the loss is the price of removing
such a bias by a bonus for documents in other languages than the query's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from xsearch.errors import EvaluationError
from xsearch.evaluation.datasets import sample, subset_name
from xsearch.evaluation.measure import Settings, make_score, spaces_for
from xsearch.evaluation.metrics import retrieval_metrics
from xsearch.evaluation.results import Items, Label

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from xsearch.evaluation.datasets import RetrievalSet
    from xsearch.evaluation.results import Score
    from xsearch.qa.sentence_encoder import SentenceEncoder

MIXED = " mixed pool"
"""What the subset of a mixed pool says after its direction."""

DEPTH = 100
"""How many documents are ranked for a query; the deepest metric is recall@100."""

DISTRACTORS_UNDER_LIMIT = 20
"""How many documents that no sampled query wants are kept for each query of a limit."""

_BLOCK = 256


@dataclass(frozen=True)
class _Pool:
    """Documents in one language or in two, encoded; `langs[i]` is the language of document `ids[i]`."""

    ids: Sequence[str]
    langs: NDArray[np.str_]
    vectors: NDArray[np.float32]


def measure_retrieval(
    encoder: SentenceEncoder,
    data: RetrievalSet,
    set_label: Label,
    settings: Settings,
    directions: Sequence[tuple[str, ...]],
) -> Iterator[Score]:
    """A score for each direction (query language, document language), and for its mixed pool.

    `set_label` is that of the whole set; each score's label says the direction and the space.
    """
    for langs in directions:
        query_lang, document_lang = langs
        subset = subset_name(langs)
        others = _other_languages(langs, data, directions)
        # a mixed pool is in the shared space, and is compared with the answer's language alone there
        spaces = dict.fromkeys((*spaces_for(langs, settings, encoder), *(["shared"] if others else [])))
        for space in spaces:
            label = replace(set_label, subset=subset, langs=langs, space=space)
            yield _measure(encoder, data, label, settings, (document_lang,))
        for other in others:
            name = f"{subset}{MIXED}" if other == query_lang else f"{subset}{MIXED} with {other}"
            label = replace(set_label, subset=name, langs=langs, space="shared")
            yield _measure(encoder, data, label, settings, (document_lang, other))


def _other_languages(
    langs: tuple[str, ...], data: RetrievalSet, directions: Sequence[tuple[str, ...]]
) -> list[str]:
    """The languages to mix with the answer's: the query's, or if that is the same, each of the others."""
    query_lang, document_lang = langs
    if query_lang != document_lang:
        return [query_lang] if query_lang in data.documents else []
    return [lang for lang in data.documents if lang != query_lang and (query_lang, lang) in directions]


def _measure(
    encoder: SentenceEncoder,
    data: RetrievalSet,
    label: Label,
    settings: Settings,
    pool_langs: tuple[str, ...],
) -> Score:
    """The score in a pool of these languages, the first of which has the answers."""
    query_lang, document_lang = label.langs
    query_ids = _answerable(data, query_lang, document_lang)
    if not query_ids:
        raise EvaluationError(
            f"{label.dataset} {label.subset}: no query has a relevant document; expected qrels with ids of both files"
        )
    query_ids = [query_ids[row] for row in sample(len(query_ids), settings.limit, settings.seed)]
    texts = [data.queries[query_lang][query_id] for query_id in query_ids]
    queries = encoder.encode(texts, lang=query_lang, space=label.space, role="query")
    wanted = {document_id for query_id in query_ids for document_id in data.relevant[query_id]}
    documents = {lang: _documents(data, lang, wanted, settings) for lang in pool_langs}
    pool = _pool(encoder, documents, label.space)
    bonus = np.where(pool.langs == query_lang, 0, settings.bonus).astype(np.float32)
    ranked, lost = _rank(queries, query_ids, pool, data, document_lang, bonus)
    relevant = {query_id: data.relevant[query_id] for query_id in query_ids}
    metrics = retrieval_metrics(relevant, ranked)
    items = Items(metrics["ndcg@10"], np.array([len(text) for text in texts], dtype=np.int64))
    summary = {name: float(values.mean()) for name, values in metrics.items()}
    if len(pool_langs) > 1:
        summary["lost"] = lost
    return make_score(label, items, data.provenance, settings, summary, main="ndcg@10")


def _answerable(data: RetrievalSet, query_lang: str, document_lang: str) -> list[str]:
    """The queries with a relevant document in the language."""
    documents = data.documents[document_lang]
    return [
        query_id
        for query_id in data.queries[query_lang]
        if any(document_id in documents for document_id in data.relevant.get(query_id, ()))
    ]


def _documents(
    data: RetrievalSet, lang: str, wanted: Container[str], settings: Settings
) -> Mapping[str, str]:
    """The documents of a language; under a limit, the relevant ones and a sample of the others."""
    documents = data.documents[lang]
    if settings.limit is None or len(documents) <= DISTRACTORS_UNDER_LIMIT * settings.limit:
        return documents
    others = [document_id for document_id in documents if document_id not in wanted]
    rows = sample(len(others), DISTRACTORS_UNDER_LIMIT * settings.limit, settings.seed)
    kept = {others[row] for row in rows}
    return {
        document_id: text
        for document_id, text in documents.items()
        if document_id in wanted or document_id in kept
    }


def _pool(encoder: SentenceEncoder, by_lang: Mapping[str, Mapping[str, str]], space: str) -> _Pool:
    ids: list[str] = []
    labels: list[str] = []
    blocks = []
    for lang, documents in by_lang.items():
        ids.extend(documents)
        labels.extend([lang] * len(documents))
        blocks.append(encoder.encode(list(documents.values()), lang=lang, space=space, role="document"))
    return _Pool(ids, np.array(labels), np.concatenate(blocks))


def _rank(
    queries: NDArray[np.float32],
    query_ids: Sequence[str],
    pool: _Pool,
    data: RetrievalSet,
    answer_lang: str,
    bonus: NDArray[np.float32],
) -> tuple[dict[str, dict[str, float]], float]:
    """The best documents of each query, and the share of answers lost to the other language.

    In any language but the answer's, the right documents are taken out of the pool, and so is what the set
    ignores. An answer is lost when it is first among the documents of its own language but not in the pool.
    """
    answering = pool.langs == answer_lang
    own, others = (
        {pool.ids[index]: index for index in np.flatnonzero(part).tolist()}
        for part in (answering, ~answering)
    )
    answers = np.flatnonzero(answering)
    ranked: dict[str, dict[str, float]] = {}
    lost = 0
    for start in range(0, len(query_ids), _BLOCK):
        similarity = queries[start : start + _BLOCK] @ pool.vectors.T + bonus
        for query_id, row in zip(query_ids[start : start + _BLOCK], similarity, strict=True):
            relevant = data.relevant[query_id]
            out = [others[document_id] for document_id in relevant if document_id in others]
            if data.ignore_identical_ids:
                out += [part[query_id] for part in (own, others) if query_id in part]
            row[out] = -np.inf
            best = np.argsort(-row, kind="stable")[:DEPTH]
            first_answer = pool.ids[answers[row[answers].argmax()]]
            lost += not answering[best[0]] and first_answer in relevant
            ranked[query_id] = {
                _run_id(pool, index, answer_lang): float(row[index]) for index in best if row[index] > -np.inf
            }
    return ranked, lost / max(len(query_ids), 1)


def _run_id(pool: _Pool, index: int, answer_lang: str) -> str:
    """The document's id, marked where it is not in the answer's language, as all share their ids."""
    lang = pool.langs[index]
    return pool.ids[index] if lang == answer_lang else f"{lang}\x01{pool.ids[index]}"
