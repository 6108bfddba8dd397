"""A run's weights in one file, `model.safetensors`: what a finished run leaves, and what the next begins from.

A run may as well begin from a model (a preset, a folder that `antiphon.load` takes, a hub id): from its speech LM.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from antiphon.errors import WeightsError
from antiphon.train.room import room_for

FILE, RUN = "model.safetensors", "run.json"


def read_weights(path: Path, device: torch.device) -> dict[str, Tensor]:
    """Weights of a finished run: its folder, or the file itself. Raises WeightsError."""
    file = path / FILE if path.is_dir() else path
    if not file.exists():
        raise WeightsError(f"found no {file}; finish that run first, or name another to begin from.")
    try:
        return load_file(file, device=str(device))
    except SafetensorError as error:
        raise WeightsError(f"{file} is not a whole safetensors file ({error}); make it again.") from error


def begin_weights(source: str, runs: Path, device: torch.device) -> dict[str, Tensor]:
    """What a run begins from: an earlier run by its name below `runs`, a run's folder, a file, or a model's speech LM.

    A model's tensors are float32 under the names of `SpeechLM`. Raises WeightsError if there is nothing.
    """
    inside = runs / source
    path = inside if inside.exists() else Path(source)
    if path.is_file() or (path / FILE).exists() and not (path / "config.json").exists():
        return read_weights(path, device)
    if inside.is_dir() and (inside / RUN).exists():
        raise WeightsError(f"found no {inside / FILE}; finish that run first, or name another to begin from.")
    from antiphon.weights.find import find
    from antiphon.weights.folder import open_folder

    found = find(path if path.is_dir() else source)
    store = open_folder(found.folder, variant=found.variant).lm
    return {name: entry.read().to(device, torch.float32) for name, entry in store.items()}


def write_weights(folder: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write a run's weights, whole or not at all. Raises CapacityError on a full disk."""
    part = folder / f"{FILE}.part"
    with room_for(folder / FILE):
        save_file({name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}, part)
        with open(part, "rb") as file:
            os.fsync(file.fileno())
        os.replace(part, folder / FILE)
