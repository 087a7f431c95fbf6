"""The routes, and what each takes and gives."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from xsearch import __version__
from xsearch.answers import MOST_HITS_A_REQUEST, Terms
from xsearch.encoder import Encoder, available_modules, load_ahead, loaded_languages
from xsearch.errors import QueryError
from xsearch.index.library import faiss
from xsearch.json_lines import json_line
from xsearch.languages import AUTO, resolve
from xsearch.qa import LongPassages
from xsearch.server.answering import Answering, EncodeRequest, Found, QaRequest, SearchRequest, prepare_thread
from xsearch.server.embeddings import embeddings_request
from xsearch.server.failures import HANDLERS, refusal
from xsearch.server.fields import Fields, read_body
from xsearch.server.hosts import KnownHosts
from xsearch.server.library import Library
from xsearch.server.limits import Limits
from xsearch.server.workers import Workers

_MOST_OPTIONS = 64

_logger = logging.getLogger(__name__)


def application(
    store: Path, limits: Limits, *, device: str = "auto", loopback: bool = True, names: tuple[str, ...] = ()
) -> Starlette:
    """The ASGI application over the collections of `store`; `loopback` and `names` are for `KnownHosts`."""
    service = _Service(store, limits, device)
    app = Starlette(
        routes=[
            Route("/health", service.health, methods=["GET"]),
            Route("/search", service.search, methods=["POST"]),
            Route("/encode", service.encode, methods=["POST"]),
            Route("/qa", service.qa, methods=["POST"]),
            Route("/v1/embeddings", service.embeddings, methods=["POST"]),
        ],
        middleware=[Middleware(KnownHosts, loopback=loopback, names=names)],
        exception_handlers=HANDLERS,
        lifespan=service.lifespan,
    )
    app.state.store = service.library.store
    return app


class _Service:
    def __init__(self, store: Path, limits: Limits, device: str) -> None:
        self.library = Library(store)
        self._limits = limits
        self._device = device
        self._workers = Workers(limits.threads, limits.waiting, limits.patience, prepare_thread)
        self._answering = Answering(self.library, device)

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Loads modules behind the first requests; at the end waits for what is running."""
        warming = asyncio.create_task(asyncio.to_thread(self._warm_up))
        yield
        await warming
        await asyncio.to_thread(self._workers.close)

    async def health(self, request: Request) -> Response:
        """What is served and how busy the server is; answered however long the queue."""
        return _json(await run_in_threadpool(self._state))

    async def search(self, request: Request) -> Response:
        """One query gives what `xsearch query --format json` prints, a list of them a line each."""
        fields = await self._fields(request)
        fields.known("query", "queries", "lang", "collections", "k", "space", "where", "hybrid")
        if fields.has("query") == fields.has("queries"):
            raise refusal(400, "expected either query, a text, or queries, a list of texts")
        several = fields.has("queries")
        queries = fields.texts("queries", self._limits.texts) if several else (fields.text("query"),)
        if not all(query.strip() for query in queries):
            raise QueryError("the query is empty; expected some words")
        lang = fields.text("lang")
        names = fields.texts("collections", 1000) if fields.has("collections") else ()
        k = fields.integer("k", min(10, self._limits.k), self._limits.k)
        if k * len(queries) > MOST_HITS_A_REQUEST:
            raise refusal(400, f"{len(queries)} queries with {k} hits each: over {MOST_HITS_A_REQUEST} hits")
        terms = Terms(
            lang=lang if lang == AUTO else resolve(lang).code,
            collections=names,
            k=k,
            space=fields.choice("space", ("auto", "shared", "native")),
            where=fields.optional_text("where"),
            hybrid=fields.truth("hybrid"),
        )
        found: Found = await self._workers.run(
            self._answering.search,
            SearchRequest(queries, terms, alone=not several),
            key=("search", terms.lang),
            texts=len(queries),
        )
        response = Response(
            "".join(f"{line}\n" for line in found.lines),
            media_type="application/x-ndjson" if several else "application/json",
        )
        spent = asdict(found.timings).items()
        response.headers["Server-Timing"] = ", ".join(f"{name};dur={1000 * took:.3f}" for name, took in spent)
        response.headers["Xsearch-Collections"] = str(found.collections)
        if found.notices:
            response.headers["Xsearch-Notices"] = quote(json.dumps(found.notices[:20]))
        return response

    async def encode(self, request: Request) -> Response:
        """Vectors of texts."""
        fields = await self._fields(request)
        fields.known("texts", "lang", "space")
        texts = fields.texts("texts", self._limits.texts)
        lang = resolve(fields.text("lang")).code
        space = fields.choice("space", ("shared", "native"))
        asked = EncodeRequest(texts, lang, space, partial(_vectors, space))
        return await self._encoded(asked)

    async def embeddings(self, request: Request) -> Response:
        """Vectors of texts for OpenAI's clients."""
        return await self._encoded(embeddings_request(await self._fields(request), self._limits.texts))

    async def qa(self, request: Request) -> Response:
        """Which option a passage supports."""
        fields = await self._fields(request)
        fields.known("passage", "question", "options", "lang", "passage_lang", "question_lang", "option_lang",
                     "long_passages")  # fmt: skip
        asked = QaRequest(
            fields.text("passage"),
            fields.text("question"),
            fields.texts("options", _MOST_OPTIONS, least=2),
            fields.text("lang"),
            fields.optional_text("passage_lang"),
            fields.optional_text("question_lang"),
            fields.optional_text("option_lang"),
            cast(LongPassages, fields.choice("long_passages", ("best-window", "whole"))),
        )
        scores = await self._workers.run(self._answering.score, asked)
        return _json(scores.to_json(asked.options))

    async def _fields(self, request: Request) -> Fields:
        body = await read_body(request, self._limits)
        self._workers.check()  # what cannot be taken in need not be parsed
        return Fields(body)

    async def _encoded(self, asked: EncodeRequest) -> Response:
        key = ("encode", asked.lang, asked.space)
        body = await self._workers.run(self._answering.encode, asked, key=key, texts=len(asked.texts))
        return Response(body, media_type="application/json")

    def _state(self) -> dict[str, Any]:
        shelf = self.library.everything()
        collections = [
            {
                "name": collection.name,
                "documents": len(collection),
                "languages": collection.languages,
                "spaces": collection.spaces,
            }
            for collection in shelf.collections
        ]
        return {
            "status": "ok",
            "version": __version__,
            "collections": collections,
            "damaged": [name for name, _ in shelf.left_out],
            "modules": {"installed": sorted(available_modules()), "loaded": loaded_languages()},
            "running": self._workers.running,
            "waiting": self._workers.waiting,
            "limits": {
                "threads": self._limits.threads,
                "waiting": self._limits.waiting,
                "body": self._limits.body,
                "k": self._limits.k,
                "texts": self._limits.texts,
            },
        }

    def _warm_up(self) -> None:
        faiss()
        shelf = self.library.everything()
        for name, why in shelf.left_out:
            _logger.warning("leaving out %s: %s", name, why)
        load_ahead((lang for collection in shelf.collections for lang in collection.languages), self._device)


def _vectors(space: str, encoder: Encoder, texts: Sequence[str], vectors: NDArray[np.float32]) -> bytes:
    """The answer to /encode."""
    answer = {
        "lang": encoder.language,
        "space": space,
        "dimension": encoder.dimension,
        "vectors": vectors.tolist(),
    }
    return json.dumps(answer).encode() + b"\n"


def _json(value: Any) -> Response:
    return Response(json_line(value) + "\n", media_type="application/json")
