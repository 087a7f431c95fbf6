"""What a module's `config.json` says, as frozen dataclasses; reading it checks every field.

A module folder may come from anywhere, so sizes are bounded before any of them is used to allocate memory,
and nothing in the file is ever used as a path except the name of the base module, which must be a plain name.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from xsearch.errors import ModuleError
from xsearch.surrogates import has_surrogates

FORMAT = 1
SPACES = ("native", "shared")
POOLINGS = ("mean", "cls", "cls_dense_tanh")
ARCHITECTURES = ("bert", "xlm-roberta")
LORA_TARGETS = ("query", "key", "value", "attention_output", "ffn_in", "ffn_out")

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_MODULE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_HASH = re.compile(r"[0-9a-f]{64}")
_DEEPEST = 8


@dataclass(frozen=True)
class Architecture:
    """The shape of the transformer body, in the field names of a Hugging Face BERT configuration.

    `position_offset` is the index of the first token's position embedding: 0 for BERT, 2 for XLM-RoBERTa.
    """

    type: str
    hidden_size: int
    layers: int
    heads: int
    intermediate_size: int
    activation: str
    layer_norm_eps: float
    vocab_size: int
    max_positions: int
    position_offset: int
    token_type_vocab: int


@dataclass(frozen=True)
class BaseReference:
    """The module whose body this one builds on: its model's name, its folder's name and its content hash."""

    name: str
    module: str
    content_hash: str


@dataclass(frozen=True)
class Lora:
    """Low-rank updates of the body's linear layers: W + alpha / rank * B @ A."""

    rank: int
    alpha: float
    targets: tuple[str, ...]


@dataclass(frozen=True)
class Adapter:
    """The alignment adapter beside every feed-forward block: scaling * up(gelu(down(x)))."""

    kind: str
    bottleneck: int
    scaling: float
    activation: str


@dataclass(frozen=True)
class ModuleConfig:
    """A language module, described. `base` is None for a module that carries its own body.

    With `whitening`, vectors end with the map of which the base holds the tensors.
    """

    language: str
    name: str
    base: BaseReference | None
    architecture: Architecture
    dimension: int
    pooling: str
    max_length: int
    prefix: str = ""
    lora: Lora | None = None
    adapter: Adapter | None = None
    whitening: bool = False
    spaces: tuple[str, ...] = SPACES
    search_space: str = "shared"
    provenance: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, Any] = field(default_factory=dict)

    @property
    def graph_spaces(self) -> tuple[str, ...]:
        """The spaces that have a graph of their own: both, or only "native" where there is no adapter."""
        return ("native",) if self.adapter is None else self.spaces

    def to_json(self) -> dict[str, Any]:
        """The object that stands in `config.json`, without its content hash."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_json(cls, data: Any, where: str) -> ModuleConfig:
        """Check and read a parsed `config.json`; `where` names the file in messages.

        Raises:
            ModuleError: a field is missing, of the wrong type, out of bounds or at odds with another.
        """
        top = _Fields(data, where)
        version = top.integer("format", 0, 10**6)
        if version != FORMAT:
            raise ModuleError(
                f"{where}: the module has format {version}, this version of xsearch reads format {FORMAT}; "
                "install the matching xsearch or retrain the module"
            )
        config = cls(
            language=top.text("language", _LANGUAGE),
            name=top.text("name"),
            base=_base(top.section("base")),
            architecture=_architecture(top.section("architecture"), where),
            dimension=top.integer("dimension", 1, 16384),
            pooling=top.choice("pooling", POOLINGS),
            max_length=top.integer("max_length", 3, 65536),
            prefix=top.text("prefix"),
            lora=_lora(top.section("lora")),
            adapter=_adapter(top.section("adapter")),
            whitening=top.truth("whitening"),
            spaces=top.choices("spaces", SPACES),
            search_space=top.choice("search_space", SPACES),
            provenance=top.mapping("provenance"),
            scores=top.mapping("scores"),
        )
        config.check(where)
        return config

    def check(self, where: str) -> None:
        """Raise ModuleError where two fields contradict each other."""
        shape = self.architecture
        positions = shape.max_positions - shape.position_offset
        problems = [
            (shape.hidden_size % shape.heads != 0, "hidden_size is not a multiple of heads"),
            (
                self.max_length > positions,
                f"max_length {self.max_length} is more than the {positions} positions of the body",
            ),
            (
                self.pooling != "cls_dense_tanh" and self.dimension != shape.hidden_size,
                f"dimension {self.dimension} differs from hidden_size {shape.hidden_size}",
            ),
            (self.search_space not in self.spaces, f"search_space {self.search_space!r} is not among spaces"),
        ]
        for wrong, message in problems:
            if wrong:
                raise ModuleError(
                    f"{where}: {message}; the file is damaged or made by hand: export the module again"
                )


def is_module_name(name: str) -> bool:
    """Whether `name` is a plain folder name that cannot leave the folder it is looked up in."""
    return _MODULE_NAME.fullmatch(name) is not None


def is_content_hash(value: object) -> bool:
    """Whether `value` is a sha256 in lower-case hexadecimal."""
    return isinstance(value, str) and _HASH.fullmatch(value) is not None


def _is_plain(value: object, deepest: int) -> bool:
    """Whether parsed JSON can be shown: not too deep, and no number beyond a float's."""
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return deepest > 0 and all(_is_plain(item, deepest - 1) for item in inner)
    return not isinstance(value, int | float) or abs(value) <= sys.float_info.max


def _architecture(fields: _Fields | None, where: str) -> Architecture:
    if fields is None:
        raise ModuleError(f"{where}: 'architecture' is null; expected an object with the sizes of the body")
    return Architecture(
        type=fields.choice("type", ARCHITECTURES),
        hidden_size=fields.integer("hidden_size", 1, 8192),
        layers=fields.integer("layers", 1, 96),
        heads=fields.integer("heads", 1, 128),
        intermediate_size=fields.integer("intermediate_size", 1, 65536),
        activation=fields.choice("activation", ("gelu",)),
        layer_norm_eps=fields.number("layer_norm_eps", 1e-15, 1e-2),
        vocab_size=fields.integer("vocab_size", 1, 4_000_000),
        max_positions=fields.integer("max_positions", 3, 131072),
        position_offset=fields.integer("position_offset", 0, 16),
        token_type_vocab=fields.integer("token_type_vocab", 1, 16),
    )


def _base(fields: _Fields | None) -> BaseReference | None:
    if fields is None:
        return None
    digest = fields.text("content_hash", _HASH)
    return BaseReference(
        name=fields.text("name"), module=fields.text("module", _MODULE_NAME), content_hash=digest
    )


def _lora(fields: _Fields | None) -> Lora | None:
    if fields is None:
        return None
    return Lora(
        rank=fields.integer("rank", 1, 4096),
        alpha=fields.number("alpha", 1e-6, 1e6),
        targets=fields.choices("targets", LORA_TARGETS),
    )


def _adapter(fields: _Fields | None) -> Adapter | None:
    if fields is None:
        return None
    return Adapter(
        kind=fields.choice("kind", ("parallel",)),
        bottleneck=fields.integer("bottleneck", 1, 65536),
        scaling=fields.number("scaling", 1e-6, 1e6),
        activation=fields.choice("activation", ("gelu",)),
    )


class _Fields:
    """Typed, bounded access to a JSON object, with messages that name the field."""

    def __init__(self, data: Any, where: str) -> None:
        if not isinstance(data, dict):
            raise ModuleError(
                f"{where}: expected a JSON object, found {type(data).__name__}; export the module again"
            )
        self._data = data
        self._where = where

    def _get(self, key: str) -> Any:
        if key not in self._data:
            raise ModuleError(f"{self._where}: field {key!r} is missing; export the module again")
        return self._data[key]

    def _wrong(self, key: str, expected: str) -> ModuleError:
        shown = repr(self._data[key])
        shown = shown if len(shown) <= 60 else shown[:57] + "..."
        return ModuleError(
            f"{self._where}: field {key!r} is {shown}, expected {expected}; export the module again"
        )

    def section(self, key: str) -> _Fields | None:
        value = self._get(key)
        return None if value is None else _Fields(value, f"{self._where}: {key}")

    def mapping(self, key: str) -> Mapping[str, Any]:
        value = self._data.get(key, {})
        if not isinstance(value, dict) or not _is_plain(value, _DEEPEST):
            raise self._wrong(key, f"an object of finite numbers and texts, at most {_DEEPEST} levels deep")
        return value

    def truth(self, key: str) -> bool:
        """A field that modules made before it lack, for which it is false."""
        value = self._data.get(key, False)
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false")
        return value

    def text(self, key: str, pattern: re.Pattern[str] | None = None) -> str:
        value = self._get(key)
        if not isinstance(value, str) or len(value) > 1000 or has_surrogates(value):
            raise self._wrong(key, "a text of at most 1000 characters, no surrogates among them")
        if pattern is not None and pattern.fullmatch(value) is None:
            raise self._wrong(key, f"a text of the form {pattern.pattern}")
        return value

    def choice(self, key: str, allowed: tuple[str, ...]) -> str:
        value = self._get(key)
        if not isinstance(value, str) or value not in allowed:
            raise self._wrong(key, "one of " + ", ".join(allowed))
        return value

    def choices(self, key: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
        value = self._get(key)
        well_typed = isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
        if not well_typed or not value or not set(value) <= set(allowed) or len(set(value)) != len(value):
            raise self._wrong(key, "a list of different ones of " + ", ".join(allowed))
        return tuple(value)

    def integer(self, key: str, low: int, high: int) -> int:
        value = self._get(key)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self._wrong(key, f"a whole number from {low} to {high}")
        return value

    def number(self, key: str, low: float, high: float) -> float:
        value = self._get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self._wrong(key, f"a number from {low} to {high}")
        return float(value)
