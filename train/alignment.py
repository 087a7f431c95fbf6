"""Which English sub-word does a foreign sub-word translate? Word alignment by agreement.

IBM Model 1 (Brown et al. 1993) in both directions with a diagonal prior (Dyer et al. 2013, "A Simple, Fast, and
Effective Reparameterization of IBM Model 2") and the two directions trained to agree: the expected count of a link
is the product of its two posteriors (Liang, Taskar, Klein 2006, "Alignment by Agreement"). Vectorised over all links
of all sentence pairs at once, so a hundred thousand pairs take seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

NULL_WEIGHT = 1e-4
"""Probability that a token translates nothing, against that of a candidate: small, since what no candidate explains
is left to the other direction, and the product of both posteriors is small for a link that only one of them wants."""


@dataclass(frozen=True)
class Links:
    """All candidate links of a corpus: one entry per (foreign token, English token) of the same pair."""

    foreign_position: NDArray[np.int32]  # running number of the foreign token in the corpus
    english_position: NDArray[np.int32]
    key: NDArray[np.int32]  # index into the distinct (foreign type, English type) couples
    prior: NDArray[np.float32]  # diagonal prior
    couples: NDArray[np.int64]  # (u, 2): foreign type, English type


def collect_links(
    foreign: Sequence[Sequence[int]],
    english: Sequence[Sequence[int]],
    *,
    english_vocabulary: int,
    max_tokens: int = 48,
    max_links: int = 40_000_000,
    diagonal: float = 4.0,
) -> Links:
    """Candidate links of the pairs in order, those with a side over `max_tokens` last, until `max_links`.

    In such a pair a token has links with some `max_tokens` others, those about as far into their text.
    """
    f_pos, e_pos, key, prior = [], [], [], []
    f_seen = e_seen = total = 0
    pairs = list(zip(foreign, english, strict=True))
    for f_ids, e_ids in sorted(pairs, key=lambda pair: max(map(len, pair)) > max_tokens):
        n, m = len(f_ids), len(e_ids)
        if not n or not m:
            continue
        distance = np.abs((np.arange(n)[:, None] + 0.5) / n - (np.arange(m)[None, :] + 0.5) / m)
        near_f, near_e = np.nonzero(
            distance * max(n, m) <= max_tokens / 2 if max(n, m) > max_tokens else distance <= 1
        )
        total += len(near_f)
        if total > max_links:
            break
        f, e = np.asarray(f_ids, np.int64), np.asarray(e_ids, np.int64)
        f_pos.append((f_seen + near_f).astype(np.int32))
        e_pos.append((e_seen + near_e).astype(np.int32))
        key.append(f[near_f] * english_vocabulary + e[near_e])
        prior.append(np.exp(-diagonal * distance[near_f, near_e]).astype(np.float32))
        f_seen, e_seen = f_seen + n, e_seen + m
    if not key:
        empty = np.zeros(0, np.int32)
        return Links(empty, empty, empty, np.zeros(0, np.float32), np.zeros((0, 2), np.int64))
    distinct, inverse = np.unique(np.concatenate(key), return_inverse=True)
    couples = np.stack([distinct // english_vocabulary, distinct % english_vocabulary], axis=1)
    return Links(
        np.concatenate(f_pos),
        np.concatenate(e_pos),
        inverse.astype(np.int32),
        np.concatenate(prior),
        couples,
    )


def _posterior(
    t: NDArray[np.float32], links: Links, position: NDArray[np.int32], prior_sum: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Share of each link in explaining the token at its `position`, NULL taking part."""
    score = t[links.key] * links.prior
    total = np.bincount(position, weights=score).astype(np.float32)
    null = NULL_WEIGHT * prior_sum
    return np.asarray(score / (total + null)[position], np.float32)


def align(links: Links, *, iterations: int = 6) -> sparse.csr_matrix:
    """Expected link counts, a sparse (foreign vocabulary, English vocabulary) matrix of the couples seen.

    Row f divided by its sum is t(English | f). Empty links give an empty matrix.
    """
    if not len(links.key):
        return sparse.csr_matrix((0, 0), dtype=np.float32)
    f_type, e_type = links.couples[:, 0], links.couples[:, 1]
    f_prior = np.bincount(links.foreign_position, weights=links.prior).astype(np.float32)
    e_prior = np.bincount(links.english_position, weights=links.prior).astype(np.float32)
    # Start from the Dice-like co-occurrence: uniform EM's first step, which lets rare couples speak at once.
    counts = np.bincount(links.key, weights=links.prior).astype(np.float32)
    for _ in range(iterations):
        given_e = counts / np.bincount(e_type, weights=counts)[e_type]  # t(f | e): explains foreign tokens
        given_f = counts / np.bincount(f_type, weights=counts)[f_type]  # t(e | f): explains English tokens
        agree = _posterior(given_e.astype(np.float32), links, links.foreign_position, f_prior)
        agree *= _posterior(given_f.astype(np.float32), links, links.english_position, e_prior)
        counts = np.bincount(links.key, weights=agree, minlength=len(counts)).astype(np.float32)
        counts += np.float32(1e-12)
    kept = counts > 1e-3
    return sparse.csr_matrix((counts[kept], (f_type[kept], e_type[kept])), dtype=np.float32)
