"""A run's weights in one file, `model.safetensors`: what a finished run leaves, and what the next begins from."""

import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from antiphon.errors import WeightsError
from antiphon.train.room import room_for

FILE = "model.safetensors"


def read_weights(path: Path, device: torch.device) -> dict[str, Tensor]:
    """Weights of a finished run: its folder, or the file itself. Raises WeightsError."""
    file = path / FILE if path.is_dir() else path
    if not file.exists():
        raise WeightsError(f"found no {file}; finish that run first, or name another to begin from.")
    try:
        return load_file(file, device=str(device))
    except SafetensorError as error:
        raise WeightsError(f"{file} is not a whole safetensors file ({error}); make it again.") from error


def write_weights(folder: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write a run's weights, whole or not at all. Raises CapacityError on a full disk."""
    part = folder / f"{FILE}.part"
    with room_for(folder / FILE):
        save_file({name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}, part)
        with open(part, "rb") as file:
            os.fsync(file.fileno())
        os.replace(part, folder / FILE)
