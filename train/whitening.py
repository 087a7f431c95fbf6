"""Whitening: vectors of other languages, seen through how English vectors are distributed.

What a student gets wrong in a sentence that is new to it lies mostly where English vectors vary most. Dividing its
vectors, and not the English ones, by the spread of English in each direction counts these directions less; the mean of
English stays where it is ("Whitening Sentence Representations", Su et al. 2021, who whiten all vectors, wholly and by
their own distribution; here half-way, by the square root of the spread). Nothing is learnt from scores or translations.

Chosen on the dev sets of the 28 languages shipped on 2026-11-27 (`python -m train.whitening_on_dev --data DATA`; means,
xx-en/en-xx):

| dev sets | languages | none | half-way | wholly |
| --- | --- | --- | --- | --- |
| short pairs | 28 | 93.3/94.6 | 93.7/94.6 | 93.8/94.6 |
| long pairs, of which four languages have under 30 | 28 | 94.0/96.3 | 94.3/95.3 | 94.3/95.4 |
| everyday sentences | 9 | 79.6/80.1 | 80.0/80.3 | 80.5/81.0 |
| SemRel | 10 | 66.0 | 66.5 | 66.7 |
| STSb | 9 | 83.0 | 83.3 | 83.3 |
| Kardes STS | 4 | 75.3 | 75.8 | 76.0 |

Half-way and not wholly for the sake of similarity between two other languages, both of whose vectors are whitened.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from train.keys import text_key
from train.reading import read_translations
from xsearch.encoder.weights import Linear
from xsearch.errors import XsearchError

RIDGE = 0.3
"""Added to the variance of each direction, whose mean is 1."""
EXPONENT = -0.25
"""Of the variance: -0.5 would whiten wholly."""
TEXTS = 1_000
"""English texts taken from the translations of each language."""


def whitening_by(vectors: NDArray[np.float32], exponent: float = EXPONENT) -> Linear:
    """The map by the distribution of a base's L2-normalised vectors (n, d); it leaves their mean where it is."""
    mean = vectors.mean(axis=0)
    covariance = np.cov(vectors, rowvar=False)
    variances, directions = np.linalg.eigh(covariance / np.trace(covariance) * len(mean))
    weight = (directions * (np.maximum(variances, 0) + RIDGE) ** exponent) @ directions.T
    return Linear(weight.astype(np.float32), (mean - weight @ mean).astype(np.float32))


def whitened(vectors: NDArray[np.float32], by: Linear) -> NDArray[np.float32]:
    """L2-normalised vectors (n, d) through the map, and normalised again."""
    moved = vectors @ by.weight.T + by.bias
    ended: NDArray[np.float32] = moved / np.linalg.norm(moved, axis=1, keepdims=True)
    return ended


def english_texts(data: Path) -> list[str]:
    """English texts of the translations in a folder of training data: the same number of each language, by content.

    Raises:
        XsearchError: there are no translations.
    """
    files = sorted((data / "parallel").glob("en-*.parquet"))
    if not files:
        raise XsearchError(f"{data}: no translations; expected files parallel/en-LANG.parquet")
    texts: dict[str, None] = {}
    for file in files:
        english = {p.left for p in read_translations(file, file.stem.removeprefix("en-")) if p.left.strip()}
        texts |= dict.fromkeys(sorted(english, key=text_key)[:TEXTS])
    return list(texts)
