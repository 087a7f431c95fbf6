"""Our modules as a model for mteb (version 2), for whoever has its datasets.

model = xsearch.evaluation.mteb_model.MtebModel()
mteb.evaluate(model, mteb.get_tasks(["STS17", "Tatoeba"]))
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xsearch.errors import EvaluationError
from xsearch.evaluation.datasets import language_code
from xsearch.evaluation.metrics import required
from xsearch.languages import detect
from xsearch.qa.sentence_encoder import ModuleEncoder, Role, SentenceEncoder

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SEEN_FOR_DETECTION = 50


class MtebModel:
    """Implements mteb's EncoderProtocol.

    mteb says which languages a subset is in but, for pairs of languages, not which of the two it hands
    over. The texts of one call are in one language, so it is detected among the two from all of them
    together.
    """

    def __init__(
        self,
        model_name: str = "xsearch/modules",
        revision: str | None = None,
        *,
        device: str | None = None,
        encoder: SentenceEncoder | None = None,
        **kwargs: Any,
    ) -> None:
        self._name = model_name
        self._revision = revision
        self._encoder = encoder or ModuleEncoder(device=device or "auto")

    def encode(
        self,
        inputs: Iterable[Mapping[str, Sequence[str]]],
        *,
        task_metadata: Any,
        hf_split: str,
        hf_subset: str,
        prompt_type: Any = None,
        **kwargs: Any,
    ) -> NDArray[np.float32]:
        """Encodes mteb's batches of texts to (n, d) float32: native space within a language, else shared.

        Raises:
            EvaluationError: the subset's languages are unknown, or have no module.
        """
        texts = [text for batch in inputs for text in batch["text"]]
        langs = self._languages(task_metadata, hf_subset)
        if len(langs) == 1:
            lang, space = langs[0], self._encoder.spaces(langs[0])[0]
        else:
            lang, space = detect(" ".join(texts[:_SEEN_FOR_DETECTION]), langs).code, "shared"
        role: Role = "document" if str(getattr(prompt_type, "value", prompt_type)) == "document" else "query"
        return self._encoder.encode(texts, lang=lang, space=space, role=role)

    def similarity(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Cosines of all with all, (n, m) as a torch tensor: vectors are normalised."""
        torch = required("torch")
        return (
            torch.atleast_2d(torch.as_tensor(embeddings1)) @ torch.atleast_2d(torch.as_tensor(embeddings2)).T
        )

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Cosines of row i with row i, (n,) as a torch tensor."""
        torch = required("torch")
        return (torch.as_tensor(embeddings1) * torch.as_tensor(embeddings2)).sum(dim=-1)

    @property
    def mteb_model_meta(self) -> Any:
        """What mteb writes into its results."""
        meta = required("mteb.models.model_meta").ModelMeta
        return meta.create_empty(
            overwrites={
                "name": self._name,
                "revision": self._revision or "modules",
                "framework": ["ONNX"],
                "similarity_fn_name": "cosine",
                "license": "apache-2.0",
                "open_weights": True,
            }
        )

    def _languages(self, task_metadata: Any, hf_subset: str) -> list[str]:
        written = task_metadata.hf_subsets_to_langscripts.get(hf_subset) or task_metadata.languages
        codes = list(dict.fromkeys(code for name in written if (code := language_code(name)) is not None))
        missing = [code for code in codes if not self._encoder.supports(code)]
        if not codes or missing:
            raise EvaluationError(
                f"{task_metadata.name} {hf_subset} is in {', '.join(written)}; there is no module for "
                f"{', '.join(missing) or 'any of these'}. Leave the subset out, or install its modules"
            )
        return codes
