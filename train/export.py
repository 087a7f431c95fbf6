"""Step 5, export: the module folder, its card, and the check that the runtime gives what training gave."""

from __future__ import annotations

import dataclasses
import datetime
import platform
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch

from train.card import language_card
from train.pipeline import Pipeline
from train.sequences import tokenise
from train.student import Student
from xsearch.encoder import Adapter, BaseReference, Encoder, Lora, Module, ModuleConfig, write_module
from xsearch.encoder.config import LORA_TARGETS
from xsearch.errors import ModuleError
from xsearch.languages import resolve

MINIMUM_COSINE = 0.995


def export_module(pipeline: Pipeline, student: Student, target: Path) -> Module:
    """Write the trained student as a module folder at `target` and return it.

    Raises:
        ModuleError: the exported module's vectors differ from the student's (mean cosine under 0.995).
    """
    recipe, base, data = pipeline.recipe, pipeline.base, pipeline.data
    final = {space: pipeline.scores[f"cross_lingual_alignment ({space})"] for space in ("native", "shared")}
    config = ModuleConfig(
        language=data.language,
        name=resolve(data.language).name,
        base=BaseReference(base.name, base.module, base.content_hash),
        architecture=dataclasses.replace(base.architecture, vocab_size=pipeline.tokenizer.get_vocab_size()),
        dimension=base.architecture.hidden_size,
        pooling=base.pooling,
        max_length=min(recipe.max_length, base.architecture.max_positions - base.architecture.position_offset),
        prefix="",  # the vocabulary is the language's own: an English instruction would be noise
        lora=Lora(recipe.lora.rank, recipe.lora.alpha, LORA_TARGETS) if recipe.lora.rank else None,
        adapter=Adapter("parallel", student.bottleneck, recipe.adapter.scaling, "gelu"),
        search_space=better_space(final),
        provenance=provenance(pipeline),
        scores={"dev": pipeline.scores},
    )
    tensors = student.module_tensors()
    tokenizer = pipeline.tokenizer.to_str()
    written = write_module(target, config, tensors, tokenizer, "")
    checked = runtime_check(written, student, pipeline)
    config = dataclasses.replace(config, scores={**config.scores, "runtime": checked})
    return write_module(target, config, tensors, tokenizer, language_card(config))


def better_space(scores: dict[str, dict[str, float]]) -> str:
    """The space that searches better within the language by the dev scores of similarity; shared on a tie or without any.

    A second space costs a second index, so native has to win by half a point.
    """
    tasks = [t for t in ("stsb", "semrel", "kardes_sts") if t in scores["native"]]
    gain = sum(scores["native"][t] - scores["shared"][t] for t in tasks)
    return "native" if tasks and gain / len(tasks) > 0.5 else "shared"


def provenance(pipeline: Pipeline) -> dict[str, Any]:
    """What the module was made from: settings, data by source, time, machine."""
    data = pipeline.data
    return {
        "date": datetime.date.today().isoformat(),
        "recipe": pipeline.recipe.to_json(),
        "minutes": pipeline.minutes,
        "machine": f"{platform.machine()}, {torch.get_num_threads()} thread(s), torch {torch.__version__}, {pipeline.device}",
        "translations": dict(Counter(p.source for p in data.pairs).most_common()),
        "paraphrases": dict(Counter(p.source for p in data.paraphrases).most_common()),
        "monolingual_texts": len(data.monolingual),
        "left_out": dict(data.left_out),
    }


def runtime_check(module: Module, student: Student, pipeline: Pipeline) -> dict[str, dict[str, float]]:
    """Mean cosine and top-10 overlap of the runtime's vectors with torch's, on the dev texts, in both spaces."""
    texts = [p.right for pairs in pipeline.data.dev.values() for p in pairs]
    sequences = tokenise(pipeline.tokenizer, texts, pipeline.recipe.max_length)
    encoder = Encoder(module.path)
    result = {}
    for space in ("native", "shared"):
        torch_vectors, ours = student.encode(sequences, space), encoder.encode(texts, space)
        cosine = float((torch_vectors * ours).sum(axis=1).mean())
        nearest = [np.argsort(-(v @ v.T), axis=1)[:, 1:11] for v in (torch_vectors, ours)]
        overlap = float(np.mean([len(set(a) & set(b)) / 10 for a, b in zip(*nearest, strict=True)]))
        if cosine < MINIMUM_COSINE:
            raise ModuleError(
                f"{module.path}: in the {space} space the runtime's vectors differ from those of training "
                f"(mean cosine {cosine:.4f}, at least {MINIMUM_COSINE} wanted); the module is not usable"
            )
        result[space] = {"mean_cosine": round(cosine, 5), "top10_overlap": round(overlap, 4)}
    return result
