"""Recipes: every setting of the pipeline, with defaults that work, overridden by a TOML file.

Sentence counts are sentence-steps (one sentence through one forward and backward pass), so a recipe costs the same
on every machine and a run is reproducible; published settings of the paper stand in DESIGN.md, section 1.
"""

from __future__ import annotations

import dataclasses
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from xsearch.errors import XsearchError

RECIPES = Path(__file__).parent / "recipes"

STAGES = ("vocabulary", "language_adaptation", "sentence_encoding", "cross_lingual_alignment")
"""The steps, by the names of their sections."""


@dataclass(frozen=True)
class Checkpoint:
    """How a base checkpoint is read whose files do not say; empty or 0: as its files or conventions say."""

    pooling: str = ""
    prefix: str = ""
    max_length: int = 0


@dataclass(frozen=True)
class Vocabulary:
    """Step 1a. `kind`: wordpiece, unigram or bpe."""

    kind: str = "wordpiece"
    size: int = 20_000
    min_frequency: int = 2
    orthography: bool = (
        True  # one spelling, and words without clitics, where the language is known (`train.orthography`)
    )


@dataclass(frozen=True)
class Initialisation:
    """Step 1b. `method`: translation (word alignment), focus (overlap with a multilingual vocabulary) or auto."""

    method: str = "auto"
    iterations: int = 5
    diagonal: float = 4.0
    max_links: int = 25_000_000
    rescale: float = 0.5  # how far an averaged embedding's norm is pulled to the base's mean norm
    smoothing: float = 8.0  # occurrences that count as much as what the spelling foretells; translation only


@dataclass(frozen=True)
class Lora:
    """Low-rank updates of every linear layer, trained in steps 2 and 3. `rank` 0 trains the whole body instead.

    `start`: zero, or where the updates of other languages lie on average (`train.beginning`), if the base is theirs.
    """

    rank: int = 16
    alpha: float = 32.0
    start: str = "mean"


@dataclass(frozen=True)
class Adapter:
    """The alignment adapter of step 4; the paper's reduction 2 and scaling 4."""

    reduction: int = 2
    scaling: float = 4.0


@dataclass(frozen=True)
class LanguageAdaptation:
    """Step 2, masked language modelling on monolingual text. At our base's size it changed nothing measurable
    (train/RESULTS.md).
    """

    sentences: int = 0
    length: int = 96
    tokens_per_batch: int = 2048
    embedding_rate: float = 5e-5
    lora_rate: float = 5e-5
    mask: float = 0.15


@dataclass(frozen=True)
class SentenceEncoding:
    """Step 3: contrastive on paraphrases, guided by the base encoder's similarities of the translations, and by rank on
    scored pairs.
    """

    sentences: int = 120_000
    tokens_per_batch: int = 3072
    embedding_rate: float = 1.5e-3
    lora_rate: float = 4.5e-4
    scale: float = 20.0
    paraphrase_share: float = 0.15  # of the sentence-steps
    scored_share: float = 0.25
    cosine_weight: float = 5.0
    bank: int = 1024  # teacher vectors of other sentences that every batch is also told apart from
    # Of what the step changes; the rest stays as it was before (weight interpolation). Without scored pairs the whole
    # way costs relatedness (`train.sentence_encoding` says how much).
    kept: float = 0.75
    # Trainings of so many sentences each, in other orders from one beginning, whose weights are averaged (model soup).
    members: int = 1


@dataclass(frozen=True)
class CrossLingualAlignment:
    """Step 4, the adapter alone: cross-lingual paraphrases and translations in turn."""

    sentences: int = 6_000
    tokens_per_batch: int = 3072
    rate: float = 3e-4
    scale: float = 20.0
    paraphrase_share: float = 0.15
    cosine_weight: float = 5.0
    bank: int = 1024
    # Of what the adapter adds. After step 3, which is guided by English already, all of it finds no more on dev and
    # costs relatedness: with none, a quarter, half and all of it 77.5, 77.3, 76.9 and 75.9 in Kazakh, 75.4, 74.9, 74.2
    # and 73.1 in Uzbek.
    kept: float = 0.25


@dataclass(frozen=True)
class Data:
    """What is read and in which proportions."""

    max_characters: int = 1200
    source_cap: float = (
        0.5  # no one of several sources gives more rows to an epoch than this share of all pairs
    )
    joined: float = 0.12  # examples made by joining random short pairs, as a share of the pairs
    piece_dropout: float = (
        0.1  # of translations: pieces passed over when words are cut anew (WordPiece vocabularies)
    )
    skip_sources: tuple[str, ...] = ()
    source_weights: dict[str, float] = field(default_factory=dict)
    relatives: tuple[str, ...] = ()  # languages near enough that their translations help, by code
    relatives_share: float = 0.75  # of all translations, at most


@dataclass(frozen=True)
class Recipe:
    """All of it."""

    base: str = "en"
    seed: int = 20261123
    max_length: int = 256
    whitening: bool = True  # of both spaces, if the base holds the map for it (`train.whitening`)
    checkpoint: Checkpoint = Checkpoint()
    vocabulary: Vocabulary = Vocabulary()
    initialisation: Initialisation = Initialisation()
    lora: Lora = Lora()
    adapter: Adapter = Adapter()
    language_adaptation: LanguageAdaptation = LanguageAdaptation()
    sentence_encoding: SentenceEncoding = SentenceEncoding()
    cross_lingual_alignment: CrossLingualAlignment = CrossLingualAlignment()
    data: Data = field(default_factory=Data)

    @property
    def sentences(self) -> int:
        """Sentence-steps of all steps."""
        encoding = self.sentence_encoding
        others = self.language_adaptation.sentences + self.cross_lingual_alignment.sentences
        return encoding.sentences * encoding.members + others

    def to_json(self) -> dict[str, Any]:
        """The settings as plain data, for logs and model cards."""
        return dataclasses.asdict(self)


FULL_RATE = 0.1
"""Rate of the whole body as a share of the LoRA's: full fine-tuning wants about a tenth of it (Schulman et al. 2025,
"LoRA Without Regret")."""


def whole_body(recipe: Recipe) -> Recipe:
    """The recipe with full fine-tuning in place of LoRA, at `FULL_RATE` of the LoRA's rates."""
    adaptation, encoding = recipe.language_adaptation, recipe.sentence_encoding
    return dataclasses.replace(
        recipe,
        lora=dataclasses.replace(recipe.lora, rank=0),
        language_adaptation=dataclasses.replace(adaptation, lora_rate=adaptation.lora_rate * FULL_RATE),
        sentence_encoding=dataclasses.replace(encoding, lora_rate=encoding.lora_rate * FULL_RATE),
    )


def load_recipe(language: str, recipe: str | Path | None = None) -> Recipe:
    """The recipe in the file `recipe`, or the shipped one of that name; by default the language's own, if there is one.

    One that `extends` a shipped one says only what it changes in it.

    Raises:
        XsearchError: no such recipe, unreadable TOML, an unknown key, or a value of the wrong type or out of bounds.
    """
    path = RECIPES / f"{language}.toml" if recipe is None else Path(recipe)
    if recipe is None and not path.is_file():
        return Recipe()
    if not path.is_file() and (RECIPES / f"{path.name}.toml").is_file():
        path = RECIPES / f"{path.name}.toml"
    if not path.is_file():
        shipped = ", ".join(sorted(p.stem for p in RECIPES.glob("*.toml")))
        raise XsearchError(
            f"there is no recipe {path}; give a TOML file or the name of a shipped one: {shipped}"
        )
    return _settled(path)


def _settled(path: Path) -> Recipe:
    """The recipe in a file, over the shipped one that it `extends`, which may do so too."""
    data = _read(path)
    extended = data.pop("extends", None)
    if extended is None:
        return _fill(Recipe(), data, str(path))
    below = RECIPES / f"{extended}.toml"
    if not isinstance(extended, str) or Path(extended).name != extended or not below.is_file():
        raise XsearchError(f"{path}: extends is {extended!r}, expected the name of a shipped recipe")
    return _fill(_settled(below), data, str(path))


def stated_recipe(plain: Mapping[str, Any]) -> Recipe:
    """The recipe that a module states (`Recipe.to_json`): settings that are no more are passed over, new ones default.

    Raises:
        XsearchError: a value of the wrong type or out of bounds.
    """
    return _fill(Recipe(), _known(plain, Recipe()), "the module's recipe")


def _known(plain: Mapping[str, Any], defaults: Any) -> dict[str, Any]:
    known = ((key, value, getattr(defaults, key)) for key, value in plain.items() if hasattr(defaults, key))
    return {
        key: _known(value, default) if dataclasses.is_dataclass(default) else value
        for key, value, default in known
    }


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise XsearchError(f"the recipe {path} cannot be read ({error}); expected a TOML file") from error


_CHOICES = {
    "kind": ("wordpiece", "unigram", "bpe"),
    "method": ("auto", "translation", "focus"),
    "start": ("mean", "zero"),
    "pooling": ("", "mean", "cls", "cls_dense_tanh"),
}

# Lowest and highest value by the setting's name, which means the same in every section.
_BOUNDS: dict[str, tuple[float, float]] = {
    "seed": (0, 2**63 - 1), "max_length": (8, 8192), "size": (50, 1_000_000), "min_frequency": (1, 1_000_000),
    "iterations": (1, 100), "diagonal": (0, 100), "max_links": (1, 10**10), "rescale": (0, 1), "rank": (0, 4096),
    "alpha": (1e-6, 1e6), "reduction": (1, 1024), "scaling": (1e-6, 1e6), "sentences": (0, 10**12),
    "length": (8, 8192), "tokens_per_batch": (64, 10**8), "embedding_rate": (0, 1), "lora_rate": (0, 1),
    "rate": (0, 1), "mask": (0.01, 0.9), "scale": (0.1, 1000), "paraphrase_share": (0, 1), "scored_share": (0, 1),
    "cosine_weight": (0, 1000), "bank": (0, 10**6), "max_characters": (1, 10**6),
    "source_cap": (1e-6, 1), "joined": (0, 10), "piece_dropout": (0, 0.9), "relatives_share": (0, 0.99),
    "smoothing": (0, 1e6), "kept": (0, 1), "members": (1, 100),
}  # fmt: skip

T = TypeVar("T")


def _fill(defaults: T, data: dict[str, Any], where: str) -> T:
    known = {f.name: getattr(defaults, f.name) for f in dataclasses.fields(defaults)}  # type: ignore[arg-type]
    changes: dict[str, Any] = {}
    for key, value in data.items():
        if key not in known:
            raise XsearchError(f"{where}: unknown setting {key!r}; known are {', '.join(known)}")
        if dataclasses.is_dataclass(known[key]):
            if not isinstance(value, dict):
                raise XsearchError(f"{where}: {key} is a table of settings, found {value!r}")
            changes[key] = _fill(known[key], value, f"{where}: {key}")
        else:
            changes[key] = _checked(key, value, known[key], where)
    return dataclasses.replace(defaults, **changes)  # type: ignore[type-var]


def _checked(key: str, value: Any, default: Any, where: str) -> Any:
    """`value` in the type of `default`, within its bounds."""
    if isinstance(default, tuple):
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise XsearchError(f"{where}: {key} is {value!r}, expected a list of texts")
        return tuple(value)
    if isinstance(default, dict):
        if not isinstance(value, dict) or not all(_is_number(w) and 0 <= w <= 1000 for w in value.values()):
            raise XsearchError(f"{where}: {key} is {value!r}, expected a table of numbers from 0 to 1000")
        return default | {name: float(weight) for name, weight in value.items()}
    if isinstance(default, float) and _is_number(value):
        value = float(value)
    if type(value) is not type(default):  # a bool is an int, but no number
        raise XsearchError(f"{where}: {key} is {value!r}, expected {type(default).__name__} like {default!r}")
    if key in _CHOICES and value not in _CHOICES[key]:
        raise XsearchError(
            f"{where}: {key} is {value!r}, expected one of {', '.join(filter(None, _CHOICES[key]))}"
        )
    low, high = _BOUNDS.get(key, (-math.inf, math.inf))
    if _is_number(value) and value != default and not low <= value <= high:
        raise XsearchError(f"{where}: {key} is {value!r}, expected a number from {low:g} to {high:g}")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
