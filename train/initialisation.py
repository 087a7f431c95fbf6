"""Step 1b: the first embedding table of a language, before any training.

For an English base: every foreign sub-word starts as the average of the English embeddings that it translates,
weighted by word alignment (`train.alignment`), so that the unchanged English body understands the language at once.
Sub-words that the translations show seldom lean on those that are spelt like them (`train.spelling`).
For a multilingual base: FOCUS (Dobler and de Melo, EMNLP 2023), which relies on the overlap of the vocabularies.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from tokenizers import Tokenizer

from train.alignment import align, collect_links
from train.recipe import Initialisation
from train.sequences import Ids
from train.spelling import predicted_by_spelling
from train.vocabulary import SPECIAL_TOKENS
from xsearch.errors import XsearchError

Table = NDArray[np.float32]
"""Embeddings, (vocabulary, d)."""

SAME_SPELLING = 1.0
"""Pseudo-count of a link between two sub-words of one spelling: names, digits, punctuation."""
ENOUGH = 0.05
"""Expected links below which an alignment says nothing."""

_SPECIAL_NAMES = {
    "[PAD]": ("[PAD]", "<pad>"), "[UNK]": ("[UNK]", "<unk>"), "[CLS]": ("[CLS]", "<s>"),
    "[SEP]": ("[SEP]", "</s>"), "[MASK]": ("[MASK]", "<mask>"),
}  # fmt: skip


def translated_table(
    tokenizer: Tokenizer,
    base_tokenizer: Tokenizer,
    base_table: Table,
    foreign: Sequence[str],
    english: Sequence[str],
    settings: Initialisation,
) -> Table:
    """A table for `tokenizer`; `foreign` and `english` are translations of each other, shuffled."""
    counts = translation_counts(tokenizer, base_tokenizer, len(base_table), foreign, english, settings)
    return table_of_counts(counts, tokenizer, base_tokenizer, base_table, settings)


def translation_counts(
    tokenizer: Tokenizer,
    base_tokenizer: Tokenizer,
    base_size: int,
    foreign: Sequence[str],
    english: Sequence[str],
    settings: Initialisation,
) -> sparse.csr_matrix:
    """How often a sub-word of `tokenizer` is expected to translate one of the base's, (vocabulary, `base_size`)."""
    links = collect_links(
        [e.ids for e in tokenizer.encode_batch_fast(list(foreign), add_special_tokens=False)],
        [e.ids for e in base_tokenizer.encode_batch_fast(list(english), add_special_tokens=False)],
        english_vocabulary=base_size,
        diagonal=settings.diagonal,
        max_links=settings.max_links,
    )
    counts = align(links, iterations=settings.iterations)
    counts.resize((tokenizer.get_vocab_size(), base_size))
    return counts


def table_of_counts(
    counts: sparse.csr_matrix,
    tokenizer: Tokenizer,
    base_tokenizer: Tokenizer,
    base_table: Table,
    settings: Initialisation,
) -> Table:
    """Every sub-word as the average of what it translates; sub-words of one spelling are taken for translations too.

    What the spelling of a sub-word foretells counts as much as `smoothing` more translations.
    """
    counts = counts + _same_spelling(tokenizer, base_tokenizer, counts.shape)
    total = np.asarray(counts.sum(axis=1)).ravel()
    table = np.asarray(sparse.diags(1 / np.maximum(total, 1e-9)) @ counts @ base_table, np.float32)
    known = total > ENOUGH
    table[~known] = table[known].mean(axis=0) if known.any() else base_table.mean(axis=0)
    if settings.smoothing and known.any():
        spellings = _spellings(tokenizer)
        guess = predicted_by_spelling(spellings, table, np.where(known, total, 0))
        spelt = np.array([spelling is not None for spelling in spellings])
        weight = (spelt * settings.smoothing / (total + settings.smoothing))[:, None]
        table = ((1 - weight) * table + weight * guess).astype(np.float32)
    return _finish(table, tokenizer, base_tokenizer, base_table, settings.rescale)


def focus_table(
    tokenizer: Tokenizer,
    base_tokenizer: Tokenizer,
    base_table: Table,
    sequences: Sequence[Ids],
    neighbours: int = 10,
) -> Table:
    """A table for `tokenizer` by FOCUS.

    A sub-word that the base knows keeps its embedding. Any other becomes a weighted average of known ones, weighted
    by their similarity in an auxiliary space learnt on the language's own text (`sequences`, token ids). One that
    this space does not know becomes the average of the pieces that the base would split it into. Softmax in place
    of the paper's sparsemax over the nearest `neighbours`.

    Raises:
        XsearchError: no sub-word is known to the base.
    """
    size = tokenizer.get_vocab_size()
    shared = _same_spelling(tokenizer, base_tokenizer, (size, len(base_table))).tocoo()
    anchors = shared.row
    if not len(anchors):
        raise XsearchError(
            'FOCUS needs sub-words that the base knows too, and there is none; set method = "translation" in the '
            "recipe's [initialisation]"
        )
    table = _split_by_base(tokenizer, base_tokenizer, base_table)
    table[anchors] = base_table[shared.col]
    auxiliary = _auxiliary_space(sequences, size)
    spoken = np.linalg.norm(auxiliary, axis=1) > 0
    anchors = anchors[spoken[anchors]]
    others = np.setdiff1d(np.flatnonzero(spoken), anchors)
    for start in range(0, len(others) if len(anchors) else 0, 1000):
        rows = others[start : start + 1000]
        similarity = auxiliary[rows] @ auxiliary[anchors].T
        nearest = np.argsort(-similarity, axis=1, kind="stable")[:, :neighbours]
        weight = np.exp(10 * np.take_along_axis(similarity, nearest, axis=1))
        weight /= weight.sum(axis=1, keepdims=True)
        table[rows] = np.einsum("rk,rkd->rd", weight, table[anchors[nearest]])
    return _finish(table, tokenizer, base_tokenizer, base_table, rescale=0.0)


def _split_by_base(tokenizer: Tokenizer, base_tokenizer: Tokenizer, base_table: Table) -> Table:
    """Every sub-word as the average of the base's pieces of its spelling, inside a word or at its start."""
    metaspace = _has_metaspace(tokenizer)
    encodings = base_tokenizer.encode_batch_fast(
        [_spelling(piece, metaspace)[0] for piece in _pieces(tokenizer)], add_special_tokens=False
    )
    table = np.tile(base_table.mean(axis=0), (len(encodings), 1)).astype(np.float32)
    for row, encoding in zip(table, encodings, strict=True):
        if encoding.ids:
            row[:] = base_table[encoding.ids].mean(axis=0)
    return table


def _spellings(tokenizer: Tokenizer) -> list[tuple[str, bool] | None]:
    """What every piece spells, and whether it starts a word, in the order of their ids.

    None for special tokens, digits and punctuation, which say nothing about each other.
    """
    metaspace = _has_metaspace(tokenizer)
    return [
        _spelling(piece, metaspace)
        if piece not in SPECIAL_TOKENS and any(character.isalpha() for character in piece)
        else None
        for piece in _pieces(tokenizer)
    ]


def _pieces(tokenizer: Tokenizer) -> list[str]:
    """The vocabulary in the order of its ids."""
    ids = tokenizer.get_vocab()
    return sorted(ids, key=ids.__getitem__)


def _auxiliary_space(sequences: Sequence[Ids], size: int, width: int = 100, window: int = 5) -> Table:
    """Static vectors (size, width at most) of the sub-words, of length 1, or 0 for one without a neighbour.

    The paper uses fastText; this is the truncated SVD of the positive PMI matrix, which Levy and Goldberg (2014)
    show to be what skip-gram factorises, so that no further package is needed.
    """
    from scipy.sparse.linalg import svds

    counts = sparse.csr_matrix((size, size), dtype=np.float32)
    for offset in range(1, window + 1):
        left = np.concatenate([s[:-offset] for s in sequences if len(s) > offset] or [np.zeros(0, np.int32)])
        right = np.concatenate([s[offset:] for s in sequences if len(s) > offset] or [np.zeros(0, np.int32)])
        weight = np.full(len(left), 1 / offset, np.float32)
        counts = counts + sparse.csr_matrix((weight, (left, right)), shape=(size, size))
    counts = (counts + counts.T).tocoo()
    frequency = np.asarray(counts.sum(axis=1)).ravel()
    expected = frequency[counts.row] * frequency[counts.col] / max(frequency.sum(), 1)
    pmi = np.log(np.maximum(counts.data / expected, 1e-9))
    kept = pmi > 0
    positive = sparse.csr_matrix((pmi[kept], (counts.row[kept], counts.col[kept])), shape=(size, size))
    left_vectors, strength, _ = svds(
        positive.astype(np.float64), k=min(width, size - 2), v0=np.ones(size), solver="arpack"
    )
    vectors = (left_vectors * np.sqrt(strength)).astype(np.float32)
    vectors[np.asarray(positive.sum(axis=1)).ravel() == 0] = 0
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9), np.float32)


def _same_spelling(tokenizer: Tokenizer, base: Tokenizer, shape: tuple[int, int]) -> sparse.csr_matrix:
    """1 where a sub-word of the language and one of the base are spelt alike and stand alike (start or inside).

    A cased base may know several spellings of one of ours (which are lower-cased): the first in its vocabulary that
    is itself in lower case, otherwise the first.
    """
    known: dict[tuple[str, bool], int] = {}
    metaspace = _has_metaspace(base)
    for piece, index in sorted(
        base.get_vocab().items(), key=lambda item: (item[0] != item[0].lower(), item[1])
    ):
        known.setdefault(_spelling(piece, metaspace), index)
    own_metaspace = _has_metaspace(tokenizer)
    rows, columns = [], []
    for piece, index in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1]):
        match = known.get(_spelling(piece, own_metaspace))
        if match is not None and piece not in SPECIAL_TOKENS and match < shape[1]:
            rows.append(index)
            columns.append(match)
    return sparse.csr_matrix((np.full(len(rows), SAME_SPELLING, np.float32), (rows, columns)), shape=shape)


def _has_metaspace(tokenizer: Tokenizer) -> bool:
    """Whether pieces mark the start of a word; a WordPiece vocabulary may hold ▁ as a character of its own."""
    vocabulary = tokenizer.get_vocab()
    return sum(piece.startswith("▁") for piece in vocabulary) > sum(
        piece.startswith("##") for piece in vocabulary
    )


def _spelling(piece: str, metaspace: bool) -> tuple[str, bool]:
    """What a piece spells, and whether it starts a word (WordPiece marks what does not, Unigram and BPE what does)."""
    if metaspace:
        starts = piece.startswith("▁")
        text = piece.removeprefix("▁")
        # Punctuation is split off and so never follows the mark, but stands like a word all the same.
        return text.lower(), starts or not any(c.isalnum() for c in text)
    return piece.removeprefix("##").lower(), not piece.startswith("##")


def _finish(table: Table, tokenizer: Tokenizer, base: Tokenizer, base_table: Table, rescale: float) -> Table:
    """Pull norms towards the base's (an average of vectors is shorter than they are) and copy the special tokens."""
    norm = np.linalg.norm(table, axis=1, keepdims=True)
    typical = np.linalg.norm(base_table, axis=1).mean()
    table = table * ((1 - rescale) + rescale * typical / np.maximum(norm, 1e-6))
    for token in SPECIAL_TOKENS:
        index = next((i for n in _SPECIAL_NAMES[token] if (i := base.token_to_id(n)) is not None), None)
        if index is not None:
            table[tokenizer.token_to_id(token)] = base_table[index]
    return np.ascontiguousarray(table, np.float32)
