"""Model cards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from train.sources import licence_of, sources_of
from xsearch.encoder import ModuleConfig


def base_card(config: ModuleConfig) -> str:
    """The card of a base module."""
    made = config.provenance
    source = (
        f"`model.safetensors` sha256 `{made['sha256']}`"
        if "sha256" in made
        else f"fingerprint `{made['fingerprint']}`"
    )
    texts, held, data = made.get("english_texts"), "", ""
    if texts:
        held = f" It holds the map that whitens their vectors, by how its own of {texts} English texts are distributed."
        data = " --data DIR"
    return (
        f"# {config.name} ({config.language})\n\n"
        f"`{made['base']}` (licence {made['licence']}; {source}), repacked: body as float16, embedding table as int8 "
        f"rows with a scale each. Nothing was trained. Its space is the shared space of every "
        "other language module that builds on it."
        f"{held}\n\n"
        f"{_public(config)}\n\n"
        f"Retrain (repack): `python -m train en --base {made['base']}{data}`\n"
    )


def baseline_card(config: ModuleConfig) -> str:
    """The card of a monolithic encoder, which is there to be compared with and not to be shipped."""
    made = config.provenance
    return (
        f"# {config.name}\n\nOne encoder for {', '.join(made['languages'])}, trained by `python -m train.baselines` to "
        f"compare language modules with. {sum(made['translations'].values())} translation pairs, trained "
        f"{made['date']}, {made['machine']} (minutes a step: {_counts(made['minutes'])}).\n\n"
        "## Settings of the modules\n\n"
        f"{_settings(made['module_recipe'])}\n"
    )


def language_card(config: ModuleConfig) -> str:
    """The card of a trained language module, from what its configuration says."""
    assert config.base is not None
    assert config.adapter is not None
    made = config.provenance
    body = f"LoRA (rank {config.lora.rank})" if config.lora else "a body of its own"
    whitening = "Both are whitened by how the base's vectors are distributed. " if config.whitening else ""
    return f"""# {config.name} ({config.language})

A language module for xsearch: vocabulary of {config.architecture.vocab_size} sub-words with an embedding table,
{body} and an alignment adapter (bottleneck {config.adapter.bottleneck}) for the body of `{config.base.name}`.
Adapter off: the native space, for tasks within the language. Adapter on: the shared space, English's own.
{whitening}Within the language, search with the {config.search_space} space.

## Data

{sum(made["translations"].values())} translation pairs: {_counts(made["translations"])}.
Translation pairs of related languages: {_counts(made.get("relatives", {}))}.
{sum(made["paraphrases"].values())} paraphrase pairs: {_counts(made["paraphrases"])}.
{sum(made.get("scored_pairs", {}).values())} scored pairs: {_counts(made.get("scored_pairs", {}))}.
{made["monolingual_texts"]} further monolingual texts.
English paraphrases, for the alignment: {_english(made)}.
Left out: {_counts(made["left_out"])}.

Licences of the sources, which `train/SOURCES.md` describes; some allow research use only:

{_licences(made)}

## Dev scores after each step

Bitext accuracy in per cent (short: single sentences; long: 100 characters or more; everyday: sentences of COPA),
Spearman x 100 on scored pairs.

{_scores(config.scores["dev"])}

Runtime against torch: {_runtime(config.scores.get("runtime", {}))}.

{_public(config)}

## Settings

{_settings(made["recipe"])}

## Retrain

`python -m train {config.language} --data DIR` with these settings. Trained {made["date"]}, {made["machine"]}
(minutes a step: {_counts(made["minutes"])}).
"""


def _public(config: ModuleConfig) -> str:
    measured = ", ".join(f"{name} {score}" for name, score in config.scores.get("public_test", {}).items())
    return (
        "## Public test sets\n\nAccuracy in per cent (Tatoeba, plain cosine) and Spearman x 100 as shipped, in the "
        "8-bit runtime, by `xsearch eval`; nothing was trained or chosen on them.\n\n"
        f"{measured or 'Not measured yet.'}"
    )


def _english(made: Mapping[str, Any]) -> str:
    """Modules of the first days were trained on them and did not count them."""
    return _counts(made["english_paraphrases"]) if "english_paraphrases" in made else "used, but not counted"


def _licences(made: Mapping[str, Any]) -> str:
    """A line for each licence with the sources under it."""
    by_licence: dict[str, dict[str, None]] = {}
    for source in sources_of(made):
        by_licence.setdefault(licence_of(source), {})[source] = None
    return "\n".join(f"- {licence}: {', '.join(sources)}" for licence, sources in by_licence.items())


def _counts(counts: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"


def _scores(steps: Mapping[str, Mapping[str, float]]) -> str:
    """A table with a row for each step and a column for each score."""
    columns = list(dict.fromkeys(name for scores in steps.values() for name in scores))
    rows = [["step (space)", *columns], ["---"] * (len(columns) + 1)]
    rows += [[step, *(str(scores.get(name, "")) for name in columns)] for step, scores in steps.items()]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _runtime(checked: Mapping[str, Mapping[str, float]]) -> str:
    said = [
        f"{s}: mean cosine {v['mean_cosine']}, top-10 overlap {v['top10_overlap']}"
        for s, v in checked.items()
    ]
    return "; ".join(said) or "not checked"


def _settings(recipe: Mapping[str, Any]) -> str:
    """A line for each section of the recipe."""
    plain = {key: value for key, value in recipe.items() if not isinstance(value, Mapping)}
    sections = {"general": plain} | {
        key: value for key, value in recipe.items() if isinstance(value, Mapping)
    }
    return "\n".join(
        f"- {name}: " + ", ".join(f"{k} {v}" for k, v in values.items()) for name, values in sections.items()
    )
