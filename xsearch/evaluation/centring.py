"""Takes the mean of each language out of its vectors, so that language alone attracts no texts.

Fitted on text of each language (training data, not the data that is measured). Where a pivot language is
named, its mean is put in the place of the others', which leaves the pivot's own vectors as they are:
collections in it need not be encoded again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from xsearch.errors import EvaluationError
from xsearch.evaluation.datasets import sample
from xsearch.evaluation.layouts import find_bitext
from xsearch.qa.rows import InvalidRows

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from xsearch.qa.sentence_encoder import Role, SentenceEncoder


class CentredEncoder:
    """An encoder whose shared space is centred by language; languages without a mean stay as they are.

    Raises:
        EvaluationError: `pivot` has no mean.
    """

    def __init__(
        self, encoder: SentenceEncoder, means: Mapping[str, NDArray[np.float32]], pivot: str | None = None
    ) -> None:
        if pivot and pivot not in means:
            raise EvaluationError(
                f"there is no mean of {pivot} to centre on; expected one of {', '.join(sorted(means))}, "
                "the languages that were measured and have parallel text"
            )
        self._encoder = encoder
        self._means = means
        self._target = means[pivot] if pivot else None
        self.name = encoder.name

    def supports(self, lang: str) -> bool:
        """As the encoder that is centred."""
        return self._encoder.supports(lang)

    def spaces(self, lang: str) -> tuple[str, ...]:
        """As the encoder that is centred."""
        return self._encoder.spaces(lang)

    def content_hashes(self, langs: Sequence[str]) -> dict[str, str]:
        """As the encoder that is centred."""
        return self._encoder.content_hashes(langs)

    def encode(
        self, texts: Sequence[str], *, lang: str, space: str, role: Role = "document"
    ) -> NDArray[np.float32]:
        """Encodes, and moves the vectors of the shared space by the mean of their language."""
        vectors = self._encoder.encode(texts, lang=lang, space=space, role=role)
        if space != "shared" or lang not in self._means:
            return vectors
        moved = vectors - self._means[lang]
        if self._target is not None:
            moved += self._target
        return _normalised(moved)


def fit_means(
    encoder: SentenceEncoder, root: Path, langs: Container[str], *, per_file: int = 2000, seed: int = 0
) -> dict[str, NDArray[np.float32]]:
    """The mean vector (d,) of each language in the shared space, from samples of parallel files.

    Only files whose two languages are both among `langs` and can be encoded are used.

    Raises:
        EvaluationError: there is no such file.
    """
    texts: dict[str, list[str]] = {}
    for candidate in find_bitext(root):
        if all(lang in langs and encoder.supports(lang) for lang in candidate.langs):
            bitext = candidate.load(InvalidRows(skip=True))
            rows = sample(len(bitext.source), per_file, seed)
            for lang, side in zip(bitext.langs, (bitext.source, bitext.target), strict=True):
                texts.setdefault(lang, []).extend(side[row] for row in rows)
    if not texts:
        raise EvaluationError(
            f"{root} has no parallel text to fit the means on; expected files such as en-fi.parquet"
        )
    return {
        lang: encoder.encode(own, lang=lang, space="shared").mean(axis=0, dtype=np.float64).astype(np.float32)
        for lang, own in texts.items()
    }


def _normalised(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: NDArray[np.float32] = np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0)
    return unit
