"""Step 3, sentence encoding, and step 4, cross-lingual alignment: both learn from translations and paraphrases.

Step 3 trains the table and the LoRA updates of the native space: contrastively on paraphrases within the language,
by rank on its scored pairs (`objectives.ranked`), and guided by the English encoder's similarities of the translations
(`objectives.guided`), since most languages have few native paraphrases. Where there are no scored pairs this lowers
relatedness, most of which comes back when a part of the way is gone back (`kept`; WiSE-FT, Wortsman et al. 2022): on
Kazakh, 20,000 sentence-steps took it from 75.5 to 69.1, with 0.7 kept of LoRA and 0.75 of the table it is 72.5, and of
the sentences of a source left out 68.5 and 72.1 % are found, against 69.4 and 73.0. Several trainings in other orders,
`members`, can be averaged (model soup; Wortsman et al. 2022): of three with 200,000 to 350,000 sentences each, in
fourteen languages, the mean finds .14 points more of the short dev translations than one does on average, and agrees
.20 better with the scores of STSb (nine languages); one of 900,000 in place of three of 300,000 gave Dutch and
Portuguese 82.4 and 84.0 there, not 83.5 and 84.3. Step 4 freezes all of that and trains the adapter alone against the
frozen English vectors: contrastively on cross-lingual paraphrases, and on translations by cosine with that guidance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from train.batches import Batch, Examples, Kind, lay_out, rows_of, with_joined
from train.data import cross_lingual_paraphrases
from train.loop import COLLAPSED, Group, Step, batches_key, mean_cosine, train
from train.measure import dev_scores
from train.objectives import contrastive, distance, guided, ranked
from train.reading import Pair
from train.recipe import CrossLingualAlignment, SentenceEncoding
from train.run import Run
from train.sequences import Ids, padded
from train.student import Student

BatchLoss = Callable[[NDArray[np.int64]], tuple[torch.Tensor, torch.Tensor]]
"""Rows of a batch -> (loss, student vectors)."""

Guidance = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""Student vectors (b, d), the teacher's of their translations (b, d) and a bank of others (m, d) -> loss."""


_NEXT_MEMBER = 1_000
"""From the seed of one member to that of the next: further than that of the next step."""
_ALIKE = 0.8
_NO_SENTENCE_ENCODER = (
    "the base gives all English sentences nearly the same vector, so next to nothing can be learnt from it; is it a "
    "masked language model? Fine-tune it as a sentence encoder first, and give the result as --base"
)


@dataclass(frozen=True)
class Lesson:
    """What a step learns from one language: the batches, and for the number of a batch its loss and vectors.

    `likeness` is the mean cosine of the teacher's vectors with each other.
    """

    plan: list[Batch]
    loss_of: Callable[[int], tuple[torch.Tensor, torch.Tensor]]
    likeness: float


def encode_sentences(run: Run) -> None:
    """Step 3, in place: table and LoRA, native space; the table is rounded, since nothing after this trains it."""
    settings, student = run.recipe.sentence_encoding, run.student
    if settings.sentences:
        before, start = student.body_state(), student.parameters_now()
        found = []
        for member in range(settings.members):
            student.restore(start)
            name = f"sentence_encoding.{member}" if member else "sentence_encoding"
            learn(run, name, body_groups(run), [sentence_lesson(run, member=member)])
            found.append(student.body_state())
            if settings.members > 1:
                run.log.write("dev", stage=name, **dev_scores(run, "native"))
        student.take_mean(found, before, settings.kept)
    student.round_table()


def align_across_languages(run: Run) -> None:
    """Step 4, in place: the adapter, shared space."""
    settings, student = run.recipe.cross_lingual_alignment, run.student
    if not settings.sentences:
        return
    student.train_only("adapter")
    student.use_space("shared")
    groups = [Group(student.adapter_parameters(), settings.rate)]
    learn(run, "cross_lingual_alignment", groups, [alignment_lesson(run)])
    student.weaken_adapter(settings.kept)


def body_groups(run: Run) -> list[Group]:
    """What step 3 trains: the table, unless its rate is 0, and the LoRA updates (or the body), in the native space."""
    settings, student = run.recipe.sentence_encoding, run.student
    student.train_only(*(["table"] if settings.embedding_rate else []), "lora")
    student.use_space("native")
    groups = [Group([student.table], settings.embedding_rate)] if settings.embedding_rate else []
    return [*groups, Group(student.body_updates(), settings.lora_rate)]


def sentence_lesson(run: Run, guidance: Guidance | None = None, *, member: int = 0) -> Lesson:
    """Step 3's: paraphrases (a, b) and scored pairs in the language, and translations by `guidance`.

    Without one, guidance is the step's own, by English. Each `member` sees them in an order of its own.
    """
    settings, student = run.recipe.sentence_encoding, run.student
    graded = run.data.graded
    gold = torch.tensor([pair.gold for pair in graded])
    paraphrases, scored = (
        Examples(pairs, run.token_ids, ("left", "right")) for pairs in (run.data.paraphrases, graded)
    )

    def both_sides(examples: Examples, rows: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
        vectors = _vectors(student, examples.ids(rows, "left") + examples.ids(rows, "right"))
        return vectors[: len(rows)], vectors[len(rows) :]

    def paraphrase_loss(rows: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
        a, b = both_sides(paraphrases, rows)
        return contrastive(a, b, settings.scale), a

    def scored_loss(rows: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
        a, b = both_sides(scored, rows)
        return ranked(a, b, gold[rows].to(a), settings.scale), a

    return _lesson(
        run,
        settings,
        {
            "paraphrases": _Beside(paraphrases, settings.paraphrase_share, lambda _: paraphrase_loss),
            "scored": _Beside(scored, settings.scored_share, lambda _: scored_loss),
        },
        guidance or english_guidance(settings),
        run.recipe.seed + _NEXT_MEMBER * member,
    )


def alignment_lesson(run: Run) -> Lesson:
    """Step 4's: (English, foreign) paraphrases, and translations."""
    settings, student = run.recipe.cross_lingual_alignment, run.student
    cross = cross_lingual_paraphrases(run.data)
    examples = Examples(cross, run.token_ids)

    def paraphrase_loss_for(used: NDArray[np.int64]) -> BatchLoss:
        targets = _Targets(run, cross, used)

        def paraphrase_loss(rows: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
            vectors = _vectors(student, examples.ids(rows))
            return contrastive(vectors, targets.of(rows).to(vectors), settings.scale), vectors

        return paraphrase_loss

    beside: dict[Kind, _Beside] = {
        "paraphrases": _Beside(examples, settings.paraphrase_share, paraphrase_loss_for)
    }
    return _lesson(run, settings, beside, english_guidance(settings), run.recipe.seed + 1)


def english_guidance(settings: SentenceEncoding | CrossLingualAlignment) -> Guidance:
    """Towards the English vectors of the translations, and towards their similarities."""

    def loss(vectors: torch.Tensor, wanted: torch.Tensor, bank: torch.Tensor) -> torch.Tensor:
        alike = guided(vectors, wanted, bank, settings.scale)
        return alike + settings.cosine_weight * distance(vectors, wanted)

    return loss


def learn(run: Run, name: str, groups: list[Group], lessons: list[Lesson]) -> None:
    """Train the run's student on the batches of the lessons; those of several are shuffled among each other."""
    turns = [(lesson, number) for lesson in lessons for number in range(len(lesson.plan))]
    if len(lessons) > 1:
        order = np.random.default_rng([run.recipe.seed, 7]).permutation(len(turns))
        turns = [turns[i] for i in order]
    batches = [lesson.plan[number] for lesson, number in turns]

    def loss_of(turn: int) -> tuple[torch.Tensor, torch.Tensor]:
        lesson, number = turns[turn]
        return lesson.loss_of(number)

    sizes = [len(batch.rows) for batch in batches]
    key = batches_key([[batch.kind, batch.rows.tolist()] for batch in batches])
    likeness = max(lesson.likeness for lesson in lessons)
    step = Step(name, groups, sizes, loss_of, key, collapsed=max(COLLAPSED, 1 - (1 - likeness) / 4))
    train(step, run.student, run.folder, run.log)


@dataclass(frozen=True)
class _Beside:
    """Examples that a lesson has beside the translations: their share of it, and their loss.

    `loss_for` gets the rows that are used of them, before the first batch.
    """

    examples: Examples
    share: float
    loss_for: Callable[[NDArray[np.int64]], BatchLoss]


def _lesson(
    run: Run,
    settings: SentenceEncoding | CrossLingualAlignment,
    beside: Mapping[Kind, _Beside],
    guidance: Guidance,
    seed: int,
) -> Lesson:
    """A plan of batches with its losses."""
    pairs = with_joined(run.data.translations(), run.recipe.data, seed)
    translations = Examples(pairs, run.token_ids)
    examples: dict[Kind, Examples] = {kind: b.examples for kind, b in beside.items()}
    examples["translations"] = translations
    shares = {kind: b.share for kind, b in beside.items()}
    plan = lay_out(examples, shares, settings, run.recipe.data, seed)
    targets = _Targets(run, pairs, rows_of(plan, "translations"))
    losses = {kind: b.loss_for(rows_of(plan, kind)) for kind, b in beside.items()}
    resegment = run.resegmentation()

    def loss_of(number: int) -> tuple[torch.Tensor, torch.Tensor]:
        rows, kind = plan[number].rows, plan[number].kind
        if kind != "translations":
            return losses[kind](rows)
        sequences = translations.ids(rows)
        if resegment:
            sequences = resegment(sequences, [seed, 9, number])
        vectors = _vectors(run.student, sequences)
        bank = targets.draw(settings.bank, [seed, 5, number]).to(vectors)
        return guidance(vectors, targets.of(rows).to(vectors), bank), vectors

    return Lesson(plan, loss_of, targets.likeness)


class _Targets:
    """Teacher vectors of the English sides of those `pairs` that are used."""

    def __init__(self, run: Run, pairs: list[Pair], used: NDArray[np.int64]) -> None:
        run.log.write("teacher", language=run.data.language, texts=len(used))
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
        if self.likeness > _ALIKE:
            run.log.write("warning", mean_cosine=self.likeness, message=_NO_SENTENCE_ENCODER)

    def of(self, rows: NDArray[np.int64]) -> torch.Tensor:
        """The targets of these pairs (b, d)."""
        return self._vectors[self._row[rows]]

    def draw(self, count: int, seed: list[int]) -> torch.Tensor:
        """`count` of all targets at random."""
        return self._vectors[np.random.default_rng(seed).integers(0, len(self._vectors), count)]


def _vectors(student: Student, sequences: list[Ids]) -> torch.Tensor:
    return student.encode_ids(*padded(sequences))
