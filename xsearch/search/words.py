"""The words of a document that answer to the words of a query, also across languages.

Two views of a word are averaged. In context: the mean of its token vectors in the text, taken from the text's own
mean, since the tokens of a mean-pooled encoder all lean towards the sentence. Alone: the vector of the word as a
text of one word, which is what the encoder was trained to give; it keeps a word's own meaning where the context
drowns it. Both are cosines in the shared space, so it does not matter that the two texts are in different languages.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xsearch.encoder import Encoder, encoder_for

ANSWERS = 0.3
"""A similarity from which on a word of the document counts as an answer."""

WEIGHTY = 0.2
"""A query word matters if leaving it out moves the query at least this much of what the weightiest word does."""

MOST_WORDS = 400
_MOST_QUERY_WORDS = 40
_CLOSE = 0.85

# Letters and digits of any script, with their marks (accents, vowel signs; of Hebrew, Arabic and India), and
# apostrophes and hyphens inside a word.
_MARK = r"[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0900-\u0963\u0981-\u0dff]"
_WORD = re.compile(rf"[^\W_]+(?:{_MARK}[^\W_]*|['’-]+[^\W_]+)*")
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")


@dataclass(frozen=True)
class Answer:
    """A word of the document: its place [start, end) in the text and its similarity to the query's word."""

    start: int
    end: int
    similarity: float


@dataclass(frozen=True)
class AnsweredWord:
    """A word of the query, its place [start, end) there, and the words of the document that answer to it, the best
    first; none if nothing in the document does.
    """

    start: int
    end: int
    answers: tuple[Answer, ...]


def answering_words(query: str, text: str, *, query_lang: str, text_lang: str) -> list[AnsweredWord]:
    """The weighty words of the query in order, each with the words of the text that answer to it.

    Function words ("the", "is") are left out by their weight: the query hardly changes without them. Of a long
    text the part that the module reads is looked at. Raises LanguageError for a language without a module.
    """
    asked, told = encoder_for(query_lang), encoder_for(text_lang)
    ours, context = _in_context(asked, query, _MOST_QUERY_WORDS)
    theirs, others = _in_context(told, text, MOST_WORDS)
    if not ours or not theirs:
        return []
    alone = _alone(asked, query, ours) @ _alone(told, text, theirs).T
    similarity = (context @ others.T + alone) / 2
    weights = _weights(asked, query, ours)
    return [
        AnsweredWord(start, end, _answers(similarity[which], theirs))
        for which, (start, end) in enumerate(ours)
        if weights[which] >= WEIGHTY
    ]


def _answers(similarity: NDArray[np.float32], places: Sequence[tuple[int, int]]) -> tuple[Answer, ...]:
    """Those above the threshold that come close to the best one: the same word again, its synonyms."""
    best = float(similarity.max())
    return tuple(
        Answer(places[which][0], places[which][1], float(similarity[which]))
        for which in np.argsort(-similarity)
        if similarity[which] >= max(ANSWERS, best * _CLOSE)
    )


def _in_context(encoder: Encoder, text: str, most: int) -> tuple[list[tuple[int, int]], NDArray[np.float32]]:
    """The words that the encoder reads, and their (w, d) unit vectors in context."""
    tokens = encoder.token_vectors(text, space="shared")
    places, vectors = [], []
    for start, end in _words(text, most):
        inside = (tokens.spans[:, 0] < end) & (tokens.spans[:, 1] > start)
        if inside.any():
            places.append((start, end))
            vectors.append(tokens.vectors[inside].mean(axis=0))
    if not places:
        return [], np.empty((0, encoder.dimension), np.float32)
    stacked = np.stack(vectors)
    if len(places) > 1:
        stacked = stacked - stacked.mean(axis=0)
    return places, stacked / np.maximum(np.linalg.norm(stacked, axis=1, keepdims=True), 1e-12)


def _words(text: str, most: int) -> list[tuple[int, int]]:
    """The places of the words; where a script has no spaces, pairs of characters stand for them."""
    places: list[tuple[int, int]] = []
    for match in _WORD.finditer(text):
        start, end = match.span()
        if _UNSPACED.search(match[0]):
            places += [(at, min(at + 2, end)) for at in range(start, end, 2)]
        else:
            places.append((start, end))
        if len(places) >= most:
            break
    return places[:most]


def _alone(encoder: Encoder, text: str, places: Sequence[tuple[int, int]]) -> NDArray[np.float32]:
    """Each word's vector as a text of its own, (w, d); a word that occurs twice is encoded once."""
    words = [text[start:end] for start, end in places]
    distinct = {word: row for row, word in enumerate(dict.fromkeys(words))}
    vectors = encoder.encode(list(distinct), space="shared")
    return vectors[[distinct[word] for word in words]]


def _weights(encoder: Encoder, query: str, places: Sequence[tuple[int, int]]) -> NDArray[np.float32]:
    """How far the query moves without each word, as a share of the furthest; 1 for a query of one word."""
    if len(places) == 1:
        return np.ones(1, np.float32)
    without = [query[:start] + query[end:] for start, end in places]
    vectors = encoder.encode([query, *without], space="shared")
    moved = 1 - vectors[1:] @ vectors[0]
    shares: NDArray[np.float32] = moved / max(float(moved.max()), 1e-6)
    return shares
