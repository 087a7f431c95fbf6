"""`xsearch index`: a corpus through the encoders into a collection, in commits, resumable after any interruption."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from xsearch.collection import Collection, IndexSettings, ModuleRecord, Writer
from xsearch.collection.encoding import check_module, record_of
from xsearch.collection.maintenance import check_settings, merge_small_segments, tidy
from xsearch.collection.manifest import MANIFEST_NAME, SourceRecord
from xsearch.collection.spaces import spaces_to_index
from xsearch.errors import CollectionError, CorpusError
from xsearch.search.engine import Engine, LocalEngine, StreamingEncoder, Vectors, encode_ahead

if TYPE_CHECKING:
    import pyarrow as pa

    from xsearch.corpus import Corpus, DocumentBatch

_logger = logging.getLogger(__name__)

Mode = Literal["create", "append", "upsert"]

EncoderFor = Callable[[str], StreamingEncoder]

_BATCH = 1024


@dataclass(frozen=True)
class Progress:
    """Where indexing stands: the stage (encoding documents, or building the index over them), documents done in this
    stage out of `total`, those of them that an earlier run had done, and seconds since the start.
    """

    stage: Literal["encode", "index"]
    done: int
    total: int
    resumed: int
    seconds: float


@dataclass(frozen=True)
class IndexingReport:
    """What a run did: documents taken in (of which `resumed` by an earlier, interrupted run), documents that they
    replaced, the documents that the collection holds now, its spaces and languages, and the seconds that it
    took.
    """

    documents: int
    resumed: int
    replaced: int
    collection_size: int
    spaces: tuple[str, ...]
    languages: tuple[str, ...]
    seconds: float


def index_corpus(
    corpus: "Corpus",
    path: str | Path,
    *,
    lang: str | None = None,
    mode: Mode = "create",
    spaces: str = "auto",
    settings: IndexSettings | None = None,
    device: str = "auto",
    commit_every: int = 20_000,
    progress: Callable[[Progress], None] | None = None,
    encoder_for: EncoderFor | None = None,
    engine: Engine | None = None,
) -> IndexingReport:
    """Encode a corpus and store it in the collection at `path`.

    The next batches are encoded while one is stored; what is stored does not depend on the engine.

    Args:
        corpus: the documents.
        path: the collection's folder.
        lang: the language of the documents, where the corpus has no language column.
        mode: create makes the collection; append adds to one, and an id that is there already is an error; upsert
            replaces the document with that id.
        spaces: auto, both, shared or native; only for create, as are `settings`.
        settings: the index wanted.
        device: auto, cpu or cuda, for encoding and for building the index.
        commit_every: documents after which the work done is committed. An interrupted run, started again with the
            same corpus and mode, goes on from its last commit; another append or upsert takes its place.
        progress: called after every batch and stage.
        encoder_for: gives the encoder of a language; by default that of the installed modules.
        engine: encodes the documents, and stays open; by default this process, with `encoder_for`. What another
            one has encoded is stored as the work of the modules that `encoder_for` gives.

    Raises:
        CollectionError: the collection exists (create), does not exist (append, upsert), is being written by another
            process, or cannot be written.
        CorpusError, LanguageError, ModuleError: from reading and encoding. A collection that this run created is
            removed again if nothing was committed or the corpus is at fault.
    """
    path = Path(path).absolute()
    encoder_for = encoder_for or _installed(device)
    run = _Run(corpus, lang, mode, encoder_for, progress)
    created = run.prepare(path, spaces, settings)
    try:
        with ExitStack() as stack:
            return run.execute(
                path, engine or stack.enter_context(LocalEngine(encoder_for)), device, commit_every
            )
    except BaseException as error:
        if created and (isinstance(error, CorpusError) or not len(Collection.open(path, device=None))):
            Collection.open(path, device=None).drop()
        raise


def _installed(device: str) -> EncoderFor:
    from xsearch.encoder import encoder_for

    return partial(encoder_for, device=device)


@dataclass(frozen=True)
class _Documents:
    """A batch whose documents all have a language."""

    ids: list[str]
    texts: list[str]
    langs: list[str]
    metadata: "pa.Table"


class _Run:
    """One call of `index_corpus`."""

    def __init__(
        self,
        corpus: "Corpus",
        lang: str | None,
        mode: Mode,
        encoder_for: EncoderFor,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self._corpus, self._lang, self._mode = corpus, lang, mode
        self._encoder_for = encoder_for
        self._progress = progress
        self._started = time.monotonic()
        self._resumed = 0

    def prepare(self, path: Path, spaces: str, settings: IndexSettings | None) -> bool:
        """Make the collection if it is to be made; returns whether it was."""
        if self._mode != "create":
            return False
        if (path / MANIFEST_NAME).exists():
            collection = Collection.open(path, device=None)
            if self._can_resume(collection.manifest.source):
                wanted = self._encoders_and_spaces(spaces)[1], settings or IndexSettings()
                if (collection.spaces, collection.manifest.settings) != wanted:
                    raise CollectionError(
                        f"indexing into {path.name!r} was interrupted and had other spaces or settings of the index; "
                        "run that command again to finish it, or drop the collection"
                    )
                return False
            if collection.manifest.commit:
                raise CollectionError(
                    f"a collection {path.name!r} exists already ({len(collection)} documents); choose another name "
                    "(-c), add to it with --mode append or upsert, or drop it first"
                )
            collection.drop()
        encoders, chosen = self._encoders_and_spaces(spaces)
        Collection.create(path, modules=[], dimension=encoders[0].dimension, spaces=chosen, settings=settings)
        return True

    def _encoders_and_spaces(self, spaces: str) -> tuple[list[StreamingEncoder], tuple[str, ...]]:
        """The encoders of the languages that the corpus begins with, and the spaces that `spaces` means for them."""
        first = next(iter(self._corpus.batches(_BATCH)), None)
        languages = sorted(set(self._languages(first))) if first else [self._lang] if self._lang else []
        if not languages:
            raise CorpusError("the corpus has no documents, so there is nothing to index")
        encoders = [self._encoder_for(language) for language in languages]
        return encoders, spaces_to_index(
            spaces,
            prefers_native=[len(encoders) == 1 and encoder.search_space == "native" for encoder in encoders],
            one_space=[encoder.one_space for encoder in encoders],
        )

    def execute(self, path: Path, engine: Engine, device: str, commit_every: int) -> IndexingReport:
        replaced = 0
        with Collection.open(path, device=None).writer() as writer:
            # before hours of encoding, not after: what the collection keeps may need an extra that is not here
            check_settings(writer.manifest.settings, writer.manifest.dimension)
            source = self._source(writer)
            done = source.batches
            if self._mode == "append" and not done:
                self._refuse_taken(writer)
            batches = self._corpus.batches(_BATCH)
            self._resumed = documents = sum(len(read.ids) for read in islice(batches, done))
            unread = self._labelled(batches, writer.manifest.dimension, dict(writer.manifest.modules))
            for batch, vectors in encode_ahead(engine, unread, writer.manifest.spaces):
                replaced += self._take_in(writer, batch, vectors)
                documents += len(batch.ids)
                done += 1
                self._report("encode", documents)
                if writer.pending >= commit_every:
                    writer.commit(self._record(done, complete=False))
                    merge_small_segments(writer)
            writer.commit(self._record(done, complete=False))
            self._report("index", 0)
            tidy(writer, device, partial(self._report, "index"))
            writer.commit(self._record(done, complete=True))
            self._report("index", documents)
            manifest = writer.manifest
        return IndexingReport(
            documents=documents,
            resumed=self._resumed,
            replaced=replaced,
            collection_size=manifest.count,
            spaces=manifest.spaces,
            languages=tuple(manifest.modules),
            seconds=time.monotonic() - self._started,
        )

    def _refuse_taken(self, writer: Writer) -> None:
        """Look at every id before the first commit: an append that is refused leaves no trace."""
        for batch in self._corpus.batches(_BATCH):
            writer.refuse_taken(batch.ids)

    def _take_in(self, writer: Writer, batch: _Documents, vectors: Vectors) -> int:
        for language in dict.fromkeys(batch.langs):
            writer.admit(record_of(language, self._encoder_for(language)))
        store = writer.upsert if self._mode == "upsert" else writer.add
        return store(batch.ids, batch.texts, lang=batch.langs, vectors=vectors, metadata=batch.metadata)

    def _labelled(
        self, batches: "Iterable[DocumentBatch]", dimension: int, modules: dict[str, ModuleRecord]
    ) -> Iterator[_Documents]:
        """Raises CollectionError before a language is encoded whose vectors cannot stand beside the others'."""
        for batch in batches:
            langs = self._languages(batch)
            for language in dict.fromkeys(langs):
                encoder = self._encoder_for(language)
                if encoder.dimension != dimension:
                    raise CollectionError(
                        f"the {language} module gives vectors of {encoder.dimension} dimensions, the collection holds "
                        f"{dimension}; all languages of a collection must share one base"
                    )
                module = record_of(language, encoder)
                check_module(modules, module)
                modules[language] = module
            yield _Documents(batch.ids, batch.texts, langs, batch.metadata)

    def _languages(self, batch: "DocumentBatch") -> list[str]:
        if batch.langs is not None:
            return batch.langs
        if self._lang is None:
            raise CorpusError(
                "the corpus has no language column; say its language with --lang, or name the column"
            )
        return [self._lang] * len(batch.ids)

    def _record(self, batches: int, *, complete: bool) -> SourceRecord:
        return SourceRecord(self._fingerprint, self._mode, _BATCH, batches, complete)

    @property
    def _fingerprint(self) -> str:
        return f"{self._corpus.fingerprint}:{self._lang or ''}"

    def _can_resume(self, source: SourceRecord | None) -> bool:
        return (
            source is not None
            and not source.complete
            and (source.fingerprint, source.mode, source.batch_size)
            == (self._fingerprint, self._mode, _BATCH)
        )

    def _source(self, writer: Writer) -> SourceRecord:
        source = writer.manifest.source
        if source is None or source.complete:
            return self._record(0, complete=False)
        if self._can_resume(source):
            return source
        if source.mode == "create":
            raise CollectionError(
                f"indexing another corpus into {writer.folder.name!r} was interrupted; run that command again to "
                "finish it, or drop the collection"
            )
        _logger.warning(
            "another %s into %r was interrupted; what it had taken in stays, and it cannot go on any more",
            source.mode,
            writer.folder.name,
        )
        return self._record(0, complete=False)

    def _report(self, stage: Literal["encode", "index"], done: int) -> None:
        if self._progress is not None:
            seconds = time.monotonic() - self._started
            self._progress(Progress(stage, done, self._corpus.row_count, self._resumed, seconds))
