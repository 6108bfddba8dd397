"""Where parts of a voice come from: a model's released weights, or the finished runs of these stages.

    a preset, a folder, a hub id ── initial ──> a part to train
    a run's folder ── finished ──> its options and tensors, from which a stage's `trained` makes the part
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from antiphon.config import VoiceConfig
from antiphon.errors import WeightsError
from antiphon.train.run import Run
from antiphon.train.weights import FILE, RUN, read_weights
from antiphon.weights.build import build
from antiphon.weights.find import find
from antiphon.weights.folder import Folder, open_folder
from antiphon.weights.parts import makers
from antiphon.weights.tensors import in_memory

M = TypeVar("M", bound=nn.Module)


def open_model(source: str | Path) -> Folder:
    """A preset, a folder or a hub id, opened."""
    found = find(source)
    return open_folder(found.folder, variant=found.variant)


def initial(part: str, source: str | None, make: Callable[[], M]) -> M:
    """A part to train: that of the model `source`, or a new one. Raises WeightsError if the model has none."""
    if source is None:
        return make()
    parts = makers(open_model(source))
    if part not in parts:
        raise WeightsError(f"{source} has no {part} to begin from; name a model that speaks.")
    layout, store = parts[part]
    made = build(layout, store, what=part)
    for parameter in made.parameters():
        parameter.data = parameter.data.clone()  # a checkpoint's own memory may be a file
    return made  # type: ignore[return-value]


def voice_sizes(source: str) -> VoiceConfig:
    """The sizes of what speaks in a model. Raises WeightsError if nothing does."""
    sizes = open_model(source).config.voice
    if sizes is None:
        raise WeightsError(f"{source} has no voice; name a model that speaks.")
    return sizes


def finished(source: str | Path, runs: Path | None = None) -> tuple[Any, dict[str, Tensor]] | None:
    """Options and tensors of a finished run, by its name in the recipe or by its path; None if it is no run."""
    places = [Path(source)] if runs is None else [runs / source, Path(source)]
    for folder in places:
        if (folder / FILE).exists() and (folder / RUN).exists():
            run = Run.from_json((folder / RUN).read_text(encoding="utf8"))
            return run.options, read_weights(folder, torch.device("cpu"))
    return None


def below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors of one submodule, under its own names."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def filled(make: Callable[[], M], tensors: Mapping[str, Tensor]) -> M:
    """A module in evaluation mode that holds these tensors. Raises WeightsError if they are of another one."""
    return build(make, in_memory("the run", tensors), what="sizes")
