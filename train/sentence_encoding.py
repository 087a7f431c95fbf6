"""Step 3, sentence encoding, and step 4, cross-lingual alignment: both learn from translations and paraphrases.

Step 3 trains the table and the LoRA updates of the native space: contrastively on paraphrases within the language,
and guided by the English encoder's similarities of the translations (`objectives.guided`), since most languages
have few native paraphrases. Step 4 freezes all of that and trains the adapter alone against the frozen English
vectors: contrastively on cross-lingual paraphrases, and on translations by cosine with the same guidance.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from train.batches import Batch, lay_out, with_joined
from train.data import Pair
from train.loop import Group, Log, train
from train.objectives import contrastive, distance, guided
from train.recipe import CrossLingualAlignment, Data, SentenceEncoding
from train.sequences import padded, tokenise
from train.student import Student
from train.teacher import Teacher


def encode_sentences(
    student: Student, tokenizer: Tokenizer, teacher: Teacher, pairs: list[Pair], paraphrases: list[Pair],
    settings: SentenceEncoding, data: Data, max_length: int, seed: int, folder: Path, log: Log,
) -> None:  # fmt: skip
    """Step 3, in place: table and LoRA, native space. Paraphrases are (a, b), both in the language."""
    if not settings.sentences:
        return
    first = tokenise(tokenizer, [p.left for p in paraphrases], max_length)
    second = tokenise(tokenizer, [p.right for p in paraphrases], max_length)

    def paraphrase_loss(rows: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
        vectors = _vectors(student, [first[i] for i in rows] + [second[i] for i in rows])
        a, b = vectors[: len(rows)], vectors[len(rows) :]
        return contrastive(a, b, settings.scale), a

    student.train_only("table", "lora")
    student.use_space("native")
    groups = [Group([student.table], settings.embedding_rate), Group(student.body_updates(), settings.lora_rate)]
    longest = [a if len(a) > len(b) else b for a, b in zip(first, second, strict=True)]
    _train(
        "sentence_encoding", student, groups, tokenizer, teacher, pairs, paraphrases, longest, paraphrase_loss,
        settings, data, max_length, seed, folder, log,
    )  # fmt: skip


def align_across_languages(
    student: Student, tokenizer: Tokenizer, teacher: Teacher, pairs: list[Pair], cross: list[Pair],
    settings: CrossLingualAlignment, data: Data, max_length: int, seed: int, folder: Path, log: Log,
) -> None:  # fmt: skip
    """Step 4, in place: the adapter, shared space. `cross` are (English, foreign) paraphrases."""
    if not settings.sentences:
        return
    sequences = tokenise(tokenizer, [p.right for p in cross], max_length)
    targets = torch.from_numpy(teacher.encode([p.left for p in cross]))

    def paraphrase_loss(rows: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
        vectors = _vectors(student, [sequences[i] for i in rows])
        return contrastive(vectors, targets[rows].to(vectors), settings.scale), vectors

    student.train_only("adapter")
    student.use_space("shared")
    groups = [Group(student.adapter_parameters(), settings.rate)]
    _train(
        "cross_lingual_alignment", student, groups, tokenizer, teacher, pairs, cross, sequences, paraphrase_loss,
        settings, data, max_length, seed + 1, folder, log,
    )  # fmt: skip


def _train(
    name: str, student: Student, groups: list[Group], tokenizer: Tokenizer, teacher: Teacher, pairs: list[Pair],
    paraphrases: list[Pair], paraphrase_ids: list[NDArray[np.int32]],
    paraphrase_loss: Callable[[NDArray[np.int64]], tuple[torch.Tensor, torch.Tensor]],
    settings: SentenceEncoding | CrossLingualAlignment, data: Data, max_length: int, seed: int, folder: Path, log: Log,
) -> None:  # fmt: skip
    examples = with_joined(pairs, data, seed)
    sequences = tokenise(tokenizer, [p.right for p in examples], max_length)
    plan = lay_out(
        examples, sequences, paraphrases, paraphrase_ids,
        sentences=settings.sentences, tokens_per_batch=settings.tokens_per_batch,
        paraphrase_share=settings.paraphrase_share, settings=data, seed=seed,
    )  # fmt: skip
    used = np.unique(np.concatenate([b.rows for b in plan if not b.paraphrase]))
    log.write("teacher", step=name, texts=len(used))
    targets = torch.from_numpy(teacher.encode([examples[i].left for i in used], progress=lambda done, todo: log.write("teacher", done=done, of=todo)))
    row_of = np.zeros(len(examples), np.int64)
    row_of[used] = np.arange(len(used))

    def loss_of(number: int) -> tuple[torch.Tensor, torch.Tensor]:
        batch: Batch = plan[number]
        if batch.paraphrase:
            return paraphrase_loss(batch.rows)
        vectors = _vectors(student, [sequences[i] for i in batch.rows])
        draw = np.random.default_rng([seed, 5, number]).integers(0, len(targets), settings.bank)
        wanted, bank = targets[row_of[batch.rows]].to(vectors), targets[draw].to(vectors)
        loss = guided(vectors, wanted, bank, settings.scale) + settings.cosine_weight * distance(vectors, wanted)
        return loss, vectors

    train(name, student, groups, [len(b.rows) for b in plan], loss_of, folder, log)


def _vectors(student: Student, sequences: list[NDArray[np.int32]]) -> torch.Tensor:
    ids, mask = padded(sequences)
    device = student.table.device
    return student.encode_ids(ids.to(device), None if mask is None else mask.to(device))
