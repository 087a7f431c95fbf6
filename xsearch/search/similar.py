"""More like this: the documents nearest to one that is stored already."""

import time
from collections.abc import Sequence
from dataclasses import replace

from xsearch.collection import Collection
from xsearch.collection.encoding import check_module
from xsearch.collection.hit import MOST_HITS, checked_k
from xsearch.collection.lookup import StoredDocument
from xsearch.collection.spaces import AUTO
from xsearch.search.result import SearchResult, Timings
from xsearch.search.several import common_space, merge_hits


def more_like(
    document: StoredDocument, collections: Sequence[Collection], *, k: int = 10, where: str | None = None
) -> SearchResult:
    """The k documents of all the collections that are nearest to `document`, itself left out.

    The result's query is the document's text. Raises QueryError if the collections do not index the space that
    the document's collection stores, or for a bad k or filter; CollectionError if a collection holds vectors that its
    vector cannot be compared with.
    """
    k = checked_k(k)
    wanted = min(k + 1, MOST_HITS)
    space = common_space(collections, AUTO, document.lang)
    if space not in document.vectors:
        space = common_space(collections, next(iter(document.vectors)), document.lang)
    for collection in collections:
        check_module(collection.manifest.modules, document.module)
    vector = document.vectors[space][None]
    answers = [
        collection.answer(vector, space=space, k=wanted, where=where, lang=document.lang)
        for collection in sorted(collections, key=lambda collection: collection.name)
    ]
    started = time.perf_counter()
    hits = merge_hits([answer.hits[0] for answer in answers], wanted)
    # of copies in several collections one is left, which need not be the one that was asked about
    others = [hit for hit in hits if (hit.id, hit.text) != (document.id, document.text)]
    timings = Timings(
        encode=0.0,
        search=sum(answer.search_seconds for answer in answers),
        fetch=sum(answer.fetch_seconds for answer in answers) + time.perf_counter() - started,
    )
    ranked = tuple(replace(hit, rank=rank) for rank, hit in enumerate(others[:k], 1))
    return SearchResult(document.text, document.lang, space, ranked, timings)
