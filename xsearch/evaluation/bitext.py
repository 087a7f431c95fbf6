"""Finding the translation of a sentence among many: plain cosine, and the margin that LASER uses.

The margin (Artetxe and Schwenk 2019, arXiv 1811.01136, "ratio") divides a cosine by the mean cosine of both
sentences with their nearest neighbours, so that sentences which are close to everything win less often.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from xsearch.evaluation.datasets import sample
from xsearch.evaluation.lengths import characters
from xsearch.evaluation.measure import Settings, make_score
from xsearch.evaluation.metrics import weighted_f1
from xsearch.evaluation.results import Items, Label

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xsearch.evaluation.datasets import Bitext
    from xsearch.evaluation.results import Score
    from xsearch.qa.sentence_encoder import SentenceEncoder

NEIGHBOURS = 4
"""As in LASER's xsim."""

_BLOCK = 1024


@dataclass(frozen=True)
class BitextAccuracy:
    """The share (0 to 1) of sentences whose nearest sentence on the other side is their translation."""

    forward: float
    backward: float
    margin_forward: float
    margin_backward: float

    @property
    def mean(self) -> float:
        """Both directions with the plain cosine."""
        return (self.forward + self.backward) / 2


def bitext_accuracy(source: NDArray[np.float32], target: NDArray[np.float32]) -> BitextAccuracy:
    """The accuracies for L2-normalised vectors (n, d), row i of one side translating row i of the other."""
    _check(source, target)
    rows = np.arange(len(source))
    shares = [float((nearest(a, b, margin=m) == rows).mean()) for m in (False, True) for a, b in
              ((source, target), (target, source))]  # fmt: skip
    return BitextAccuracy(*shares)


def nearest(
    source: NDArray[np.float32], target: NDArray[np.float32], *, margin: bool = False
) -> NDArray[np.int64]:
    """For each source vector (n, d) the row of the best target vector (m, d), by cosine or margin."""
    found = np.empty(len(source), dtype=np.int64)
    backward = _neighbourhood(target, source) if margin else np.empty(0, dtype=np.float32)
    for start in range(0, len(source), _BLOCK):
        similarity = source[start : start + _BLOCK] @ target.T
        if margin:
            forward = _top_mean(similarity)
            similarity /= (forward[:, None] + backward[None, :]) / 2
        found[start : start + _BLOCK] = similarity.argmax(axis=1)
    return found


def measure_bitext(encoder: SentenceEncoder, bitext: Bitext, label: Label, settings: Settings) -> list[Score]:
    """Accuracy and F1 in both directions, as one score for each direction; the label's space is used."""
    rows = sample(len(bitext.source), settings.limit, settings.seed)
    texts = [[side[row] for row in rows] for side in (bitext.source, bitext.target)]
    vectors = [
        encoder.encode(side, lang=lang, space=label.space, role="query")
        for side, lang in zip(texts, bitext.langs, strict=True)
    ]
    lengths = characters(*texts)
    scores = []
    for first, second in ((0, 1), (1, 0)):
        langs = (bitext.langs[first], bitext.langs[second])
        plain = nearest(vectors[first], vectors[second])
        by_margin = nearest(vectors[first], vectors[second], margin=True)
        right = np.arange(len(rows))
        items = Items((plain == right).astype(np.float64), lengths)
        metrics = {
            "f1": weighted_f1(plain),
            "margin_accuracy": float((by_margin == right).mean()),
            "margin_f1": weighted_f1(by_margin),
        }
        directed = replace(label, subset="-".join(langs), langs=langs)
        scores.append(make_score(directed, items, bitext.provenance, settings, metrics, main="accuracy"))
    return scores


def _neighbourhood(vectors: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    blocks = [
        _top_mean(vectors[start : start + _BLOCK] @ others.T) for start in range(0, len(vectors), _BLOCK)
    ]
    return np.concatenate(blocks)


def _top_mean(similarity: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of the largest NEIGHBOURS values of each row, (n,)."""
    count = min(NEIGHBOURS, similarity.shape[1])
    top = np.partition(similarity, -count, axis=1)[:, -count:]
    mean: NDArray[np.float32] = top.mean(axis=1)
    return mean


def _check(source: NDArray[np.float32], target: NDArray[np.float32]) -> None:
    if source.shape != target.shape or source.ndim != 2 or not len(source):
        raise ValueError(
            f"got arrays of shape {source.shape} and {target.shape}; expected two of one shape (n, d), n > 0"
        )
