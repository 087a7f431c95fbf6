"""Model cards."""

from __future__ import annotations

from xsearch.encoder import ModuleConfig


def english_card(config: ModuleConfig) -> str:
    """The card of a base module."""
    return (
        f"# {config.name} ({config.language})\n\n"
        f"`{config.provenance['base']}` (licence {config.provenance['licence']}; `model.safetensors` sha256 "
        f"`{config.provenance['sha256']}`), repacked: body as float16, embedding table as int8 rows with a scale each. "
        "Nothing was trained. Its space is the shared space of every other language module.\n\n"
        f"Retrain (repack): `python -m train {config.language}`\n"
    )


def language_card(config: ModuleConfig) -> str:
    """The card of a trained language module, from what its configuration says."""
    assert config.base is not None
    made, scores = config.provenance, config.scores
    rows = [f"| {stage} | " + " | ".join(f"{k} {v}" for k, v in values.items()) + " |" for stage, values in scores["dev"].items()]
    data = ", ".join(f"{source} {count}" for source, count in made["translations"].items())
    paraphrases = ", ".join(f"{source} {count}" for source, count in made["paraphrases"].items()) or "none"
    runtime = "; ".join(
        f"{space}: mean cosine {v['mean_cosine']}, top-10 overlap {v['top10_overlap']}" for space, v in scores.get("runtime", {}).items()
    )
    seed = made["recipe"]["seed"]
    return f"""# {config.name} ({config.language})

A language module for xsearch: vocabulary of {config.architecture.vocab_size} sub-words with an embedding table,
LoRA (rank {config.lora.rank if config.lora else 0}) and an alignment adapter (bottleneck {config.adapter.bottleneck if config.adapter else 0})
for the body of `{config.base.name}`. Adapter off: the native space, for tasks within the language. Adapter on: the
shared space, English's own. Within the language, search with the {config.search_space} space.

## Data

{sum(made["translations"].values())} translation pairs: {data}.
{sum(made["paraphrases"].values())} paraphrase pairs: {paraphrases}.
{made["monolingual_texts"]} further monolingual texts.
The sources' licences stand in `train/SOURCES.md`; some allow research use only.

## Dev scores after each step

Bitext accuracy in per cent (short: single sentences; long: 100 characters or more), Spearman x 100 on scored pairs.

| step (space) | scores |
|---|---|
{chr(10).join(row.replace(" | ", " · ").replace(" · ", " | ", 1) for row in rows)}

Runtime against torch: {runtime}.

## Retrain

`python -m train {config.language} --data DIR` (recipe of {made["date"]}, seed {seed}, {made["machine"]}; minutes a step: {made["minutes"]}).
"""
