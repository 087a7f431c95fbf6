"""What the steps of one language's training share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tokenizers import Tokenizer

from train.base import Base
from train.data import TrainingData
from train.log import Log
from train.recipe import Recipe
from train.resegmentation import Resegmentation
from train.sequences import Ids, tokenise
from train.student import Student
from train.teacher import Teacher


@dataclass(frozen=True)
class Run:
    """A language's data, recipe, student and teacher; `folder` keeps checkpoints, results and the log."""

    data: TrainingData
    recipe: Recipe
    base: Base
    teacher: Teacher
    tokenizer: Tokenizer
    student: Student
    folder: Path
    log: Log
    _token_ids: dict[str, Ids] = field(default_factory=dict, repr=False)

    @property
    def max_length(self) -> int:
        """Tokens that a text is cut to: the recipe's, if the base has that many positions."""
        return min(self.recipe.max_length, self.base.positions)

    def resegmentation(self) -> Resegmentation | None:
        """What cuts the words of translations anew in each batch, if the recipe and the kind of vocabulary want it."""
        dropout = self.recipe.data.piece_dropout
        if not dropout or self.recipe.vocabulary.kind != "wordpiece":
            return None
        return Resegmentation(self.tokenizer, dropout, self.max_length)

    def token_ids(self, texts: list[str]) -> list[Ids]:
        """Token ids of texts of the language, cut to the maximum length; each text is tokenised once."""
        known = self._token_ids
        new = [text for text in dict.fromkeys(texts) if text not in known]
        known.update(zip(new, tokenise(self.tokenizer, new, self.max_length), strict=True))
        return [known[text] for text in texts]
