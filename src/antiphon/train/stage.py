"""A stage: one training's model, data and losses; all that the loop needs to know of it.

The loop asks in this order, every step, and does everything else itself:

    items(step) ── dropped if over-long, dealt into micro-batches of few shapes, one share for each rank
      └ batch(items) ── counts(batch) ── summed over ranks and micro-batches
          └ for each turn: losses(batch, turn, step) / counts ── backward ── clip ── the turn's optimizer

A stage is made by a factory that a run names: `factory(run, place) -> Stage`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from antiphon.audio.wave import Audio
from antiphon.errors import WeightsError
from antiphon.train.weights import begin_weights

Losses = dict[str, Tensor]  # float32 scalars: each loss summed over its targets
Batch = Any  # what a stage makes of items; only the stage looks inside


@runtime_checkable
class Item(Protocol):
    """A description of one example, cheap to make; the example itself is loaded by `Stage.batch`."""

    @property
    def id(self) -> str:
        """Names the example in the log."""

    @property
    def size(self) -> int:
        """How long its row is, in positions, frames or whatever the stage pads."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """Parameters that share a peak learning rate. `decay` is the weight decay; None: the run's."""

    parameters: Sequence[nn.Parameter]
    lr: float
    decay: float | None = None


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One update within a step, with an optimizer of its own; a GAN has two."""

    name: str
    groups: Sequence[Group]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Something the model made of a fixed prompt: what was meant, what came, and how wrong it is."""

    name: str
    expected: str = ""
    text: str = ""
    audio: Audio | None = None
    error_rate: float | None = None


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a stage is: its device, its run's folder, and the folder that holds all runs of the recipe."""

    device: torch.device
    folder: Path
    runs: Path
    rank: int = 0
    num_ranks: int = 1

    def find(self, name: str) -> str:
        """The folder of this name among the runs of the recipe (an export, say), or else the name as it is."""
        inside = self.runs / name
        return str(inside) if inside.exists() else name

    def weights(self, run: str) -> dict[str, Tensor]:
        """The finished weights of another run (its name in this recipe, or a path), or a model's speech LM.

        Raises WeightsError if they are not there. See `begin_weights`.
        """
        return begin_weights(run, self.runs, self.device)


class Stage(ABC):
    """One training. Randomness is a function of (seed, step, item): draw from generators made of these.

    `items` and `batch` draw from such generators only; in `losses` torch's own generator (dropout) may be used too: the
    loop seeds it anew for every micro-batch. Nothing else may carry over from step to step but parameters and
    persistent buffers of `model`: these are what a checkpoint holds.
    """

    model: nn.Module  # parameters that do not require gradients when the stage is made stay frozen
    weights: Mapping[str, float]  # of each loss; a name that is not there weighs 1

    @abstractmethod
    def turns(self) -> Sequence[Turn]:
        """The updates of a step. Asked once, after the model was sharded: look the parameters up here, not before."""

    @abstractmethod
    def items(self, step: int) -> Sequence[Item]:
        """The whole batch of a step, over all ranks and micro-batches: a pure function of (seed, step)."""

    @abstractmethod
    def batch(self, items: Sequence[Item]) -> Batch:
        """Load and collate one micro-batch; rows are padded to `pack.bucket(longest)`, so that shapes are few."""

    @abstractmethod
    def counts(self, batch: Batch) -> dict[str, float]:
        """How many targets each loss has in this batch, for the losses of all turns."""

    @abstractmethod
    def losses(self, batch: Batch, turn: str, step: int) -> Losses:
        """Each loss of a turn, summed over its targets; the names are among those of `counts`."""

    def evaluate(self, step: int) -> dict[str, float]:
        """Decoded figures on held-out data; called without gradients, in eval mode, on every rank alike."""
        return {}

    def sample(self, step: int) -> Sequence[Sample]:
        """A few things that the model makes now, to be looked at and heard; called as `evaluate` is."""
        return ()

    def units(self) -> Sequence[nn.Module]:
        """Parts to shard one by one on several ranks (layers, say); each must run in every `losses`, on every rank."""
        return ()

    def start_from(self, tensors: Mapping[str, Tensor]) -> None:
        """Begin from an earlier run's weights; by default its model must be the same. Raises WeightsError."""
        missing, extra = self.model.load_state_dict(tensors, strict=False)
        if missing or extra:
            wrong = f"lack {missing[0]}" if missing else f"hold {extra[0]}, which the model does not"
            raise WeightsError(f"the weights to begin from {wrong}; name a run that trained the same model.")
