"""Scores of a student by `xsearch.evaluation`, the code that measures modules, at any point of its training."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import xsearch
from train.run import Run
from xsearch.evaluation import Results, Settings
from xsearch.evaluation import Run as Measurement
from xsearch.evaluation.cached_encoder import CachedEncoder
from xsearch.evaluation.measure import SpaceChoice
from xsearch.qa.sentence_encoder import Role

TASKS = ("sts", "str", "bitext")


class StudentEncoder:
    """A run's student and, for English, the frozen base, in float32 on torch."""

    def __init__(self, run: Run, name: str) -> None:
        self._run = run
        self.name = name

    def supports(self, lang: str) -> bool:
        """The run's language and English."""
        return lang in (self._run.data.language, "en")

    def spaces(self, lang: str) -> tuple[str, ...]:
        """Both, and of English its one."""
        return ("shared",) if lang == "en" else ("native", "shared")

    def content_hashes(self, langs: Sequence[str]) -> dict[str, str]:
        """The base's content hash, and of the language the SHA-256 of its parameters."""
        digest = hashlib.sha256()
        for _, parameter in self._run.student.owned():
            digest.update(np.ascontiguousarray(parameter.detach().float().cpu().numpy()).tobytes())
        return {lang: self._run.base.content_hash if lang == "en" else digest.hexdigest() for lang in langs}

    def encode(
        self, texts: Sequence[str], *, lang: str, space: str, role: Role = "document"
    ) -> NDArray[np.float32]:
        """Vectors (n, d) float32, L2-normalised, in the order of `texts`."""
        if lang == "en":
            return self._run.teacher.encode(texts).astype(np.float32)
        return self._run.student.encode(self._run.token_ids(list(texts)), space)


def score(run: Run, name: str, sets: Sequence[Path], space: SpaceChoice, command: str) -> Results:
    """Similarity, relatedness and bitext of the student on what the folders `sets` hold for its language.

    Raises:
        EvaluationError: a folder holds nothing for the language.
    """
    encoder = StudentEncoder(run, name)
    language, settings = run.data.language, Settings(space=space)
    measurements = [Measurement(folder, CachedEncoder(encoder), settings, (language,)) for folder in sets]
    scores = [found for measurement in measurements for found in measurement.measure(TASKS)]
    return Results(
        encoder=name,
        content_hashes=encoder.content_hashes((language, "en")),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        version=xsearch.__version__,
        seed=settings.seed,
        limit=None,
        scores=scores,
        notices=[notice for measurement in measurements for notice in measurement.notices],
    )
