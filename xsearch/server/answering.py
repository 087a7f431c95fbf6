"""What the worker threads do: many requests in, an outcome for each out, and one failure spoils no other.

Queries of one language go through the encoder together, whatever else their requests ask for, and those that ask for
the same also through the index.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from xsearch.answers import Terms, answer_of
from xsearch.collection.encoding import TextEncoder
from xsearch.encoder import Encoder, encoder_for
from xsearch.errors import QueryError
from xsearch.index.library import faiss
from xsearch.json_lines import json_line
from xsearch.languages import AUTO
from xsearch.qa import LongPassages, OptionScores, score_options
from xsearch.search import SearchResult, Timings, search
from xsearch.search.query_language import detection_notice, query_language
from xsearch.search.several import common_space
from xsearch.server.failures import without_paths
from xsearch.server.library import Library, Shelf


@dataclass(frozen=True)
class SearchRequest:
    """Queries, and how to search for them. Of a language that is detected only a query `alone` is told."""

    queries: tuple[str, ...]
    terms: Terms
    alone: bool


@dataclass(frozen=True)
class Found:
    """A line of JSON for each query; how many collections were searched, notices, and the mean time of a query."""

    lines: tuple[str, ...]
    collections: int
    notices: tuple[str, ...]
    timings: Timings


@dataclass(frozen=True)
class EncodeRequest:
    """Texts of one language to encode in one space, and what to make of their vectors."""

    texts: tuple[str, ...]
    lang: str
    space: str
    render: Callable[[Encoder, Sequence[str], NDArray[np.float32]], bytes]


@dataclass(frozen=True)
class QaRequest:
    """A question with its options and passage, as `xsearch.score_options` takes them."""

    passage: str
    question: str
    options: tuple[str, ...]
    lang: str
    passage_lang: str | None
    question_lang: str | None
    option_lang: str | None
    long_passages: LongPassages


@dataclass
class _Pending:
    """A request while its queries are worked on."""

    request: SearchRequest
    results: list[SearchResult | None]
    notices: list[str]
    collections: int = 0
    error: Exception | None = None


@dataclass(frozen=True)
class _Part:
    """Queries of the same terms, as places in their requests, and the collections that they are for."""

    terms: Terms
    shelf: Shelf
    members: list[tuple[_Pending, int]]

    @property
    def queries(self) -> list[str]:
        return [pending.request.queries[place] for pending, place in self.members]


def prepare_thread() -> None:
    """FAISS would give every search a thread a core; here the requests beside it have the other cores."""
    faiss().omp_set_num_threads(1)  # of the calling thread


class Answering:
    """Answers requests over the collections of a library, with encoders on `device`."""

    def __init__(self, library: Library, device: str) -> None:
        self._library = library
        self._device = device
        self._encoder_for = partial(encoder_for, device=device)

    def search(self, requests: Sequence[SearchRequest]) -> list[Found | Exception]:
        """Each request's hits, or why there are none."""
        pendings = [_Pending(request, [None] * len(request.queries), []) for request in requests]
        together: defaultdict[tuple[str, str], list[_Part]] = defaultdict(list)
        for terms, members in self._by_terms(pendings).items():
            try:
                shelf = self._library.shelf(terms.collections)
                space = common_space(shelf.collections, terms.space, terms.lang)
            except Exception as error:
                _fail(members, error)
            else:
                together[terms.lang, space].append(_Part(terms, shelf, members))
        for (lang, space), parts in together.items():
            self._search_parts(lang, space, parts)
        return [self._found(pending) for pending in pendings]

    def encode(self, requests: Sequence[EncodeRequest]) -> list[bytes | Exception]:
        """What each request makes of its vectors; all are of the same language and space."""
        lang, space = requests[0].lang, requests[0].space
        encoder = self._encoder_for(lang)
        if space not in encoder.spaces:
            raise QueryError(f"the {lang} module has the spaces {', '.join(encoder.spaces)}, not {space}")
        vectors = encoder.encode([text for request in requests for text in request.texts], space=space)
        ends = np.cumsum([len(request.texts) for request in requests])
        pieces = np.split(vectors, ends[:-1])
        return [
            request.render(encoder, request.texts, piece)
            for request, piece in zip(requests, pieces, strict=True)
        ]

    def score(self, requests: Sequence[QaRequest]) -> list[OptionScores | Exception]:
        """The scores of each question's options."""
        return [
            score_options(
                request.passage,
                request.question,
                request.options,
                lang=request.lang,
                passage_lang=request.passage_lang,
                question_lang=request.question_lang,
                option_lang=request.option_lang,
                long_passages=request.long_passages,
                device=self._device,
            )
            for request in requests
        ]

    def _by_terms(self, pendings: Sequence[_Pending]) -> dict[Terms, list[tuple[_Pending, int]]]:
        groups: defaultdict[Terms, list[tuple[_Pending, int]]] = defaultdict(list)
        for pending in pendings:
            terms = pending.request.terms
            try:
                langs = _languages(pending)
            except Exception as error:
                pending.error = error
                continue
            for place, lang in enumerate(langs):
                groups[replace(terms, lang=lang)].append((pending, place))
        return groups

    def _search_parts(self, lang: str, space: str, parts: list[_Part]) -> None:
        texts = [query for part in parts for query in part.queries]
        started = time.perf_counter()
        try:
            encoder = self._encoder_for(lang)
            vectors = encoder.encode(texts, space=space)
        except Exception as error:
            _fail([member for part in parts for member in part.members], error)
            return
        share = (time.perf_counter() - started) / len(texts)
        for part in parts:
            own, vectors = vectors[: len(part.members)], vectors[len(part.members) :]
            try:
                results = search(
                    part.shelf.collections,
                    part.queries,
                    lang=lang,
                    k=part.terms.k,
                    space=space,
                    where=part.terms.where,
                    hybrid=part.terms.hybrid,
                    encoder_for=_Encoded(encoder, own).for_any,
                )
            except Exception as error:
                _fail(part.members, error)
                continue
            for (pending, place), result in zip(part.members, results, strict=True):
                pending.results[place] = replace(result, timings=replace(result.timings, encode=share))
                pending.collections = len(part.shelf.collections)
            for pending in {id(pending): pending for pending, _ in part.members}.values():
                pending.notices += [f"Leaving out {name}: {why}" for name, why in part.shelf.left_out]

    def _found(self, pending: _Pending) -> Found | Exception:
        if pending.error is not None:
            return pending.error
        results = [result for result in pending.results if result is not None]
        mean = np.mean([astuple(result.timings) for result in results], axis=0).tolist()
        notices = (without_paths(notice, self._library.store) for notice in pending.notices)
        return Found(
            tuple(json_line(answer_of(result)) for result in results),
            pending.collections,
            tuple(dict.fromkeys(notices)),
            Timings(*mean),
        )


class _Encoded:
    """An encoder whose work is done: it gives these vectors for whatever texts."""

    def __init__(self, encoder: TextEncoder, vectors: NDArray[np.float32]) -> None:
        self.dimension = encoder.dimension
        self.content_hash = encoder.content_hash
        self.shared_hash = encoder.shared_hash
        self.spaces = encoder.spaces
        self.one_space = encoder.one_space
        self.search_space = encoder.search_space
        self._vectors = vectors

    def encode(self, texts: Sequence[str], space: str = "shared") -> NDArray[np.float32]:
        return self._vectors

    def for_any(self, language: str) -> TextEncoder:
        return self


def _languages(pending: _Pending) -> list[str]:
    queries, lang = pending.request.queries, pending.request.terms.lang
    if lang != AUTO:
        return [lang] * len(queries)
    found = [query_language(query) for query in queries]
    if pending.request.alone:
        pending.notices.append(detection_notice(found[0]))
    return [one.code for one in found]


def _fail(members: Sequence[tuple[_Pending, int]], error: Exception) -> None:
    for pending, _ in members:
        pending.error = pending.error or error
