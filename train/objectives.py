"""Training objectives. All vectors are L2-normalised (b, d); every objective is a mean over the batch."""

from __future__ import annotations

import torch
from torch.nn import functional


def contrastive(a: torch.Tensor, b: torch.Tensor, scale: float) -> torch.Tensor:
    """Multiple negatives ranking loss, both ways: row i of `a` belongs to row i of `b` (Henderson et al. 2017)."""
    logits = a @ b.T * scale
    labels = torch.arange(len(a), device=a.device)
    return (functional.cross_entropy(logits, labels) + functional.cross_entropy(logits.T, labels)) / 2


def guided(student: torch.Tensor, teacher: torch.Tensor, bank: torch.Tensor, scale: float) -> torch.Tensor:
    """Make the student rank texts as the frozen English encoder ranks their translations.

    The student's similarities to the batch's and the bank's teacher vectors should be distributed as the teacher's
    own are (cross-entropy with soft labels), and so should the teacher's similarities to the student's vectors. Soft
    labels rather than one-hot: two sentences of a batch may mean the same, and the teacher knows. `bank` (m, d)
    holds teacher vectors of other sentences: negatives that cost one matrix product and no encoding.
    """
    candidates = torch.cat([teacher, bank])
    wanted = functional.softmax(teacher @ candidates.T * scale, dim=1)
    forward = functional.cross_entropy(student @ candidates.T * scale, wanted)
    wanted_back = functional.softmax(teacher @ teacher.T * scale, dim=1)
    backward = functional.cross_entropy(teacher @ student.T * scale, wanted_back)
    return (forward + backward) / 2


def ranked(a: torch.Tensor, b: torch.Tensor, gold: torch.Tensor, scale: float) -> torch.Tensor:
    """CoSENT (Su 2022): of two pairs, the one scored higher in `gold` (b,) should have the higher cosine.

    Only the order of the scores counts, which is what Spearman's correlation measures; pairs scored alike say nothing.
    """
    cosines = (a * b).sum(dim=1) * scale
    wrong = cosines[None, :] - cosines[:, None]
    compared = gold[:, None] > gold[None, :]
    return torch.cat([wrong[compared], wrong.new_zeros(1)]).logsumexp(dim=0)


def distance(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """1 - cosine of a translation and its English vector."""
    return 1 - (student * teacher).sum(dim=1).mean()


def within(
    student: torch.Tensor, teacher: torch.Tensor, scale: float, distance_weight: float
) -> torch.Tensor:
    """Make the student's similarities among its own texts those of the teacher among their translations.

    No text is compared with one in another language, so the student may lie anywhere in the space: the monolingual
    counterpart of `guided` and `distance`. Each text's similarities to the others are distributed alike
    (cross-entropy) and, weighted, alike in size (squared difference). A single text has no others: the loss is 0.
    """
    if len(student) < 2:
        return (student * 0).sum()
    others = ~torch.eye(len(student), dtype=torch.bool, device=student.device)
    ours, wanted = ((v @ v.T)[others].view(len(v), -1) for v in (student, teacher))
    alike = functional.cross_entropy(ours * scale, functional.softmax(wanted * scale, dim=1))
    return alike + distance_weight * (ours - wanted).pow(2).mean()
