"""Cross-entropy whose scores never exist all at once.

With the vocabulary of 158 720, the scores of 16 384 positions are 10.4 GB in float32, and their gradient as much. Here
only one chunk's scores are alive; the backward pass makes them again from the saved log-sums.

    hidden [n d] ─chunk─> scores [chunk v] ─> nats [chunk]        backward: scores again, softmax − target, two products
"""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

CHUNK = 2048  # positions whose scores are alive together
IGNORE = -100


def cross_entropy(
    hidden: Float[Tensor, "n d"], weight: Float[Tensor, "v d"], targets: Int[Tensor, " n"], chunk: int = CHUNK
) -> Float[Tensor, " n"]:
    """Nats of each target under `softmax(hidden @ weight.T)`, float32; 0 where the target is -100.

    Equal to `F.cross_entropy(..., reduction="none")` in value and in the gradients of `hidden` and `weight`. Under
    autocast its products are of the lower precision, its sums are not.
    """
    device = hidden.device.type
    if torch.is_autocast_enabled(device):
        dtype = torch.get_autocast_dtype(device)
        hidden, weight = hidden.to(dtype), weight.to(dtype)
    with torch.autocast(device, enabled=False):
        nats: Tensor = _Chunked.apply(hidden, weight, targets, chunk)  # type: ignore[no-untyped-call]
    return nats


class _Chunked(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, chunk: int) -> Tensor:
        log_sums, nats = (torch.empty(len(hidden), device=hidden.device) for _ in range(2))
        for at in range(0, len(hidden), chunk):
            part = slice(at, at + chunk)
            scores = (hidden[part] @ weight.T).float()
            log_sums[part] = scores.logsumexp(-1)
            picked = scores.gather(1, targets[part, None].clamp(min=0))[:, 0]
            nats[part] = torch.where(targets[part] == IGNORE, 0.0, log_sums[part] - picked)
        ctx.save_for_backward(hidden, weight, targets, log_sums)
        ctx.chunk = chunk
        return nats

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight, targets, log_sums = ctx.saved_tensors
        scale = torch.where(targets == IGNORE, 0.0, grads[0])[:, None]
        d_hidden = torch.empty_like(hidden)
        d_weight = torch.zeros_like(weight, dtype=torch.float32)
        for at in range(0, len(hidden), ctx.chunk):
            part = slice(at, at + ctx.chunk)
            slope = ((hidden[part] @ weight.T).float() - log_sums[part, None]).exp_()
            slope.scatter_add_(1, targets[part, None].clamp(min=0), -torch.ones_like(scale[part]))
            slope = slope.mul_(scale[part]).to(hidden.dtype)
            d_hidden[part] = slope @ weight
            d_weight += slope.T @ hidden[part]
        return d_hidden, d_weight.to(weight.dtype), None, None
