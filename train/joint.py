"""Several languages as one: the data and the vocabulary of a monolithic encoder (`train.baselines`)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from itertools import cycle, islice
from typing import Any

from tokenizers import Tokenizer

from train.base import Base
from train.data import TrainingData
from train.initialisation import Table, table_of_counts, translation_counts
from train.pipeline import shuffled_sides
from train.reading import Pair
from train.recipe import Recipe
from train.vocabulary import train_tokenizer, united
from xsearch.evaluation.multilingual_module import MULTILINGUAL

DEV_PAIRS = 200
"""Held-out pairs of each language and kind, for the scores in the log."""


def english_data(parts: Sequence[TrainingData]) -> TrainingData:
    """English as a language like the others: every English text is its own translation."""
    texts = {pair.left: pair.source for part in parts for pair in part.pairs}
    pairs = [Pair(text, text, source) for text, source in texts.items()]
    return TrainingData("en", pairs, parts[0].english, [], {})


def joint_data(parts: Sequence[TrainingData]) -> TrainingData:
    """All languages' data as one's; sources and dev sets carry the name of their language."""
    joint = TrainingData(MULTILINGUAL, [], [], [], {})
    for part in parts:
        language = part.language
        joint.pairs += [Pair(p.left, p.right, f"{language}:{p.source}") for p in part.pairs]
        joint.paraphrases += [Pair(p.left, p.right, f"{language}:{p.source}") for p in part.paraphrases]
        joint.graded += part.graded
        joint.monolingual += part.monolingual
        joint.dev |= {f"{language} {name}": pairs[:DEV_PAIRS] for name, pairs in part.dev.items()}
        joint.scored |= {f"{language} {name}": pairs for name, pairs in part.scored.items()}
        joint.left_out += part.left_out
    return joint


def joint_vocabulary(parts: Sequence[TrainingData], recipe: Recipe, base: Base) -> tuple[Tokenizer, Table]:
    """Every piece of the base's vocabulary and of the languages' modules, and the first embedding of each.

    A piece starts as in a module, as the average of the English pieces that it translates; its translations in all
    languages that have it are counted together.
    """
    known: Any = base.model.get_input_embeddings()
    base_table = known.weight.detach().cpu().numpy()
    plain = dataclasses.replace(
        recipe.vocabulary, orthography=False
    )  # one tokenizer can spell as one language only
    own = [train_tokenizer(part.texts(), part.language, plain) for part in parts if part.language != "en"]
    tokenizer = united([base.tokenizer, *own])
    counted = [
        translation_counts(
            tokenizer,
            base.tokenizer,
            len(base_table),
            *shuffled_sides(part.pairs, recipe.seed),
            recipe.initialisation,
        )
        for part in parts
    ]
    counts = sum(counted[1:], start=counted[0])
    return tokenizer, table_of_counts(counts, tokenizer, base.tokenizer, base_table, recipe.initialisation)


def balanced_texts(parts: Sequence[TrainingData], count: int) -> list[str]:
    """`count` texts of each language in turn, those of a language with fewer several times."""
    drawn = [islice(cycle(part.texts()), count) for part in parts]
    return [text for texts in zip(*drawn, strict=True) for text in texts]
