"""Semantic similarity and relatedness: does the cosine of two sentences rank pairs as people do?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from xsearch.evaluation.datasets import sample
from xsearch.evaluation.lengths import characters
from xsearch.evaluation.measure import Settings, make_score
from xsearch.evaluation.results import Items, Label

if TYPE_CHECKING:
    from xsearch.evaluation.datasets import SentencePairs
    from xsearch.evaluation.results import Score
    from xsearch.qa.sentence_encoder import SentenceEncoder


def measure_similarity(
    encoder: SentenceEncoder, pairs: SentencePairs, label: Label, settings: Settings
) -> Score:
    """Spearman's correlation of cosines with gold scores, in the label's space."""
    rows = sample(len(pairs.gold), settings.limit, settings.seed)
    left, right = [pairs.left[row] for row in rows], [pairs.right[row] for row in rows]
    cosines = np.einsum(
        "ij,ij->i",
        encoder.encode(left, lang=pairs.langs[0], space=label.space, role="query"),
        encoder.encode(right, lang=pairs.langs[1], space=label.space, role="query"),
    ).astype(np.float64)
    items = Items(cosines, characters(left, right), pairs.gold[rows])
    return make_score(label, items, pairs.provenance, settings)
