"""The sentence of a hit that answers the query best."""

import re
from collections import defaultdict
from collections.abc import Sequence

from xsearch.collection import Hit
from xsearch.collection.encoding import EncoderFor, installed_encoder
from xsearch.errors import LanguageError
from xsearch.sentence_marks import MARKS, WIDE_MARKS

MOST_SENTENCES = 40
"""Of a longer text only so many sentences are looked at, from its start on."""

_LONGEST = 600

# An end of sentence (an initial or a number before the mark is none; the mark may stand in quotes), or a line break.
_END = re.compile(rf"(?<={MARKS})(?<!\b\w\.)\s+|(?<={MARKS}[\"'”’»)\]])\s+|(?<={WIDE_MARKS})|\n+")


def sentences(text: str) -> list[tuple[int, int]]:
    """The places [start, end) of the sentences of a text, without the white space around them."""
    places = []
    start = 0
    for end in [*_END.finditer(text), None]:
        stop = len(text) if end is None else end.start()
        piece = text[start:stop]
        if piece.strip():
            first = start + len(piece) - len(piece.lstrip())
            places.append((first, first + len(piece.strip())))
        start = len(text) if end is None else end.end()
    return places


def best_sentences(
    query: str, hits: Sequence[Hit], *, query_lang: str, encoder_for: EncoderFor = installed_encoder
) -> list[tuple[int, int] | None]:
    """For each hit the place of the sentence nearest to the query, in the shared space.

    None for a hit of a single sentence, where there is nothing to point out, and for a hit in a language whose
    module is not installed here. Sentences of one language are encoded together.
    """
    places = [sentences(hit.text)[:MOST_SENTENCES] for hit in hits]
    by_language: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for which, hit in enumerate(hits):
        if len(places[which]) > 1:
            by_language[hit.lang] += [(which, sentence) for sentence in range(len(places[which]))]
    if not by_language:
        return [None] * len(hits)
    vector = encoder_for(query_lang).encode([query], space="shared")[0]
    best: dict[int, tuple[int, int]] = {}
    for lang, chosen in by_language.items():
        try:
            encoder = encoder_for(lang)
        except LanguageError:
            continue
        texts = []
        for which, sentence in chosen:
            start, end = places[which][sentence]
            texts.append(hits[which].text[start : min(end, start + _LONGEST)])
        scores = (encoder.encode(texts, space="shared") @ vector).tolist()
        for (which, sentence), _ in sorted(zip(chosen, scores, strict=True), key=lambda pair: -pair[1]):
            best.setdefault(which, places[which][sentence])
    return [best.get(which) for which in range(len(hits))]
