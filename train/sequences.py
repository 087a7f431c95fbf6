"""Token sequences: padding, batches of similar length, pooled sentence vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from transformers import PreTrainedModel

Ids = NDArray[np.int32]


def tokenise(tokenizer: Tokenizer, texts: Sequence[str], max_length: int, prefix: str = "") -> list[Ids]:
    """Token ids of every text with its special tokens, cut to `max_length` (the last token stays the separator)."""
    sequences = []
    for start in range(0, len(texts), 10_000):
        chunk = [prefix + text for text in texts[start : start + 10_000]]
        for encoding in tokenizer.encode_batch_fast(chunk):
            ids = encoding.ids
            if len(ids) > max_length:
                ids = [*ids[: max_length - 1], ids[-1]]
            sequences.append(np.asarray(ids, np.int32))
    return sequences


def padded(sequences: Sequence[Ids], pad_id: int = 0) -> tuple[torch.Tensor, torch.Tensor | None]:
    """(b, t) ids and mask. The mask is None where all are of one length: attention is then cheaper."""
    longest = max(len(s) for s in sequences)
    ids = np.full((len(sequences), longest), pad_id, np.int64)
    mask = np.zeros((len(sequences), longest), np.int64)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = sequence
        mask[row, : len(sequence)] = 1
    return torch.from_numpy(ids), None if mask.all() else torch.from_numpy(mask)


def length_batches(
    lengths: NDArray[np.integer], tokens: int, rng: np.random.Generator
) -> list[NDArray[np.int64]]:
    """Indices in shuffled batches of nearly equal lengths, each of about `tokens` padded tokens.

    Texts are sorted by length with a random tie-break, so that batches differ between epochs.
    """
    order = np.lexsort((rng.random(len(lengths)), lengths + rng.integers(0, 2, len(lengths))))
    batches, start = [], 0
    largest = max(192, tokens // 16)  # short sentences make batches of no more
    descending = order[::-1]
    while start < len(descending):
        longest = int(lengths[descending[start]]) + 1
        size = int(np.clip(tokens // longest, 8, largest))
        batches.append(descending[start : start + size])
        start += size
    return [batches[i] for i in rng.permutation(len(batches))]


def hidden_states(
    model: PreTrainedModel, ids: torch.Tensor, mask: torch.Tensor | None, pooling: str
) -> torch.Tensor:
    """States (b, t, d) of all tokens, or with LaBSE's pooling the first token's behind dense and tanh, (b, 1, d).

    Positions are counted here and not left to the model: XLM-RoBERTa counts the tokens that are not its padding
    id 1, which in a language's own vocabulary is a token like any other.
    """
    settings, positions = model.config, None
    if settings.model_type == "xlm-roberta":
        first = settings.pad_token_id + 1
        positions = torch.arange(first, first + ids.shape[1], device=ids.device).expand_as(ids)
    output = model(input_ids=ids, attention_mask=mask, position_ids=positions)
    states: torch.Tensor = (
        output.pooler_output[:, None] if pooling == "cls_dense_tanh" else output.last_hidden_state
    )
    return states


def pooled(
    model: PreTrainedModel, ids: torch.Tensor, mask: torch.Tensor | None, pooling: str
) -> torch.Tensor:
    """Sentence vectors (b, d) in float32 by mean, first token, or LaBSE's first token through dense and tanh."""
    hidden = hidden_states(model, ids, mask, pooling).float()
    if pooling != "mean":
        return hidden[:, 0]
    if mask is None:
        return hidden.mean(dim=1)
    weight = mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * weight).sum(dim=1) / weight.sum(dim=1)
