"""BM25 over the words of documents, for hybrid search: an optional extra, by tantivy.

A collection that asks for it (`IndexSettings.keywords`) keeps an inverted index of its documents beside the others,
rebuilt when many have come since; later documents are indexed in memory when a query first needs them. Each language
has its own field with its own stemmer, so words only match within a language. Fusion takes a document that stands in
both rankings for a good one, whatever little its words share with the query's; so a document must have half of them,
and words that many documents have do not count (minimum_should_match and common terms query of Lucene). How many have
a word is counted over all the indexes, so that it does not matter which of them holds a document.
"""

import math
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xsearch.collection.contents import live_rows
from xsearch.collection.documents import LANG, TEXT
from xsearch.collection.durable import settle
from xsearch.collection.manifest import KeywordsRecord
from xsearch.collection.snapshot import Snapshot
from xsearch.errors import CollectionError, MissingExtraError, QueryError
from xsearch.surrogates import replace_surrogates

FOLDER = "keywords"
IN_MEMORY = 20_000
"""So many documents may be indexed in memory for a query; it takes about a second."""

_BATCH_ROWS = 8192
_HEAP_BYTES = 64 << 20
_MOST_WORDS = 64
_COMMON, _FEW = 0.1, 20
"""A word in more than this share of the documents, and in more than so many, tells no document from another."""
_STEMMERS = {
    "ar": "arabic", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish", "fi": "finnish",
    "fr": "french", "hu": "hungarian", "it": "italian", "nl": "dutch", "no": "norwegian", "pt": "portuguese",
    "ro": "romanian", "ru": "russian", "sv": "swedish", "ta": "tamil", "tr": "turkish",
}  # fmt: skip
_WORD = r"[\p{Alphabetic}\p{M}\p{Nd}]+"  # the library's own rule cuts Indic words at every virama
_WITHOUT_SPACES = {"ja", "km", "lo", "my", "th", "zh"}


def write_keywords(snapshot: Snapshot, name: str) -> KeywordsRecord:
    """Index the words of all living documents; at least one must live. Raises OSError if the disk is full."""
    folder = snapshot.folder / FOLDER / name
    folder.mkdir(parents=True)
    try:
        index = _Words(snapshot.languages, folder)
        last_key = index.add(_documents(snapshot, 0))
    except ValueError as error:
        # tantivy's word for a full disk, among others
        raise OSError(f"the index of words: {error}") from None
    files = [path for path in sorted(folder.iterdir()) if path.suffix != ".lock"]
    return KeywordsRecord(name, index.rows, last_key, snapshot.languages, settle(snapshot.folder, files))


def require_words() -> None:
    """Raise MissingExtraError, which names the extra to install, without tantivy."""
    _tantivy()


class Keywords:
    """The words of a snapshot, searchable. Thread-safe."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._lock = threading.Lock()
        self._indexes: list[_Words] | None = None

    def search(
        self, query: str, lang: str, n: int, allowed: NDArray[np.int64] | None
    ) -> list[tuple[float, int]]:
        """BM25 score and key of about the n best living documents in `lang`, best first, among `allowed` if given.

        Raises MissingExtraError without tantivy, QueryError if too many documents have no word index,
        CollectionError if it is damaged, and FileNotFoundError if it is gone (a later commit has another one).
        """
        require_words()
        if lang not in self._snapshot.languages:
            return []
        living = self._are_living if allowed is None else lambda keys: np.isin(keys, allowed)
        with self._lock:
            try:
                if self._indexes is None:
                    self._indexes = list(self._open())
                rows = sum(index.rows for index in self._indexes)
                indexes = [index for index in self._indexes if lang in index.languages]
                weights = self._weights(indexes, rows, query, lang)
                found = [pair for index in indexes for pair in index.search(weights, lang, n, living)]
            except BaseException as error:
                # a panic of tantivy, which damaged files can cause, is no Exception
                if isinstance(error, ValueError) or type(error).__name__ == "PanicException":
                    raise self._unreadable(error) from None
                raise
        return sorted(found, key=lambda pair: (-pair[0], pair[1]))[:n]

    def _are_living(self, keys: NDArray[np.int64]) -> NDArray[np.bool_]:
        # merging segments forgets the dead that are in none of them, an index of words still holds them
        held = np.zeros(len(keys), bool)
        for segment in self._snapshot.segments:
            held |= segment.rows_of(keys) >= 0
        return held & ~self._snapshot.is_dead(keys)

    def _weights(self, indexes: Sequence["_Words"], rows: int, query: str, lang: str) -> dict[str, float]:
        """The telling words of a query and how rare each is, given the indexes with `lang` and the `rows` of all."""
        if not indexes:
            return {}
        living = self._snapshot.manifest.count
        # the dead may be the very ones that have a word, as when all who have it were replaced
        common = max(_FEW, _COMMON * living) + rows - living
        words = indexes[0].words(query, lang)[:_MOST_WORDS]
        counts = {word: sum(index.count(word, lang) for index in indexes) for word in words}
        return {word: _rarity(count, rows) for word, count in counts.items() if count <= common}

    def _unreadable(self, error: BaseException) -> Exception:
        record, folder = self._snapshot.manifest.keywords, self._snapshot.folder
        for file in record.files if record is not None else ():
            if not (folder / file.path).exists():
                return FileNotFoundError(2, "No such file", str(folder / file.path))
        return CollectionError(
            f"the index of words of {folder.name!r} cannot be read: {error}; `xsearch verify` names the damaged file, "
            "`xsearch compact` makes it anew"
        )

    def _open(self) -> Iterator["_Words"]:
        record = self._snapshot.manifest.keywords
        first_key = 0
        if record is not None:
            words = _Words(record.languages, self._snapshot.folder / FOLDER / record.name, opened=True)
            for segment in self._snapshot.segments:
                segment.check_in_place()
            yield words
            first_key = record.last_key + 1
        tail = self._snapshot.rows_from(first_key)
        if tail > IN_MEMORY:
            raise QueryError(
                f"{tail} documents of {self._snapshot.folder.name!r} have no word index, which hybrid search needs; "
                "index the corpus again with --keywords"
            )
        if tail:
            index = _Words(self._snapshot.languages)
            index.add(_documents(self._snapshot, first_key))
            yield index


class _Words:
    """A tantivy index with a field of words for each language; in memory without a folder."""

    def __init__(self, languages: Sequence[str], folder: Path | None = None, *, opened: bool = False) -> None:
        tantivy = _tantivy()
        builder = tantivy.SchemaBuilder()
        builder.add_integer_field("key", stored=True)
        for lang in languages:
            builder.add_text_field(lang, tokenizer_name=lang, index_option="freq")
        self._schema = builder.build()
        self.languages = languages
        self._analysers = {lang: _analyser(lang) for lang in languages}
        if opened:
            self._index = tantivy.Index.open(str(folder))
        else:
            self._index = tantivy.Index(self._schema, path=None if folder is None else str(folder))
        for lang, analyser in self._analysers.items():
            self._index.register_tokenizer(lang, analyser)
        self.rows = int(self._index.searcher().num_docs)

    def add(self, documents: Iterable[tuple[int, str, str]]) -> int:
        """Add (key, lang, text) triples by ascending key; returns the last key."""
        tantivy = _tantivy()
        writer = self._index.writer(_HEAP_BYTES, 1)
        key = -1
        for key, lang, text in documents:
            document = tantivy.Document()
            document.add_integer("key", key)
            document.add_text(lang, text)
            writer.add_document(document)
            self.rows += 1
        writer.commit()
        writer.wait_merging_threads()
        self._index.reload()
        return key

    def words(self, text: str, lang: str) -> list[str]:
        """The words of a text, each once, in the form in which they are indexed."""
        # a lone surrogate, which tantivy does not take, is read as the encoder reads it
        return list(dict.fromkeys(self._analysers[lang].analyze(replace_surrogates(text))))

    def count(self, word: str, lang: str) -> int:
        """How many documents in `lang` have the word."""
        return int(self._index.searcher().doc_freq(lang, word))

    def search(
        self,
        weights: Mapping[str, float],
        lang: str,
        n: int,
        wanted: Callable[[NDArray[np.int64]], NDArray[np.bool_]],
    ) -> list[tuple[float, int]]:
        """BM25 score and key of the n best documents, among those that are `wanted`, that have half of the words."""
        if not weights:
            return []
        tantivy, searcher = _tantivy(), self._index.searcher()
        terms = []
        for word, weight in weights.items():
            term = tantivy.Query.term_query(self._schema, lang, word)
            # in place of the weight that the word has in this index alone
            boost = weight / _rarity(self.count(word, lang), self.rows)
            terms.append((tantivy.Occur.Should, tantivy.Query.boost_query(term, boost)))
        half = tantivy.Query.boolean_query(terms, minimum_number_should_match=(len(terms) + 1) // 2)
        found: list[tuple[float, int]] = []
        first, size = 0, n
        while len(found) < n:
            hits = searcher.search(half, size, offset=first).hits
            pairs = [(float(score), int(searcher.doc(address)["key"][0])) for score, address in hits]
            keep = wanted(np.array([key for _, key in pairs], np.int64))
            found += [pair for pair, kept in zip(pairs, keep, strict=True) if kept]
            if len(hits) < size:
                break
            first, size = first + size, 4 * size
        return found[:n]


def _rarity(count: int, rows: int) -> float:
    """The inverse document frequency of BM25, as tantivy reckons it, of a word that `count` of `rows` have."""
    return math.log(1 + (rows - count + 0.5) / (count + 0.5))


def _documents(snapshot: Snapshot, first_key: int) -> Iterator[tuple[int, str, str]]:
    segments = [segment for segment in snapshot.segments if segment.record.last_key >= first_key]
    for live in live_rows(snapshot, segments, _BATCH_ROWS):
        langs, texts = live.table[LANG].to_pylist(), live.table[TEXT].to_pylist()
        for key, lang, text in zip(live.keys.tolist(), langs, texts, strict=True):
            if key >= first_key:
                yield key, lang, text


def _analyser(lang: str) -> Any:
    tantivy = _tantivy()
    if lang in _WITHOUT_SPACES:
        tokenizer = tantivy.Tokenizer.ngram(min_gram=2, max_gram=2)
        return tantivy.TextAnalyzerBuilder(tokenizer).filter(tantivy.Filter.lowercase()).build()
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.regex(_WORD)).filter(tantivy.Filter.lowercase())
    if lang in _STEMMERS:
        builder = builder.filter(tantivy.Filter.stemmer(_STEMMERS[lang]))
    return builder.build()


def _tantivy() -> Any:
    try:
        import tantivy
    except ImportError:
        raise MissingExtraError(
            "hybrid search needs tantivy; install it with: pip install 'xsearch[hybrid]'"
        ) from None
    return tantivy
