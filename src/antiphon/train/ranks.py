"""The processes that train together: one, or those that torchrun started (gloo on CPUs, NCCL on GPUs).

Every decision that a rank could take alone (to skip, to stop, to save) is taken by all, from sums over all.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import nn

from antiphon.errors import AntiphonError, ConfigError
from antiphon.train.stage import Batch, Losses, Stage

PATIENCE = timedelta(minutes=10)  # for a rank that does not come; then all end, and torchrun may start anew
TIE = ""  # the name of the loss that is always zero


@dataclass(frozen=True, kw_only=True)
class Ranks:
    """This process among those that train together."""

    rank: int = 0
    size: int = 1
    device: torch.device = torch.device("cpu")

    @property
    def is_first(self) -> bool:
        """Whether this one writes the log."""
        return self.rank == 0

    def total(self, values: Sequence[float]) -> list[float]:
        """Sums over all ranks, in float64."""
        if self.size == 1:
            return [float(v) for v in values]
        held = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(held)
        return list(map(float, held.tolist()))

    def from_first(self, text: str) -> str:
        """What the first rank says."""
        held = [text]
        if self.size > 1:
            dist.broadcast_object_list(held, device=torch.device("cpu"))
        return held[0]

    def agree(self, trouble: AntiphonError | None) -> None:
        """Raise on every rank if any has trouble: its own, or a sentence that another has."""
        if self.size == 1:
            if trouble:
                raise trouble
            return
        found: list[AntiphonError | None] = [None] * self.size
        dist.all_gather_object(found, trouble)
        if first := trouble or next((t for t in found if t), None):
            raise first


    def first_does(self, what: Callable[[], object]) -> None:
        """Something that one rank does for all; what it raises, all raise."""
        trouble: AntiphonError | None = None
        if self.is_first:
            try:
                what()
            except AntiphonError as error:
                trouble = error
        self.agree(trouble)


@contextmanager
def joined(device: str = "cpu") -> Iterator[Ranks]:
    """Join the others, if torchrun started this process; leave them at the end."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if device == "cuda":
        if not torch.cuda.is_available():
            raise ConfigError("device is 'cuda', and torch sees no GPU on this machine; use cpu.")
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    place = torch.device(device, torch.cuda.current_device()) if device == "cuda" else torch.device(device)
    if size == 1:
        yield Ranks(device=place)
        return
    dist.init_process_group("cpu:gloo,cuda:nccl" if device == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield Ranks(rank=dist.get_rank(), size=size, device=place)
    finally:
        dist.destroy_process_group()


class Whole(nn.Module):
    """A stage's losses as one module: whatever of the model they call, all of it is gathered when they begin."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.model = stage.model
        self.stage = stage
        self.tied: list[str] = []  # what is gathered here and learns: must have a gradient on every rank, or all hang

    def forward(self, batch: Batch, turn: str, step: int) -> Losses:
        """The losses of a turn and, where the model is sharded, a zero that every parameter has a part in."""
        losses = dict(self.stage.losses(batch, turn, step))
        if self.tied:
            parts = [self.model.get_parameter(name).flatten()[:1].sum() * 0 for name in self.tied]
            losses[TIE] = torch.stack([part.float() for part in parts]).sum()
        return losses


def shard(stage: Stage, ranks: Ranks) -> Whole:
    """The stage's losses, its model on the device and, if there are several ranks, sharded over them.

    Frozen parameters stay whole on every rank: they have no gradient and no optimizer, and gathering them costs time.
    """
    whole = Whole(stage)
    whole.to(ranks.device)
    if ranks.size == 1:
        return whole
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    units = list(stage.units())
    inside = {id(p) for unit in units for p in unit.parameters()}
    whole.tied = [n for n, p in stage.model.named_parameters() if p.requires_grad and id(p) not in inside]
    mesh = init_device_mesh(ranks.device.type, (ranks.size,))
    frozen = {p for p in whole.parameters() if not p.requires_grad}
    for part in [*units, whole]:
        fully_shard(part, mesh=mesh, ignored_params=frozen)
    return whole


@contextmanager
def gathered(whole: Whole) -> Iterator[None]:
    """Within, the model's parameters are whole on every rank, and plain tensors."""
    from torch.distributed.fsdp import FSDPModule

    parts = [m for m in whole.modules() if isinstance(m, FSDPModule)]
    for part in parts:
        part.unshard()
    try:
        yield
    finally:
        for part in parts:
            part.reshard()
