"""A long walk learned as a short one: from a flow that needs guidance and many Euler steps, one that needs neither.

    teacher   x(t) ──> . ──> x(t')      four guided steps in all: eight passes of the network
    learner   x(t) ────────> x(t')      two steps: two passes

From any x(t) that noise and a mel make, the learner's velocity is to lead where the teacher's next steps end; the
teacher is frozen. Sources: Meng et al. 2023 (guidance), Salimans and Ho 2022 (steps).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from antiphon.errors import ConfigError
from antiphon.model.sampler import time_grid

if TYPE_CHECKING:
    from antiphon.train.codec.flow import Batch, FlowTrainee


@dataclass(frozen=True, kw_only=True)
class Walk:
    """Whose walk is learned, and in how many steps."""

    teacher: str  # a run of the recipe, a run's folder or a model
    steps: int = 4  # the teacher's, a multiple of the learner's
    guidance: float = 0.7
    into: int = 2  # the learner's

    def __post_init__(self) -> None:
        if self.into < 1 or self.steps < 1 or self.steps % self.into:
            raise ConfigError(
                f"a walk of {self.steps} steps is to be learned as one of {self.into}; the first must be a multiple of"
                " the second."
            )

    @property
    def times(self) -> list[float]:
        """Where the learner's steps begin."""
        found: list[float] = time_grid(self.into, torch.device("cpu"), torch.float64)[:-1].tolist()
        return found


@torch.no_grad()
def walked(teacher: "FlowTrainee", batch: "Batch", walk: Walk) -> Float[Tensor, "b f t2"]:
    """The velocity that leads from each pair's x(t) to where the teacher is one step of the learner later."""
    grid = time_grid(walk.steps, batch.time.device)
    begin = (batch.time[:, None] - grid).abs().argmin(dim=-1)  # b
    heard, how = teacher.told(batch)
    heard = [torch.cat([told, torch.zeros_like(told)]) for told in heard]
    how |= {name: torch.cat([how[name], how[name]]) for name in ("num_real", "prompt_len")}
    x = batch.noisy
    for step in range(walk.steps // walk.into):
        now, then = grid[begin + step], grid[begin + step + 1]
        v = teacher.flow.velocity(torch.cat([x, x]), torch.cat([now, now]), *heard, **how).float()
        told, blank = v.chunk(2)
        x = x + (then - now)[:, None, None] * ((1 + walk.guidance) * told - walk.guidance * blank)
    return (x - batch.noisy) / (then - grid[begin])[:, None, None]
