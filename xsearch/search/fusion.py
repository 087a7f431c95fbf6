"""Hybrid search: the dense ranking and the ranking by words, fused by reciprocal rank."""

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import TypeVar

from xsearch.collection import Hit

Item = TypeVar("Item", bound=Hashable)

_DAMPING = 60
"""From Cormack, Clarke and Büttcher, Reciprocal Rank Fusion (SIGIR 2009)."""


def reciprocal_rank_fusion(rankings: Sequence[Sequence[Item]]) -> list[Item]:
    """All items of the rankings by the sum of 1 / (60 + rank); equal sums in the order of the first appearance."""
    sums: dict[Item, float] = {}
    for ranking in rankings:
        for rank, item in enumerate(ranking, 1):
            sums[item] = sums.get(item, 0.0) + 1 / (_DAMPING + rank)
    return sorted(sums, key=lambda item: -sums[item])


def fuse(dense: Sequence[Hit], by_words: Sequence[Hit], k: int) -> tuple[Hit, ...]:
    """The k best hits of both lists together. Scores stay cosines, so they need not fall from rank to rank.

    A document with the same id and text in several collections is one, as in each of the lists by itself.
    """
    found = {(hit.id, hit.text): hit for hit in (*reversed(by_words), *reversed(dense))}
    order = reciprocal_rank_fusion(
        [list(dict.fromkeys((hit.id, hit.text) for hit in hits)) for hits in (dense, by_words)]
    )
    return tuple(replace(found[item], rank=rank) for rank, item in enumerate(order[:k], 1))
