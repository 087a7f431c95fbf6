"""Vectors of the frozen base encoder, computed once per text and kept.

The cache is keyed by content: a folder per base (its content hash) and precision, and inside it the hash of each text.
A stale vector is therefore impossible: other weights or another text have another key. English sentences recur across
languages, so languages share the cache.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from train.base import Base
from train.compute import Compute
from train.keys import KEY_BYTES, text_key
from train.sequences import length_batches, padded, tokenise
from train.tensors import write_tensors
from xsearch.errors import XsearchError

_SHARD = 20_000
"""Texts computed between two writes: what a killed run loses at most."""


class Teacher:
    """Frozen sentence vectors of `base`, cached in `cache` (a folder, made if missing).

    In bfloat16 where the student's are: cosines with float32 are .99997 on average (3,000 English sides of German
    pairs), and a CPU that multiplies it is three times as fast.
    """

    def __init__(self, base: Base, cache: Path, compute: Compute | None = None) -> None:
        self._base = base
        self._compute = compute or Compute()
        precision = "-bf16" if self._compute.mixed else ""
        self._folder = cache / f"teacher-{base.content_hash[:16]}{precision}"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._rows: dict[bytes, NDArray[np.float16]] = {}
        self._read: set[Path] = set()

    def encode(
        self, texts: Sequence[str], *, progress: Callable[[int, int], None] | None = None
    ) -> NDArray[np.float16]:
        """(n, d) L2-normalised vectors, as float16. `progress` gets (texts done, texts to do)."""
        keys = [text_key(text) for text in texts]
        self._load()
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._rows}
        todo = list(missing.items())
        for start in range(0, len(todo), _SHARD):
            self._add(dict(todo[start : start + _SHARD]))
            if progress:
                progress(min(start + _SHARD, len(todo)), len(todo))
        if not keys:
            return np.zeros((0, self.dimension), np.float16)
        return np.stack([self._rows[key] for key in keys])

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._base.architecture.hidden_size

    def _load(self) -> None:
        for shard in sorted(self._folder.glob("*.safetensors")):
            if shard in self._read:
                continue
            try:
                data = load_file(shard)
            except SafetensorError as error:
                raise XsearchError(
                    f"{shard} is damaged ({error}); remove it, it will be made again"
                ) from error
            self._rows.update(zip((row.tobytes() for row in data["keys"]), data["vectors"], strict=True))
            self._read.add(shard)

    def _add(self, texts: dict[bytes, str]) -> None:
        base = self._base
        sequences = tokenise(base.tokenizer, list(texts.values()), base.max_length, base.prefix)
        vectors = np.zeros((len(sequences), self.dimension), np.float32)
        lengths = np.array([len(s) for s in sequences])
        device = base.model.device
        with torch.inference_mode(), self._compute.precision():
            for batch in length_batches(lengths, self._compute.tokens, np.random.default_rng(0)):
                ids, mask = padded([sequences[i] for i in batch], base.pad_id)
                out = base.encode_ids(ids.to(device), None if mask is None else mask.to(device))
                vectors[batch] = torch.nn.functional.normalize(out, dim=1).cpu().numpy()
        keys = np.frombuffer(b"".join(texts), np.uint8).reshape(-1, KEY_BYTES)
        half = vectors.astype(np.float16)
        name = hashlib.sha256(keys.tobytes()).hexdigest()[:24]
        tensors = {"keys": torch.from_numpy(keys.copy()), "vectors": torch.from_numpy(half)}
        write_tensors(self._folder / f"{name}.safetensors", tensors, {})
        self._rows.update(zip(texts, half, strict=True))
