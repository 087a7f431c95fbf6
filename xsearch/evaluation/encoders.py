"""From what `--encoder` says to an encoder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from xsearch.encoder import load_module
from xsearch.evaluation.multilingual_module import MULTILINGUAL, MultilingualModuleEncoder
from xsearch.evaluation.sentence_transformer import SentenceTransformerEncoder
from xsearch.qa.sentence_encoder import ModuleEncoder

if TYPE_CHECKING:
    from xsearch.qa.sentence_encoder import SentenceEncoder

INSTALLED = "xsearch"
"""The name that stands for the installed language modules."""


def load_encoder(
    encoder: str = INSTALLED,
    *,
    name: str | None = None,
    device: str = "auto",
    query_prompt: str = "",
    document_prompt: str = "",
) -> SentenceEncoder:
    """The installed modules; these with one replaced, for a module's folder; or any other model.

    A module of several languages (`mul`) is measured in all of them. A sentence-transformers model is given by its
    name or its folder. `name` is what results are reported under.

    Raises:
        ModuleError: a module folder that is damaged.
        EvaluationError: a model that cannot be loaded.
        MissingExtraError: sentence-transformers is needed and not installed.
    """
    if encoder == INSTALLED:
        return ModuleEncoder(name=name or INSTALLED, device=device)
    if is_language_module(Path(encoder)):
        if load_module(Path(encoder)).config.language == MULTILINGUAL:
            return MultilingualModuleEncoder(Path(encoder), name=name, device=device)
        return ModuleEncoder(name=name or Path(encoder).name, device=device, folders=[Path(encoder)])
    return SentenceTransformerEncoder(
        encoder, name=name, device=device, query_prompt=query_prompt, document_prompt=document_prompt
    )


def is_language_module(folder: Path) -> bool:
    """Whether a folder is one of our modules: its configuration names a language and spaces."""
    try:
        content = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and "language" in content and "spaces" in content
