"""AdamW for each turn of a stage, the schedule of its rate, and the norm of a gradient."""

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from antiphon.train.run import Optimizer, Schedule
from antiphon.train.stage import Turn

PEAK = "peak"  # a group's learning rate before the schedule


def adamw(turn: Turn, settings: Optimizer) -> torch.optim.AdamW:
    """The optimizer of a turn, its states made at once, so that a checkpoint always has the same tensors."""
    groups = [
        {"params": list(g.parameters), "lr": g.lr, "weight_decay": settings.decay if g.decay is None else g.decay}
        for g in turn.groups
    ]
    optimizer = torch.optim.AdamW(groups, betas=settings.betas, eps=settings.eps, fused=True)
    for group in optimizer.param_groups:
        group[PEAK] = group["lr"]
        for p in group["params"]:
            optimizer.state[p] = {
                "step": torch.zeros((), dtype=torch.float32, device=p.device),
                "exp_avg": torch.zeros_like(p),
                "exp_avg_sq": torch.zeros_like(p),
            }
    return optimizer


def parameters_of(optimizer: torch.optim.Optimizer) -> list[nn.Parameter]:
    """All that an optimizer moves."""
    return [p for group in optimizer.param_groups for p in group["params"]]


def rate_at(step: int, steps: int, schedule: Schedule) -> float:
    """The learning rate of a step (counted from 0) as a part of its peak."""
    rise = min(1.0, (step + 1) / max(1, schedule.warm_up))
    done = min(1.0, max(0.0, (step - schedule.warm_up) / max(1, steps - 1 - schedule.warm_up)))
    fall = {"cosine": 0.5 * (1 + math.cos(math.pi * done)), "linear": 1 - done, "constant": 1.0}[schedule.kind]
    return rise * (schedule.floor + (1 - schedule.floor) * fall)


def set_rate(optimizer: torch.optim.Optimizer, part: float) -> None:
    """Give every group this part of its peak."""
    for group in optimizer.param_groups:
        group["lr"] = group[PEAK] * part


def fill_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """A parameter that nothing asked of this step has a gradient of zero, as it has where ranks share the work."""
    for p in parameters:
        if p.grad is None:
            p.grad = torch.zeros_like(p)


def gradient_norm(parameters: Sequence[nn.Parameter]) -> Tensor:
    """The norm over all parameters, and over all ranks where they are sharded."""
    norm = torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
    return norm.full_tensor() if isinstance(norm, DTensor) else norm
