"""Step 3, sentence encoding, and step 4, cross-lingual alignment: both learn from translations and paraphrases.

Step 3 trains the table and the LoRA updates of the native space: contrastively on paraphrases within the language,
and guided by the English encoder's similarities of the translations (`objectives.guided`), since most languages
have few native paraphrases. Step 4 freezes all of that and trains the adapter alone against the frozen English
vectors: contrastively on cross-lingual paraphrases, and on translations by cosine with the same guidance.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from train.batches import Examples, lay_out, rows_of, with_joined
from train.data import cross_lingual_paraphrases
from train.loop import COLLAPSED, Group, Step, batches_key, mean_cosine, train
from train.objectives import contrastive, distance, guided
from train.reading import Pair
from train.recipe import CrossLingualAlignment, SentenceEncoding
from train.run import Run
from train.sequences import Ids, padded
from train.student import Student

ParaphraseLoss = Callable[[NDArray[np.int64]], tuple[torch.Tensor, torch.Tensor]]
"""Rows of a batch of paraphrases -> (loss, student vectors)."""


def encode_sentences(run: Run) -> None:
    """Step 3, in place: table and LoRA, native space. Paraphrases are (a, b), both in the language."""
    settings, student, paraphrases = run.recipe.sentence_encoding, run.student, run.data.paraphrases
    if not settings.sentences:
        return
    examples = Examples(paraphrases, run.token_ids, ("left", "right"))

    def paraphrase_loss(rows: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
        vectors = _vectors(student, examples.ids(rows, "left") + examples.ids(rows, "right"))
        a, b = vectors[: len(rows)], vectors[len(rows) :]
        return contrastive(a, b, settings.scale), a

    student.train_only(*(["table"] if settings.embedding_rate else []), "lora")
    student.use_space("native")
    groups = [Group([student.table], settings.embedding_rate)] if settings.embedding_rate else []
    groups += [Group(student.body_updates(), settings.lora_rate)]
    _train(run, "sentence_encoding", settings, groups, examples, lambda _: paraphrase_loss, run.recipe.seed)


def align_across_languages(run: Run) -> None:
    """Step 4, in place: the adapter, shared space, with (English, foreign) paraphrases."""
    settings, student = run.recipe.cross_lingual_alignment, run.student
    if not settings.sentences:
        return
    cross = cross_lingual_paraphrases(run.data)
    examples = Examples(cross, run.token_ids)

    def paraphrase_loss_for(used: NDArray[np.int64]) -> ParaphraseLoss:
        targets = _Targets(run, "cross_lingual_alignment", cross, used)

        def paraphrase_loss(rows: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
            vectors = _vectors(student, examples.ids(rows))
            return contrastive(vectors, targets.of(rows).to(vectors), settings.scale), vectors

        return paraphrase_loss

    student.train_only("adapter")
    student.use_space("shared")
    groups = [Group(student.adapter_parameters(), settings.rate)]
    _train(
        run, "cross_lingual_alignment", settings, groups, examples, paraphrase_loss_for, run.recipe.seed + 1
    )


def _train(
    run: Run,
    name: str,
    settings: SentenceEncoding | CrossLingualAlignment,
    groups: list[Group],
    paraphrases: Examples,
    paraphrase_loss_for: Callable[[NDArray[np.int64]], ParaphraseLoss],
    seed: int,
) -> None:
    """Train on a plan of batches; `paraphrase_loss_for` gets the rows of all paraphrases in it."""
    pairs = with_joined(run.data.pairs, run.recipe.data, seed)
    translations = Examples(pairs, run.token_ids)
    plan = lay_out(translations, paraphrases, settings, run.recipe.data, seed)
    targets = _Targets(run, name, pairs, rows_of(plan, paraphrase=False))
    paraphrase_loss = paraphrase_loss_for(rows_of(plan, paraphrase=True))

    def loss_of(number: int) -> tuple[torch.Tensor, torch.Tensor]:
        rows = plan[number].rows
        if plan[number].paraphrase:
            return paraphrase_loss(rows)
        vectors = _vectors(run.student, translations.ids(rows))
        wanted = targets.of(rows).to(vectors)
        bank = targets.draw(settings.bank, [seed, 5, number]).to(vectors)
        loss = guided(vectors, wanted, bank, settings.scale)
        return loss + settings.cosine_weight * distance(vectors, wanted), vectors

    sizes = [len(batch.rows) for batch in plan]
    key = batches_key([[batch.paraphrase, batch.rows.tolist()] for batch in plan])
    step = Step(name, groups, sizes, loss_of, key, collapsed=max(COLLAPSED, 1 - (1 - targets.likeness) / 4))
    train(step, run.student, run.folder, run.log)


class _Targets:
    """Teacher vectors of the English sides of those `pairs` that are used."""

    def __init__(self, run: Run, step: str, pairs: list[Pair], used: NDArray[np.int64]) -> None:
        run.log.write("teacher", step=step, texts=len(used))
        self._vectors = torch.from_numpy(
            run.teacher.encode(
                [pairs[i].left for i in used],
                progress=lambda done, todo: run.log.write("teacher", done=done, of=todo),
            )
        )
        self._row = np.zeros(len(pairs), np.int64)
        self._row[used] = np.arange(len(used))
        # A base that is no sentence encoder gives all texts similar vectors, and so will a student that is not amiss.
        self.likeness = mean_cosine(self._vectors) if len(used) else 0.0

    def of(self, rows: NDArray[np.int64]) -> torch.Tensor:
        """The targets of these pairs (b, d)."""
        return self._vectors[self._row[rows]]

    def draw(self, count: int, seed: list[int]) -> torch.Tensor:
        """`count` of all targets at random."""
        return self._vectors[np.random.default_rng(seed).integers(0, len(self._vectors), count)]


def _vectors(student: Student, sequences: list[Ids]) -> torch.Tensor:
    return student.encode_ids(*padded(sequences))
