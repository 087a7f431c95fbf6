"""Step 2, language adaptation: masked language modelling of the table and the LoRA updates.

The output layer is the embedding table itself behind one linear map that starts as the identity: all-MiniLM has no
masked-language-modelling head left, and a fresh one would first send noise into embeddings that are already good.
The map alone is therefore trained during the first fifth of the batches.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from train.loop import Group, Log, train
from train.recipe import LanguageAdaptation
from train.sequences import Ids, length_batches, padded
from train.student import Student
from train.vocabulary import SPECIAL_TOKENS

HEAD_ONLY = 0.2
_IGNORED = -100


def adapt_to_language(
    student: Student, sequences: list[Ids], settings: LanguageAdaptation, mask_id: int, seed: int, folder: Path, log: Log
) -> None:
    """Train table and LoRA in place. `sequences` are token ids with special tokens; longer ones are cut."""
    if not settings.sentences or not sequences:
        return
    rng = np.random.default_rng([seed, 3])
    cut = [s[: settings.length] for s in sequences]
    lengths = np.array([len(s) for s in cut])
    plan: list[np.ndarray] = []
    wanted = settings.sentences
    while wanted > 0:
        rows = rng.permutation(len(cut))[:wanted]
        wanted -= len(rows)
        plan += [rows[b] for b in length_batches(lengths[rows], settings.tokens_per_batch, rng)]
    student.train_only("table", "lora")
    student.use_space("native")
    width = student.table.shape[1]
    head = nn.Linear(width, width)
    with torch.no_grad():
        head.weight.copy_(torch.eye(width))
        head.bias.zero_()
    head.to(student.table.device)
    bias = nn.Parameter(torch.zeros(student.table.shape[0], device=student.table.device))

    def loss_of(number: int) -> tuple[torch.Tensor, None]:
        draw = np.random.default_rng([seed, 4, number])
        ids, mask = padded([cut[i] for i in plan[number]])
        corrupted, labels = _masked(ids, settings.mask, mask_id, student.table.shape[0], draw)
        device = student.table.device
        hidden = student.model(
            input_ids=corrupted.to(device), attention_mask=None if mask is None else mask.to(device)
        ).last_hidden_state
        chosen = labels != _IGNORED
        states, table = hidden[chosen.to(device)], student.table
        if number < HEAD_ONLY * len(plan):
            states, table = states.detach(), table.detach()
        logits = head(states) @ table.T
        return functional.cross_entropy(logits + bias, labels[chosen].to(device)), None

    groups = [
        Group([student.table], settings.embedding_rate),
        Group(student.body_updates(), settings.lora_rate),
        Group([*head.parameters(), bias], 1e-3),
    ]
    train("language_adaptation", student, groups, [len(r) for r in plan], loss_of, folder, log)


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
