"""Files of tensors that are whole or not there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file


def write_tensors(path: Path, tensors: Mapping[str, torch.Tensor], notes: Mapping[str, str]) -> None:
    """Write a safetensors file with `notes` as its metadata; until all of it is written, the old one stays."""
    draft = path.with_name(f".{path.name}.draft")
    save_file(dict(tensors), draft, metadata=dict(notes))
    draft.replace(path)
