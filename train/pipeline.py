"""The whole pipeline for one language: vocabulary, language adaptation, sentence encoding, alignment, export.

Each step leaves its result in the run folder under a key made of everything that went into it (recipe, data, the
step before), so a step that is done is not done again, a killed one resumes from its checkpoint, and a changed
recipe or data set never meets a stale result.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from train.base import Base
from train.data import Pair, TrainingData, cross_lingual_paraphrases
from train.initialisation import focus_table, translated_table
from train.language_adaptation import adapt_to_language
from train.loop import Log
from train.measure import dev_scores
from train.recipe import Recipe
from train.sentence_encoding import align_across_languages, encode_sentences
from train.sequences import tokenise
from train.student import Student
from train.teacher import Teacher, text_key
from train.vocabulary import train_tokenizer
from xsearch.errors import XsearchError

STAGES = ("vocabulary", "language_adaptation", "sentence_encoding", "cross_lingual_alignment")


class Pipeline:
    """A language's training run in `folder`."""

    def __init__(
        self, data: TrainingData, english_paraphrases: list[Pair], recipe: Recipe, base: Base, folder: Path,
        cache: Path, dev_folder: Path | None = None, device: str = "cpu",
    ) -> None:  # fmt: skip
        self.data, self.recipe, self.base, self.folder = data, recipe, base, folder
        self.dev_folder, self.device = dev_folder, device
        self.log = Log(folder)
        base.model.to(device)
        self.teacher = Teacher(base, cache)
        self._english_paraphrases = english_paraphrases
        self.scores: dict[str, dict[str, float]] = {}
        self.minutes: dict[str, float] = {}

    def run(self, until: str = STAGES[-1]) -> Student:
        """Run the steps in order up to `until`, skipping what is done, and return the student."""
        torch.manual_seed(self.recipe.seed)
        key = self._key("vocabulary", self._data_key(), self.base.content_hash, asdict(self.recipe.vocabulary), asdict(self.recipe.initialisation), self.recipe.seed)
        tokenizer, table = self._vocabulary(key)
        self.tokenizer = tokenizer
        student = Student(self.base, table, self.recipe.lora, self.recipe.adapter).to(self.device)
        self._measure("vocabulary", student, ("native",))
        for stage in STAGES[1 : STAGES.index(until) + 1]:
            settings = getattr(self.recipe, stage)
            key = self._key(stage, key, asdict(settings), asdict(self.recipe.data), asdict(self.recipe.lora), asdict(self.recipe.adapter), self.recipe.max_length)
            if not self._restore(stage, key, student):
                started = time.time()
                self._discard_foreign_checkpoint(stage, key)
                getattr(self, f"_{stage}")(student)
                self.minutes[stage] = round((time.time() - started) / 60, 1)
                self._measure(stage, student, ("native", "shared") if stage == STAGES[-1] else ("native",))
                self._keep(stage, key, student)
        return student

    # The steps

    def _vocabulary(self, key: str) -> tuple[Tokenizer, np.ndarray]:
        done = self.folder / "vocabulary.safetensors"
        written = self.folder / "tokenizer.json"
        if done.is_file() and written.is_file() and _stored_key(done) == key:
            return Tokenizer.from_file(str(written)), load_file(done)["table"].numpy()
        started = time.time()
        pairs = list(self.data.pairs)
        np.random.default_rng([self.recipe.seed, 0]).shuffle(pairs)  # type: ignore[arg-type]
        settings = self.recipe.vocabulary
        tokenizer = train_tokenizer(
            self._monolingual(), language=self.data.language, kind=settings.kind, size=settings.size, min_frequency=settings.min_frequency
        )
        base_table = self.base.model.get_input_embeddings().weight.detach().cpu().numpy()
        method = self.recipe.initialisation.method
        if method == "auto":
            method = "focus" if self.base.multilingual else "translation"
        if method == "translation":
            table = translated_table(
                tokenizer, self.base.tokenizer, base_table, [p.right for p in pairs], [p.left for p in pairs], self.recipe.initialisation
            )
        elif method == "focus":
            table = focus_table(tokenizer, self.base.tokenizer, base_table, tokenise(tokenizer, self._monolingual(), 128))
        else:
            raise XsearchError(f"initialisation method {method!r} is unknown; use translation, focus or auto")
        tokenizer.save(str(written))
        save_file({"table": torch.from_numpy(table)}, done, metadata={"key": key})
        self.minutes["vocabulary"] = round((time.time() - started) / 60, 1)
        return tokenizer, table

    def _language_adaptation(self, student: Student) -> None:
        texts = self._monolingual()
        sequences = tokenise(self.tokenizer, texts, self.recipe.max_length)
        adapt_to_language(
            student, [s for s in sequences if len(s) > 4], self.recipe.language_adaptation,
            self.tokenizer.token_to_id("[MASK]"), self.recipe.seed, self.folder, self.log,
        )  # fmt: skip

    def _sentence_encoding(self, student: Student) -> None:
        encode_sentences(
            student, self.tokenizer, self.teacher, self.data.pairs, self.data.paraphrases, self.recipe.sentence_encoding,
            self.recipe.data, self.recipe.max_length, self.recipe.seed, self.folder, self.log,
        )  # fmt: skip

    def _cross_lingual_alignment(self, student: Student) -> None:
        cross = cross_lingual_paraphrases(self.data, self._english_paraphrases)
        align_across_languages(
            student, self.tokenizer, self.teacher, self.data.pairs, cross, self.recipe.cross_lingual_alignment,
            self.recipe.data, self.recipe.max_length, self.recipe.seed, self.folder, self.log,
        )  # fmt: skip

    def _monolingual(self) -> list[str]:
        """Every text of the language, once, in an order that depends on the texts only."""
        texts = {p.right for p in self.data.pairs} | {t for p in self.data.paraphrases for t in (p.left, p.right)}
        return sorted(texts | set(self.data.monolingual), key=text_key)

    # Results, kept and found again

    def _measure(self, stage: str, student: Student, spaces: tuple[str, ...]) -> None:
        for space in spaces:
            name = f"{stage} ({space})"
            self.scores[name] = dev_scores(
                student, self.tokenizer, self.teacher, self.data, self.dev_folder, self.recipe.max_length, space
            )
            self.log.write("dev", stage=name, **self.scores[name])

    def _keep(self, stage: str, key: str, student: Student) -> None:
        tensors = {name: p.detach().cpu().contiguous() for name, p in student.owned()}
        notes = {"key": key, "scores": json.dumps(self.scores), "minutes": json.dumps(self.minutes)}
        draft = self.folder / f".{stage}.draft"
        save_file(tensors, draft, metadata=notes)
        draft.replace(self.folder / f"{stage}.safetensors")

    def _restore(self, stage: str, key: str, student: Student) -> bool:
        path = self.folder / f"{stage}.safetensors"
        if not path.is_file() or _stored_key(path) != key:
            return False
        student.load_owned(path)
        with safe_open(path, "pt") as file:
            notes = file.metadata()
        self.scores.update(json.loads(notes["scores"]))
        self.minutes.update(json.loads(notes["minutes"]))
        return True

    def _discard_foreign_checkpoint(self, stage: str, key: str) -> None:
        """A checkpoint belongs to one key; left by another recipe or data set, it must not be resumed."""
        owner = self.folder / f"{stage}.key"
        if not owner.is_file() or owner.read_text(encoding="utf-8") != key:
            (self.folder / f"{stage}.checkpoint.safetensors").unlink(missing_ok=True)
            owner.write_text(key, encoding="utf-8")

    def _data_key(self) -> str:
        digest = hashlib.sha256(self.data.language.encode())
        for pair in (*self.data.pairs, *self.data.paraphrases):
            digest.update(text_key(pair.left + "\0" + pair.right))
        for text in self.data.monolingual:
            digest.update(text_key(text))
        return digest.hexdigest()

    @staticmethod
    def _key(*parts: Any) -> str:
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _stored_key(path: Path) -> str | None:
    with safe_open(path, "pt") as file:
        return (file.metadata() or {}).get("key")
