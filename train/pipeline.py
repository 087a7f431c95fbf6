"""The whole pipeline for one language: vocabulary, language adaptation, sentence encoding, alignment.

Each step leaves its result in the run folder under a key made of everything that went into it (recipe, data, the
step before), so a step that is done is not done again, a killed one resumes from its checkpoint, and a changed
recipe or data set never meets a stale result.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from tokenizers import Tokenizer

from train.base import Base
from train.beginning import find_beginning
from train.compute import Compute
from train.data import TrainingData
from train.initialisation import Table, focus_table, translated_table
from train.keys import settings_key, text_key
from train.language_adaptation import adapt_to_language
from train.log import Log
from train.loop import remove_checkpoints
from train.measure import dev_scores
from train.reading import Pair
from train.recipe import STAGES, Recipe
from train.run import Run
from train.sentence_encoding import align_across_languages, encode_sentences
from train.sequences import tokenise
from train.student import Student
from train.teacher import Teacher
from train.tensors import write_tensors
from train.vocabulary import rules, train_tokenizer
from xsearch.errors import XsearchError


class Pipeline:
    """A language's training run in `folder`; teacher vectors are cached in `cache`.

    After `run`, `scores` holds the dev scores after each step, `minutes` how long each step took, and `machine` what
    the last of them ran on.
    """

    def __init__(
        self,
        data: TrainingData,
        recipe: Recipe,
        base: Base,
        folder: Path,
        cache: Path,
        compute: Compute | None = None,
    ) -> None:
        self.beginning = find_beginning(recipe.lora, base.content_hash)
        if self.beginning is None:  # what the card says must be what was done
            recipe = dataclasses.replace(recipe, lora=dataclasses.replace(recipe.lora, start="zero"))
        recipe = dataclasses.replace(recipe, whitening=recipe.whitening and base.whitening is not None)
        self.data, self.recipe, self.base, self.folder = data, recipe, base, folder
        self.compute = compute or Compute()
        self.log = Log(folder)
        base.model.to(torch.device(self.compute.device))  # type: ignore[arg-type]  # the stubs know no device
        self.teacher = Teacher(base, cache, self.compute)
        self.scores: dict[str, dict[str, float]] = {}
        self.minutes: dict[str, float] = {}
        self.machine = self.compute.machine

    def run(self, until: str = STAGES[-1]) -> Run:
        """Run the steps in order up to `until`, skipping what is done, and return the trained student with its run.

        Raises:
            XsearchError: a training that goes wrong, or one that is going on in the same folder.
        """
        try:
            with FileLock(self.folder / ".lock", timeout=0):
                return self._run(until)
        except Timeout as error:
            raise XsearchError(
                f"{self.folder} is in use by another training; wait for it or give --runs"
            ) from error

    def _run(self, until: str) -> Run:
        run, key = self._begin()
        recipe = self.recipe
        steps: dict[str, Callable[[], None]] = {
            "language_adaptation": lambda: adapt_to_language(run, self.data.texts()),
            "sentence_encoding": lambda: encode_sentences(run),
            "cross_lingual_alignment": lambda: align_across_languages(run),
        }
        for stage in STAGES[1 : STAGES.index(until) + 1]:
            settings = (getattr(recipe, stage), recipe.data, recipe.lora, recipe.adapter)
            key = settings_key(stage, key, *map(asdict, settings), recipe.max_length, recipe.whitening)
            spaces = ("native", "shared") if stage == STAGES[-1] else ("native",)
            self._step(stage, key, run, steps[stage], spaces)
        return run

    def _begin(self) -> tuple[Run, str]:
        """The run with a new student, after the first step, and that step's key."""
        torch.manual_seed(self.recipe.seed)
        recipe = self.recipe
        key = settings_key(
            "vocabulary",
            self._data_key(),
            self.base.content_hash,
            asdict(recipe.vocabulary),
            asdict(recipe.initialisation),
            rules(self.data.language),
            recipe.seed,
        )
        tokenizer, table = self._vocabulary(key)
        student = Student(self.base, table, recipe.lora, recipe.adapter, self.compute)
        student.whitening = self.base.whitening if recipe.whitening else None
        if self.beginning:
            student.begin_at(self.beginning.updates)
            key = settings_key(key, self.beginning.key)
        run = Run(self.data, recipe, self.base, self.teacher, tokenizer, student, self.folder, self.log)
        self._measure(run, "vocabulary", ("native",))
        return run, key

    def _step(
        self, name: str, key: str, run: Run, train: Callable[[], None], spaces: tuple[str, ...]
    ) -> None:
        """Take the step's result from the folder, or train, measure in `spaces` and keep it."""
        if not self._restore(name, key, run, spaces):
            started = time.time()
            self._discard_foreign_checkpoint(name, key)
            train()
            self.minutes[name] = round((time.time() - started) / 60, 1)
            self._measure(run, name, spaces)
            self._keep(name, key, run.student)
        remove_checkpoints(self.folder, name)

    def _vocabulary(self, key: str) -> tuple[Tokenizer, Table]:
        """The tokenizer and the first embedding table."""
        done, written = self.folder / "vocabulary.safetensors", self.folder / "tokenizer.json"
        if written.is_file() and _notes(done).get("key") == key:
            return Tokenizer.from_file(str(written)), load_file(done)["table"].numpy()
        started = time.time()
        # The key stands in the table's file alone: while the tokenizer changes, there is no table.
        done.unlink(missing_ok=True)
        tokenizer, table = self._new_vocabulary()
        written.write_text(tokenizer.to_str(pretty=True), encoding="utf-8")
        write_tensors(done, {"table": torch.from_numpy(table)}, {"key": key})
        self.minutes["vocabulary"] = round((time.time() - started) / 60, 1)
        return tokenizer, table

    def _new_vocabulary(self) -> tuple[Tokenizer, Table]:
        tokenizer = train_tokenizer(self.data.texts(), self.data.language, self.recipe.vocabulary)
        return tokenizer, self._first_table(tokenizer)

    def _first_table(self, tokenizer: Tokenizer) -> Table:
        base, settings = self.base, self.recipe.initialisation
        known: Any = base.model.get_input_embeddings()
        base_table = known.weight.detach().cpu().numpy()
        method = settings.method
        if method == "auto":
            method = "focus" if base.multilingual else "translation"
        self.log.write("initialisation", method=method, vocabulary=tokenizer.get_vocab_size())
        if method == "focus":
            return focus_table(
                tokenizer, base.tokenizer, base_table, tokenise(tokenizer, self.data.texts(), 128)
            )
        foreign, english = shuffled_sides(self.data.translations(), self.recipe.seed)
        return translated_table(tokenizer, base.tokenizer, base_table, foreign, english, settings)

    def _measure(self, run: Run, stage: str, spaces: tuple[str, ...]) -> None:
        for space in spaces:
            name = f"{stage} ({space})"
            before = self.scores.get(f"{STAGES[-2]} (native)")
            adapter_is_off = (
                stage == STAGES[-1] and space == "native"
            )  # so all is as it was before the last step
            self.scores[name] = before if before and adapter_is_off else dev_scores(run, space)
            self.log.write("dev", stage=name, **self.scores[name])

    def _keep(self, stage: str, key: str, student: Student) -> None:
        tensors = {name: p.detach().cpu().contiguous() for name, p in student.owned()}
        self.machine = self.compute.machine
        notes = {"key": key, "beside": self._beside_key(stage), "machine": self.machine}
        notes |= {
            "scores": json.dumps(self.scores),
            "minutes": json.dumps(self.minutes),
            "dev": self._dev_key(),
        }
        write_tensors(self.folder / f"{stage}.safetensors", tensors, notes)

    def _restore(self, stage: str, key: str, run: Run, spaces: tuple[str, ...]) -> bool:
        path = self.folder / f"{stage}.safetensors"
        notes = _notes(path)
        beside = self._beside_key(stage)
        if notes.get("key") != key or notes.get("beside", beside) != beside:
            return False
        run.student.load_owned(path)
        self.minutes.update(json.loads(notes["minutes"]))
        self.machine = notes.get("machine", self.machine)
        if notes.get("dev") == self._dev_key():
            self.scores.update(json.loads(notes["scores"]))
        else:
            self._measure(run, stage, spaces)
            self._keep(stage, key, run.student)
        return True

    def _discard_foreign_checkpoint(self, stage: str, key: str) -> None:
        """A checkpoint belongs to one key; left by another recipe or data set, it must not be resumed."""
        owner, key = self.folder / f"{stage}.key", settings_key(key, self._beside_key(stage))
        if not owner.is_file() or owner.read_text(encoding="utf-8") != key:
            remove_checkpoints(self.folder, stage)
            owner.write_text(key, encoding="utf-8")

    def _data_key(self) -> str:
        digest = hashlib.sha256(self.data.language.encode())
        for pair in (*self.data.translations(), *self.data.paraphrases):
            digest.update(text_key(pair.left + "\0" + pair.right))
        for scored in self.data.graded:
            digest.update(text_key(f"{scored.left}\0{scored.right}\0{scored.gold}"))
        for text in self.data.monolingual:
            digest.update(text_key(text))
        return digest.hexdigest()

    def _beside_key(self, stage: str) -> str:
        """What steps 3 and 4 use besides the texts: the sources, and in step 4 English paraphrases."""
        if stage == "language_adaptation":
            return ""
        pairs: list[Pair] = [*self.data.translations(), *self.data.paraphrases, *self.data.graded]
        used = [pair.source for pair in pairs]
        if stage == "cross_lingual_alignment":
            used += [text for p in self.data.english for text in (p.left, p.right, p.source)]
        return settings_key(used)

    def _dev_key(self) -> str:
        """What the scores depend on besides the student."""
        pairs = {name: [(p.left, p.right) for p in pairs] for name, pairs in self.data.dev.items()}
        scored = {
            name: [(p.left, p.right, p.gold) for p in pairs] for name, pairs in self.data.scored.items()
        }
        return settings_key(pairs, scored)


def shuffled_sides(pairs: Sequence[Pair], seed: int) -> tuple[list[str], list[str]]:
    """The foreign and the English sides of translations, as word alignment takes them: in random order."""
    order = np.arange(len(pairs))
    np.random.default_rng([seed, 0]).shuffle(order)
    chosen = [pairs[int(i)] for i in order]
    return [p.right for p in chosen], [p.left for p in chosen]


def _notes(path: Path) -> dict[str, str]:
    """The metadata of a result; empty where there is none that can be read."""
    if not path.is_file():
        return {}
    try:
        with safe_open(path, "pt") as file:
            return file.metadata() or {}
    except SafetensorError:
        return {}
