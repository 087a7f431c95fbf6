"""Step 5, export: the module folder, its card, and the check that the runtime gives what training gave."""

from __future__ import annotations

import dataclasses
import datetime
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from train.base import place_base
from train.card import language_card
from train.data import SCORED_SETS
from train.pipeline import Pipeline
from train.reading import Pair
from train.run import Run
from xsearch.encoder import Adapter, BaseReference, Encoder, Lora, Module, ModuleConfig, write_module
from xsearch.encoder.config import LORA_TARGETS
from xsearch.errors import ModuleError
from xsearch.evaluation.fidelity import fidelity
from xsearch.languages import resolve

MINIMUM_COSINE = 0.995
MINIMUM_ACCURACY = 10.0
"""Per cent of the held-out short pairs that have to find their translation, and three times what chance would find."""


def export_module(pipeline: Pipeline, run: Run, target: Path) -> Module:
    """Write the trained student as a module folder at `target` and return it, with its base beside it if need be.

    What stands at `target` is replaced only when every check is passed.

    Raises:
        ModuleError: the student finds next to no translations, or the exported module's vectors differ from the
            student's (mean cosine under 0.995).
    """
    recipe, base, student = run.recipe, run.base, run.student
    final = {space: pipeline.scores[f"cross_lingual_alignment ({space})"] for space in ("native", "shared")}
    _refuse_noise(final["shared"], run.data.dev, target)
    config = ModuleConfig(
        language=run.data.language,
        name=resolve(run.data.language).name,
        base=BaseReference(base.name, base.module, base.content_hash),
        architecture=dataclasses.replace(base.architecture, vocab_size=run.tokenizer.get_vocab_size()),
        dimension=base.architecture.hidden_size,
        pooling=base.pooling,
        max_length=run.max_length,
        prefix="",  # the vocabulary is the language's own: an English instruction would be noise
        lora=Lora(recipe.lora.rank, recipe.lora.alpha, LORA_TARGETS) if recipe.lora.rank else None,
        adapter=Adapter("parallel", student.bottleneck, recipe.adapter.scaling, "gelu"),
        whitening=recipe.whitening,
        search_space=better_space(final),
        provenance=provenance(pipeline),
        scores={"dev": pipeline.scores},
    )
    tensors, tokenizer = student.module_tensors(), run.tokenizer.to_str()
    texts = calibration_texts([p.right for p in run.data.pairs], recipe.seed)
    place_base(base, target.parent)
    draft = target.with_name(f".{target.name}.unchecked")
    try:
        checked = runtime_check(write_module(draft, config, tensors, tokenizer, "", calibration=texts), run)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    config = dataclasses.replace(config, scores={**config.scores, "runtime": checked})
    return write_module(target, config, tensors, tokenizer, language_card(config), calibration=texts)


def calibration_texts(texts: Sequence[str], seed: int, sentences: int = 900, passages: int = 60) -> list[str]:
    """Those of a language's on which the runtime's 8-bit ranges are observed, and some passages made of them."""
    texts = list(dict.fromkeys(texts))
    rng = np.random.default_rng([seed, 6])
    chosen = [texts[i] for i in rng.permutation(len(texts))[:sentences]]
    for _ in range(passages):
        passage, wanted = "", int(rng.integers(300, 700))  # characters: about 100 to 200 tokens
        while len(passage) < wanted:
            passage = f"{passage} {texts[int(rng.integers(len(texts)))]}"
        chosen.append(passage.strip())
    return chosen


def _refuse_noise(scores: dict[str, float], dev: dict[str, list[Pair]], target: Path) -> None:
    name = "short" if dev.get("short") else "long"
    accuracy, chance = scores[f"{name} xx-en"], 100 / len(dev[name])
    least = max(MINIMUM_ACCURACY, 3 * chance)
    if accuracy < least:
        raise ModuleError(
            f"{target} is not written: only {accuracy} % of the held-out sentences find their translation, at least "
            f"{least:.3g} % are expected. Do the two columns hold translations of each other, English first? "
            "Otherwise give more pairs or a larger budget of sentences in the recipe"
        )


def better_space(scores: dict[str, dict[str, float]]) -> str:
    """The space that searches better within the language by the dev scores of similarity; shared without any.

    A second space costs a second index, so native has to win by a point.
    """
    tasks = [t for t in SCORED_SETS if t in scores["native"] and t in scores["shared"]]
    gain = sum(scores["native"][t] - scores["shared"][t] for t in tasks)
    return "native" if tasks and gain / len(tasks) > 1 else "shared"


def provenance(pipeline: Pipeline) -> dict[str, Any]:
    """What the module was made from: settings, data by source, time, machine."""
    data = pipeline.data
    return {
        "date": datetime.date.today().isoformat(),
        "recipe": pipeline.recipe.to_json(),
        "minutes": pipeline.minutes,
        "machine": pipeline.machine,
        "translations": dict(Counter(p.source for p in data.pairs).most_common()),
        "relatives": dict(Counter(p.source for p in data.relatives).most_common()),
        "paraphrases": dict(Counter(p.source for p in data.paraphrases).most_common()),
        "scored_pairs": dict(Counter(p.source for p in data.graded).most_common()),
        "english_paraphrases": dict(Counter(p.source for p in data.english).most_common()),
        "monolingual_texts": len(data.monolingual),
        "left_out": dict(data.left_out),
    }


def runtime_check(module: Module, run: Run) -> dict[str, dict[str, float]]:
    """Mean cosine and top-10 overlap of the runtime's vectors with torch's, on the dev texts, in both spaces.

    Raises:
        ModuleError: the mean cosine is under 0.995.
    """
    texts = [p.right for pairs in run.data.dev.values() for p in pairs]
    sequences = run.token_ids(texts)
    encoder = Encoder(module.path)
    result = {}
    for space in ("native", "shared"):
        torch_vectors, ours = run.student.encode(sequences, space), encoder.encode(texts, space)
        cosine, _, overlap = fidelity(ours, torch_vectors)
        if cosine < MINIMUM_COSINE:
            raise ModuleError(
                f"{module.path}: in the {space} space the runtime's vectors differ from those of training "
                f"(mean cosine {cosine:.4f}, at least {MINIMUM_COSINE} wanted); the module is not written"
            )
        result[space] = {"mean_cosine": round(cosine, 5), "top10_overlap": round(overlap, 4)}
    return result
