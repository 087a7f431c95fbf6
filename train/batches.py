"""What a training run sees, batch by batch, laid out before it starts.

A plan is a pure function of the data, the settings and the seed: a resumed run continues it, and only the English
texts that it uses are ever encoded by the teacher.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from train.data import Pair, epoch, joined
from train.recipe import Data
from train.sequences import Ids, length_batches


@dataclass(frozen=True)
class Batch:
    """Rows of the translations (`paraphrase` False) or of the paraphrases."""

    paraphrase: bool
    rows: NDArray[np.int64]


def with_joined(pairs: list[Pair], settings: Data, seed: int) -> list[Pair]:
    """The pairs and, behind them, the longer examples joined from them."""
    return pairs + joined(pairs, settings.joined, np.random.default_rng([seed, 1]))


def lay_out(
    translations: list[Pair],
    translation_ids: Sequence[Ids],
    paraphrases: list[Pair],
    paraphrase_ids: Sequence[Ids],
    *,
    sentences: int,
    tokens_per_batch: int,
    paraphrase_share: float,
    settings: Data,
    seed: int,
) -> list[Batch]:
    """Batches for about `sentences` sentence-steps, `paraphrase_share` of them of paraphrases (if there are enough).

    Paraphrase batches hold one source only, so that the negatives are no easier than the positives: otherwise the
    domain would give the answer away.
    """
    if not paraphrases or paraphrase_share <= 0:
        paraphrase_share = 0.0
    rng = np.random.default_rng([seed, 2])
    lengths = np.array([len(s) for s in translation_ids])
    main: list[Batch] = []
    wanted = round(sentences * (1 - paraphrase_share))
    while wanted > 0:
        rows = np.array(epoch(translations, settings, rng))
        rng.shuffle(rows)
        rows = rows[:wanted]
        wanted -= len(rows)
        main += [Batch(False, rows[b]) for b in length_batches(lengths[rows], tokens_per_batch, rng)]
    groups: dict[str, list[int]] = defaultdict(list)
    for index, pair in enumerate(paraphrases):
        groups[pair.source].append(index)
    aside: list[Batch] = []
    wanted = round(sentences * paraphrase_share)
    long = np.array([len(s) for s in paraphrase_ids])
    while wanted > 0:
        before = wanted
        for source in sorted(groups):
            rows = rng.permutation(groups[source])
            if len(rows) < 8:
                continue  # too few to tell each other apart
            for batch in length_batches(long[rows], tokens_per_batch, rng):
                if wanted > 0 and len(batch) >= 8:
                    aside.append(Batch(True, rows[batch]))
                    wanted -= len(batch)
        if wanted == before:
            break
    plan = main + aside
    return [plan[i] for i in rng.permutation(len(plan))]
