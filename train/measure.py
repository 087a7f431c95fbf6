"""Dev scores: what every choice is made on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.stats import spearmanr
from tokenizers import Tokenizer

from train.data import TrainingData
from train.sequences import tokenise
from train.student import Student
from train.teacher import Teacher


def bitext_accuracy(foreign: NDArray[np.floating], english: NDArray[np.floating]) -> tuple[float, float]:
    """Percent of rows whose nearest neighbour (cosine) is their translation: (foreign to English, English to foreign)."""
    similarity = foreign.astype(np.float32) @ english.astype(np.float32).T
    rows = np.arange(len(foreign))
    return float((similarity.argmax(axis=1) == rows).mean() * 100), float((similarity.argmax(axis=0) == rows).mean() * 100)


def dev_scores(
    student: Student, tokenizer: Tokenizer, teacher: Teacher, data: TrainingData, folder: Path | None, max_length: int, space: str
) -> dict[str, float]:
    """Scores of one space: bitext accuracy both ways on every dev set of pairs, Spearman x 100 on scored pairs.

    `folder` is the dev/ folder with `stsb_dev_XX.parquet` and `semrel_dev_XX.parquet`, where there is one.
    """
    scores: dict[str, float] = {}
    for name, pairs in data.dev.items():
        english = teacher.encode([p.left for p in pairs])
        foreign = student.encode(tokenise(tokenizer, [p.right for p in pairs], max_length), space)
        there, back = bitext_accuracy(foreign, english)
        scores[f"{name} xx-en"], scores[f"{name} en-xx"] = round(there, 2), round(back, 2)
    for task in ("stsb", "semrel", "kardes_sts"):
        path = None if folder is None else folder / f"{task}_dev_{data.language}.parquet"
        if path is not None and path.is_file():
            table = pq.read_table(path, columns=["s1", "s2", "score"]).to_pydict()
            one, two = (student.encode(tokenise(tokenizer, table[c], max_length), space) for c in ("s1", "s2"))
            scores[task] = round(float(spearmanr((one * two).sum(axis=1), table["score"]).statistic * 100), 2)
    return scores


def overall(scores: dict[str, float]) -> float:
    """One number for choosing a checkpoint or a recipe: the mean over the bitext directions."""
    values = [v for k, v in scores.items() if k.endswith(("xx-en", "en-xx"))]
    return sum(values) / len(values)
