"""Recipes: every setting of the pipeline, with defaults that work, overridden by a TOML file.

Sentence counts are sentence-steps (one sentence through one forward and backward pass), so a recipe costs the same
on every machine and a run is reproducible; published settings of the paper stand in DESIGN.md, section 1.
"""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from xsearch.errors import XsearchError

RECIPES = Path(__file__).parent / "recipes"


@dataclass(frozen=True)
class Vocabulary:
    """Step 1a. `kind`: wordpiece, unigram or bpe."""

    kind: str = "wordpiece"
    size: int = 20_000
    min_frequency: int = 2


@dataclass(frozen=True)
class Initialisation:
    """Step 1b. `method`: translation (word alignment), focus (overlap with a multilingual vocabulary) or auto."""

    method: str = "auto"
    iterations: int = 5
    diagonal: float = 4.0
    max_links: int = 25_000_000
    rescale: float = 0.5  # how far an averaged embedding's norm is pulled to the base's mean norm


@dataclass(frozen=True)
class Lora:
    """Low-rank updates of every linear layer, trained in steps 2 and 3. `rank` 0 trains the whole body instead."""

    rank: int = 16
    alpha: float = 32.0


@dataclass(frozen=True)
class Adapter:
    """The alignment adapter of step 4; the paper's reduction 2 and scaling 4."""

    reduction: int = 2
    scaling: float = 4.0


@dataclass(frozen=True)
class LanguageAdaptation:
    """Step 2, masked language modelling on monolingual text."""

    sentences: int = 8_000
    length: int = 96
    tokens_per_batch: int = 2048
    embedding_rate: float = 5e-5
    lora_rate: float = 5e-5
    mask: float = 0.15


@dataclass(frozen=True)
class SentenceEncoding:
    """Step 3: contrastive on paraphrases, guided by the base encoder's similarities of the translations."""

    sentences: int = 120_000
    tokens_per_batch: int = 1536
    embedding_rate: float = 1e-3
    lora_rate: float = 3e-4
    scale: float = 20.0
    paraphrase_share: float = 0.15  # of the batches
    cosine_weight: float = 5.0
    bank: int = 1024  # teacher vectors of other sentences that every batch is also told apart from


@dataclass(frozen=True)
class CrossLingualAlignment:
    """Step 4, the adapter alone: cross-lingual paraphrases and translations in turn."""

    sentences: int = 30_000
    tokens_per_batch: int = 1536
    rate: float = 3e-4
    scale: float = 20.0
    paraphrase_share: float = 0.15
    cosine_weight: float = 5.0
    bank: int = 1024


@dataclass(frozen=True)
class Data:
    """What is read and in which proportions."""

    max_characters: int = 1200
    source_cap: float = 0.5  # no source gives more than this share of an epoch
    joined: float = 0.12  # examples made by joining random short pairs, as a share of the pairs
    skip_sources: tuple[str, ...] = ()
    source_weights: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Recipe:
    """All of it."""

    base: str = "en"
    seed: int = 20261123
    max_length: int = 256
    vocabulary: Vocabulary = Vocabulary()
    initialisation: Initialisation = Initialisation()
    lora: Lora = Lora()
    adapter: Adapter = Adapter()
    language_adaptation: LanguageAdaptation = LanguageAdaptation()
    sentence_encoding: SentenceEncoding = SentenceEncoding()
    cross_lingual_alignment: CrossLingualAlignment = CrossLingualAlignment()
    data: Data = field(default_factory=Data)

    def to_json(self) -> dict[str, Any]:
        """The settings as plain data, for logs and model cards."""
        return dataclasses.asdict(self)


def load_recipe(language: str, path: Path | None = None) -> Recipe:
    """The recipe in `path`; without one, the language's own in `train/recipes`, else the defaults.

    Raises:
        XsearchError: unreadable TOML, an unknown key, or a value of the wrong type.
    """
    if path is None:
        path = RECIPES / f"{language}.toml"
        if not path.is_file():
            return Recipe()
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise XsearchError(f"the recipe {path} cannot be read ({error}); expected a TOML file") from error
    return _fill(Recipe(), data, str(path))


T = TypeVar("T")


def _fill(defaults: T, data: dict[str, Any], where: str) -> T:
    known = {f.name: getattr(defaults, f.name) for f in dataclasses.fields(defaults)}  # type: ignore[arg-type]
    changes: dict[str, Any] = {}
    for key, value in data.items():
        if key not in known:
            raise XsearchError(f"{where}: unknown setting {key!r}; known are {', '.join(known)}")
        default = known[key]
        if dataclasses.is_dataclass(default):
            if not isinstance(value, dict):
                raise XsearchError(f"{where}: {key} is a table of settings, found {value!r}")
            changes[key] = _fill(default, value, f"{where}: {key}")
        elif isinstance(default, tuple) and isinstance(value, list):
            changes[key] = tuple(value)
        elif isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
            changes[key] = float(value)
        elif isinstance(value, bool) or not isinstance(value, type(default)):
            raise XsearchError(f"{where}: {key} is {value!r}, expected {type(default).__name__} like {default!r}")
        else:
            changes[key] = value
    return dataclasses.replace(defaults, **changes)  # type: ignore[type-var]
