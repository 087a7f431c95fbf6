"""What a training run sees, batch by batch, laid out before it starts.

A plan is a pure function of the data, the settings and the seed: a resumed run continues it, and only the English
texts that it uses are ever encoded by the teacher.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from train.reading import Pair
from train.recipe import CrossLingualAlignment, Data, SentenceEncoding
from train.sequences import Ids, length_batches
from xsearch.errors import XsearchError

JOINED = "joined"
"""The source of the examples that are made here."""
_FEWEST = 8
"""Sentences in a contrastive batch: with fewer there is too little to tell apart."""
MOST_TIMES = 10
"""How often a pair beside the translations is seen at most: a few hundred scored pairs would be learnt by heart."""

Kind = Literal["translations", "paraphrases", "scored"]


@dataclass(frozen=True)
class Batch:
    """Rows of the examples of one kind."""

    kind: Kind
    rows: NDArray[np.int64]


@dataclass(frozen=True)
class Examples:
    """Pairs, the sides of them that the student reads, and how these are tokenised, which is done when they are used.

    A short training on much data uses little of it.
    """

    pairs: Sequence[Pair]
    tokenise: Callable[[list[str]], list[Ids]]
    sides: tuple[Literal["left", "right"], ...] = ("right",)

    def ids(self, rows: Iterable[int], side: Literal["left", "right"] = "right") -> list[Ids]:
        """Token ids of one side of these rows."""
        return self.tokenise([getattr(self.pairs[row], side) for row in rows])

    def lengths(self, rows: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
        """Tokens of these rows, each of its longest side."""
        of_sides = [[len(ids) for ids in self.ids(rows, side)] for side in self.sides]
        longest: NDArray[np.int64] = np.max(of_sides, axis=0)
        return longest


def with_joined(pairs: list[Pair], settings: Data, seed: int) -> list[Pair]:
    """The pairs and, behind them, the longer examples joined from them."""
    return pairs + joined(pairs, settings.joined, np.random.default_rng([seed, 1]))


def joined(
    pairs: list[Pair], share: float, rng: np.random.Generator, max_characters: int = 700
) -> list[Pair]:
    """`share` x len(pairs) longer examples: two to six random short pairs joined in the same order on both sides."""
    short = np.array([i for i, p in enumerate(pairs) if len(p.left) < 200])
    examples = []
    for _ in range(int(share * len(pairs)) if len(short) else 0):
        group = [pairs[i] for i in rng.choice(short, int(rng.integers(2, 7)))]
        left, right = " ".join(p.left for p in group), " ".join(p.right for p in group)
        if max(len(left), len(right)) <= max_characters:
            examples.append(Pair(left, right, JOINED))
    return examples


def epoch(pairs: Sequence[Pair], settings: Data, rng: np.random.Generator) -> list[int]:
    """Indices of one epoch: every pair once, but no source above its cap, and weighted sources thinned or repeated.

    The cap is a share of the number of pairs. It balances sources, so that a single one has none.

    Raises:
        XsearchError: the weights leave nothing.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for index, pair in enumerate(pairs):
        groups[pair.source].append(index)
    several = len(groups.keys() - {JOINED}) > 1
    cap = max(int(settings.source_cap * len(pairs)), 1) if several else len(pairs) * 1000
    chosen: list[int] = []
    for source in sorted(groups):
        rows = groups[source]
        # Those of a relative carry its name, and the weight that the source has everywhere.
        weight = settings.source_weights.get(source.rpartition(":")[2], 1.0)
        wanted = min(round(len(rows) * settings.source_weights.get(source, weight)), cap)
        while wanted > 0:
            chosen.extend(int(i) for i in rng.permutation(rows)[:wanted])
            wanted -= len(rows)
    if not chosen:
        raise XsearchError(
            "the recipe's source_weights leave no pair; give at least one source a weight above 0"
        )
    return chosen


def lay_out(
    examples: Mapping[Kind, Examples],
    shares: Mapping[Kind, float],
    settings: SentenceEncoding | CrossLingualAlignment,
    data: Data,
    seed: int,
) -> list[Batch]:
    """Batches for about `sentences` sentence-steps.

    `shares` of them are of the other kinds, as far as there are examples; translations are the rest.
    """
    rng = np.random.default_rng([seed, 2])
    plan: list[Batch] = []
    beside: dict[Kind, int] = {
        kind: min(round(settings.sentences * share), MOST_TIMES * len(examples[kind].pairs))
        for kind, share in shares.items()
    }
    wanted = settings.sentences - sum(beside.values())
    translations = examples["translations"]
    while wanted > 0:
        rows = np.array(epoch(translations.pairs, data, rng))
        rng.shuffle(rows)
        rows = rows[:wanted]
        wanted -= len(rows)
        lengths = translations.lengths(rows)
        cut = length_batches(lengths, settings.tokens_per_batch, rng)
        plan += [Batch("translations", rows[batch]) for batch in cut]
    for kind, count in beside.items():
        plan += _by_source(kind, examples[kind], count, settings.tokens_per_batch, rng)
    return [plan[i] for i in rng.permutation(len(plan))]


def rows_of(plan: Sequence[Batch], kind: Kind) -> NDArray[np.int64]:
    """The distinct rows of one kind that a plan uses, ascending."""
    rows = [batch.rows for batch in plan if batch.kind == kind]
    return np.unique(np.concatenate(rows)) if rows else np.zeros(0, np.int64)


def _by_source(
    kind: Kind, examples: Examples, wanted: int, tokens: int, rng: np.random.Generator
) -> list[Batch]:
    """Batches of one source each, about `wanted` sentences in all, of every source in proportion to its size.

    Negatives of one source are no easier than the positives (otherwise the domain would give the answer away), and
    scores of one source are on one scale. Sources too small for a batch are passed over.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for index, pair in enumerate(examples.pairs):
        groups[pair.source].append(index)
    groups = {source: rows for source, rows in groups.items() if len(rows) >= _FEWEST}
    total = sum(map(len, groups.values()))
    batches: list[Batch] = []
    for source in sorted(groups):
        quota = max(round(wanted * len(groups[source]) / total), _FEWEST) if wanted else 0
        while quota >= _FEWEST:
            rows = rng.permutation(groups[source])[:quota]
            quota -= len(rows)
            cut = length_batches(examples.lengths(rows), tokens, rng)
            batches += [Batch(kind, rows[batch]) for batch in cut if len(batch) >= _FEWEST]
    return batches
