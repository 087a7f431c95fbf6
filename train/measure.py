"""Dev scores: what every choice is made on."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from train.run import Run


def bitext_accuracy(foreign: NDArray[np.floating], english: NDArray[np.floating]) -> tuple[float, float]:
    """Percent of rows whose nearest neighbour by cosine is their translation: from foreign to English, and back."""
    similarity = foreign.astype(np.float32) @ english.astype(np.float32).T
    rows = np.arange(len(foreign))
    there, back = (float((similarity.argmax(axis=axis) == rows).mean() * 100) for axis in (1, 0))
    return there, back


def correlation(one: NDArray[np.floating], two: NDArray[np.floating], gold: Sequence[float]) -> float:
    """Spearman x 100 of the cosines of pairs with their scores; not a number where all are alike."""
    return float(spearmanr((one * two).sum(axis=1), gold).statistic) * 100


def dev_scores(run: Run, space: str) -> dict[str, float]:
    """Scores of one space: bitext accuracy both ways on every dev set of pairs, Spearman x 100 on scored pairs."""
    scores: dict[str, float] = {}
    for name, pairs in run.data.dev.items():
        if not pairs:
            continue
        english = run.teacher.encode([p.left for p in pairs])
        foreign = run.student.encode(run.token_ids([p.right for p in pairs]), space)
        there, back = bitext_accuracy(foreign, english)
        scores[f"{name} xx-en"], scores[f"{name} en-xx"] = round(there, 2), round(back, 2)
    for name, scored in run.data.scored.items():
        one = run.student.encode(run.token_ids([p.left for p in scored]), space)
        two = run.student.encode(run.token_ids([p.right for p in scored]), space)
        found = correlation(one, two, [p.gold for p in scored])
        if math.isfinite(found):
            scores[name] = round(found, 2)
    return scores
