"""Files of tensors that are whole or not there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from xsearch.errors import XsearchError


def write_tensors(path: Path, tensors: Mapping[str, torch.Tensor], notes: Mapping[str, str]) -> None:
    """Write a safetensors file with `notes` as its metadata; until all of it is written, the old one stays.

    Raises:
        XsearchError: the folder takes no file.
    """
    # two trainings may write one file of the shared cache
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        save_file(dict(tensors), draft, metadata=dict(notes))
        draft.replace(path)
    except (OSError, SafetensorError) as error:
        with suppress(OSError):
            draft.unlink()
        raise XsearchError(
            f"{path} cannot be written ({error}); free some space or choose another folder"
        ) from error
