"""Step 2, language adaptation: masked language modelling of the table and the LoRA updates.

The output layer is the embedding table itself behind one linear map that starts as the identity: all-MiniLM has no
masked-language-modelling head left, and a fresh one would first send noise into embeddings that are already good.
The map alone is therefore trained during the first fifth of the batches.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from train.loop import Group, Step, batches_key, train
from train.run import Run
from train.sequences import Ids, length_batches, padded
from train.vocabulary import SPECIAL_TOKENS

HEAD_ONLY = 0.2
HEAD_RATE = 1e-3
_IGNORED = -100
_CHUNK = 10_000
_SHORTEST = 5
"""Tokens of a text from which it has a context to guess from, with its two special ones."""


def adapt_to_language(run: Run, texts: list[str]) -> None:
    """Train table and LoRA in place on texts of the language; longer ones are cut."""
    settings, student, seed = run.recipe.language_adaptation, run.student, run.recipe.seed
    length = min(settings.length, run.max_length)
    sequences: list[Ids] = []
    while (
        len(sequences) < settings.sentences and texts
    ):  # no more than are needed: the texts are in random order
        sequences += [s[:length] for s in run.token_ids(texts[:_CHUNK]) if len(s) >= _SHORTEST]
        texts = texts[_CHUNK:]
    if not settings.sentences or not sequences:
        return
    plan = _lay_out(sequences, settings.sentences, settings.tokens_per_batch, seed)
    student.train_only("table", "lora")
    student.use_space("native")
    head = _OutputLayer(student.table)
    mask_id = SPECIAL_TOKENS.index("[MASK]")

    def loss_of(number: int) -> tuple[torch.Tensor, None]:
        draw = np.random.default_rng([seed, 4, number])
        ids, mask = padded([sequences[i] for i in plan[number]])
        corrupted, labels = _masked(ids, settings.mask, mask_id, student.table.shape[0], draw)
        chosen = labels != _IGNORED
        states = student.token_states(corrupted, mask)[chosen.to(student.table.device)]
        logits = head(states, student.table, frozen_input=number < HEAD_ONLY * len(plan))
        return functional.cross_entropy(logits, labels[chosen].to(logits.device)), None

    groups = [
        Group([student.table], settings.embedding_rate),
        Group(student.body_updates(), settings.lora_rate),
        Group([*head.map.parameters(), head.bias], HEAD_RATE),
    ]
    sizes = [len(rows) for rows in plan]
    key = batches_key([rows.tolist() for rows in plan])
    train(Step("language_adaptation", groups, sizes, loss_of, key), student, run.folder, run.log)


class _OutputLayer(nn.Module):
    """Scores of every sub-word: a linear map, at first the identity, then the embedding table and a bias."""

    def __init__(self, table: nn.Parameter) -> None:
        super().__init__()
        vocabulary, width = table.shape
        self.map = nn.Linear(width, width)
        self.bias = nn.Parameter(torch.zeros(vocabulary))
        with torch.no_grad():
            self.map.weight.copy_(torch.eye(width))
            self.map.bias.zero_()
        self.to(table.device)

    def forward(self, states: torch.Tensor, table: torch.Tensor, *, frozen_input: bool) -> torch.Tensor:
        """(n, vocabulary) scores of `states` (n, d); with `frozen_input` no gradient reaches the encoder."""
        if frozen_input:
            states, table = states.detach(), table.detach()
        scores: torch.Tensor = self.map(states) @ table.T + self.bias
        return scores


def _lay_out(sequences: list[Ids], sentences: int, tokens: int, seed: int) -> list[NDArray[np.int64]]:
    """Rows of every batch for `sentences` sentence-steps."""
    rng = np.random.default_rng([seed, 3])
    lengths = np.array([len(s) for s in sequences])
    plan: list[NDArray[np.int64]] = []
    wanted = sentences
    while wanted > 0:
        rows = rng.permutation(len(sequences))[:wanted]
        wanted -= len(rows)
        plan += [rows[b] for b in length_batches(lengths[rows], tokens, rng)]
    return plan


def _masked(
    ids: torch.Tensor, share: float, mask_id: int, vocabulary: int, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """BERT's corruption: of the chosen tokens 80 % become [MASK], 10 % a random token, 10 % stay."""
    shape = tuple(ids.shape)
    special = ids < len(SPECIAL_TOKENS)
    chosen = torch.from_numpy(rng.random(shape) < share) & ~special
    if not chosen.any():
        chosen[0, 1] = True
    labels = torch.where(chosen, ids, torch.full_like(ids, _IGNORED))
    kind = torch.from_numpy(rng.random(shape))
    random = torch.from_numpy(rng.integers(len(SPECIAL_TOKENS), vocabulary, shape))
    corrupted = torch.where(chosen & (kind < 0.8), torch.full_like(ids, mask_id), ids)
    return torch.where(chosen & (kind >= 0.9), random, corrupted), labels
