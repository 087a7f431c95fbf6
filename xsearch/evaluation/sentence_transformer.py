"""Any sentence-transformers model, by name or by folder, measured by the same code as our own modules."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from xsearch.errors import EvaluationError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from xsearch.qa.sentence_encoder import Role


class SentenceTransformerEncoder:
    """A multilingual model with one space for all languages.

    `query_prompt` and `document_prompt` are put before the texts; mE5 wants `query: ` and `passage: `.
    Similarity and parallel text count as queries on both sides, as in mteb.
    """

    def __init__(
        self,
        model: str,
        *,
        name: str | None = None,
        device: str = "auto",
        query_prompt: str = "",
        document_prompt: str = "",
        max_length: int | None = None,
    ) -> None:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise MissingExtraError(
                f"measuring {model} needs sentence-transformers; run: pip install 'xsearch[train]'"
            ) from error
        try:
            self._model = SentenceTransformer(model, device=None if device == "auto" else device)
        except Exception as error:  # each of the libraries that read a part of it raises what it likes
            raise EvaluationError(
                f"cannot load {model or 'a model without a name'} as a sentence-transformers model: "
                f"{_first_line(error)}; "
                "expected a folder, or a name on the Hugging Face hub"
            ) from error
        if max_length is not None:
            self._model.max_seq_length = max_length
        self._source = Path(model)
        self._prompts = {"query": query_prompt, "document": document_prompt}
        self.name = name or self._source.name

    def supports(self, lang: str) -> bool:
        """True: what a model was trained on is not written in it."""
        return True

    def spaces(self, lang: str) -> tuple[str, ...]:
        """One space."""
        return ("shared",)

    def content_hashes(self, langs: Sequence[str]) -> dict[str, str]:
        """The SHA-256 of the weights under `*`: of the parameters' bytes, in the order of their names."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self._model.state_dict().items()):
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(tensor.detach().cpu().float().numpy()).tobytes())
        return {"*": digest.hexdigest()}

    def encode(
        self, texts: Sequence[str], *, lang: str, space: str, role: Role = "document"
    ) -> NDArray[np.float32]:
        """Encodes to (n, d) float32, L2-normalised; language and space make no difference."""
        if not texts:
            return np.zeros((0, self._model.get_embedding_dimension() or 0), dtype=np.float32)
        vectors = self._model.encode(
            list(texts),
            prompt=self._prompts[role] or None,  # without one of ours, the model's own default applies
            convert_to_numpy=True,
            normalize_embeddings=True,
            show_progress_bar=False,
        )
        return np.asarray(vectors, dtype=np.float32)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
