from pathlib import Path

import pytest

from tests.stored import create, put
from xsearch.collection import Collection


@pytest.fixture
def empty(tmp_path: Path) -> Collection:
    return create(tmp_path / "news")


@pytest.fixture
def news(empty: Collection) -> Collection:
    """Documents d0 to d99 with year (2000 to 2024) and topic (law, sport)."""
    put(empty, 0, 100)
    return empty
