"""What OpenAI's clients send to /v1/embeddings, and what they expect back.

https://platform.openai.com/docs/api-reference/embeddings
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from xsearch.encoder import Encoder, available_modules
from xsearch.errors import LanguageError
from xsearch.languages import resolve
from xsearch.server.answering import EncodeRequest
from xsearch.server.failures import refusal
from xsearch.server.fields import Fields

_PREFIX = "xsearch-"


def embeddings_request(fields: Fields, most: int) -> EncodeRequest:
    """The request as one to encode in the shared space. Fields of OpenAI's that mean nothing here are ignored."""
    model = fields.text("model")
    lang = _language(model)
    form = fields.choice("encoding_format", ("float", "base64"))
    if fields.has("dimensions"):
        raise refusal(400, "dimensions cannot be chosen here; leave the field out")
    texts = fields.text_or_texts("input", most)
    return EncodeRequest(texts, lang, "shared", partial(_response, model, form == "base64"))


def _language(model: str) -> str:
    installed = sorted(available_modules())
    name = model.removeprefix(_PREFIX)
    with contextlib.suppress(LanguageError):
        name = resolve(name).code
    if name not in installed:
        raise refusal(
            404, f"no model {model[:60]!r} here; there are: {', '.join(_PREFIX + code for code in installed)}"
        )
    return name


def _response(
    model: str, encoded: bool, encoder: Encoder, texts: Sequence[str], vectors: NDArray[np.float32]
) -> bytes:
    tokens = sum(encoder.token_counts(texts))
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": base64.b64encode(vector.astype("<f4").tobytes()).decode()
            if encoded
            else vector.tolist(),
        }
        for index, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return json.dumps({"object": "list", "data": data, "model": model, "usage": usage}).encode()
