"""Queries over several collections at once."""

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from xsearch.collection import Collection, Hit
from xsearch.collection.encoding import EncoderFor, check_module, installed_encoder, record_of
from xsearch.collection.hit import checked_k
from xsearch.collection.spaces import AUTO, SHARED, choose_space
from xsearch.errors import QueryError
from xsearch.search.fusion import fuse
from xsearch.search.result import SearchResult, Timings

_FUSED = 50
"""Documents of each ranking that hybrid search fuses."""


def search(
    collections: Sequence[Collection],
    queries: Sequence[str],
    *,
    lang: str,
    k: int = 10,
    space: str = AUTO,
    where: str | None = None,
    hybrid: bool = False,
    encoder_for: EncoderFor = installed_encoder,
) -> list[SearchResult]:
    """The k best documents of all collections together for each query in language `lang`.

    Scores of different collections compare because all are cosines in one space: with `space` auto the one
    that all of them would choose, or else the shared one. Equal scores stand in the order of the collections'
    names, then of the documents. A document with the same id and text in several collections appears once.

    `hybrid` fuses this ranking with one by the query's words (BM25, among documents in `lang`); scores stay cosines.

    Raises QueryError for a space that some collection does not index, a bad k or filter, or no collection;
    LanguageError for a language without a module; CollectionError if a module has changed since indexing.
    """
    k = checked_k(k)
    space = common_space(collections, space, lang)
    started = time.perf_counter()
    encoder = encoder_for(lang)
    module = record_of(lang, encoder)
    for collection in collections:
        check_module(collection.manifest.modules, module)
    vectors = encoder.encode(list(queries), space=space)
    encoding = time.perf_counter() - started
    ordered = sorted(collections, key=lambda collection: collection.name)
    depth = max(k, _FUSED) if hybrid else k
    answers = [
        collection.answer(vectors, space=space, k=depth, where=where, lang=lang) for collection in ordered
    ]
    found = [merge_hits([answer.hits[which] for answer in answers], depth) for which in range(len(queries))]
    fused = time.perf_counter()
    if hybrid:
        for which, query in enumerate(queries):
            by_words = _by_words(ordered, query, vectors[which], lang, space, depth, where)
            found[which] = fuse(found[which], by_words, k)
    share = max(len(queries), 1)
    timings = Timings(
        encode=encoding / share,
        search=(sum(answer.search_seconds for answer in answers) + time.perf_counter() - fused) / share,
        fetch=sum(answer.fetch_seconds for answer in answers) / share,
    )
    pairs = zip(queries, found, strict=True)
    return [SearchResult(query, lang, space, hits, timings) for query, hits in pairs]


def _by_words(
    collections: Sequence[Collection],
    query: str,
    vector: NDArray[np.float32],
    lang: str,
    space: str,
    depth: int,
    where: str | None,
) -> list[Hit]:
    found = [
        pair
        for collection in collections
        for pair in collection.answer_words(query, vector, lang=lang, space=space, k=depth, where=where)
    ]
    return [hit for _, hit in sorted(found, key=lambda pair: -pair[0])[:depth]]


def common_space(collections: Sequence[Collection], asked: str, lang: str) -> str:
    """The one space in which all the collections are searched. Raises QueryError if there is no collection."""
    if not collections:
        raise QueryError("there is no collection to search; index a corpus first, or name one with -c")
    spaces = {choose_space(collection.manifest, asked, lang).space for collection in collections}
    if len(spaces) == 1:
        return spaces.pop()
    for collection in collections:
        choose_space(collection.manifest, SHARED, lang)
    return SHARED


def merge_hits(lists: Sequence[Sequence[Hit]], k: int) -> tuple[Hit, ...]:
    """The k best of several lists of hits, each in order; of the same document in two lists the first stays."""
    merged = sorted((hit for hits in lists for hit in hits), key=lambda hit: -hit.score)
    unique = {(hit.id, hit.text): hit for hit in reversed(merged)}
    kept = [hit for hit in merged if unique[hit.id, hit.text] is hit]
    return tuple(replace(hit, rank=rank) for rank, hit in enumerate(kept[:k], 1))
