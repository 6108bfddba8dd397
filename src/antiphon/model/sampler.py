"""Sampler: Euler steps from noise to a mel, with classifier-free guidance, and the options of a rendering.

    x(0) = noise ─> x + dt v ─> ... ─> x(1) = mel        v = (1 + g) v(told) - g v(told nothing)

Being told nothing is zeros in place of mu, speaker and condition (after the speaker's own layer, as released).
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from antiphon.config import DiTConfig
from antiphon.errors import InputError
from antiphon.model.dit import DiT, Past
from antiphon.nn.window import Left, WindowState

RECENT = 100  # frames after the prompt that the velocity network remembers: two seconds


@dataclass(frozen=True, kw_only=True)
class FlowOptions:
    """How a stream is rendered; fixed for its life, because its caches have this shape."""

    steps: int  # Euler steps
    guidance: float  # 0 for none: half the work
    temperature: float = 1.0  # gain of the noise
    truncation: str | None = "prompt"  # see antiphon.nn.window
    recent: int = RECENT
    clock: str = "stream"  # "stream": noise follows the frame; "cache": it follows the length of the cache, as released

    def __post_init__(self) -> None:
        if self.steps < 1 or self.recent < 1:
            raise InputError(f"steps is {self.steps} and recent {self.recent}; both must be at least 1.")
        if self.clock not in ("stream", "cache"):
            raise InputError(f"clock is {self.clock!r}; it is either 'stream' or 'cache'.")


class Sampler(nn.Module):
    """Euler steps along the velocity, with classifier-free guidance."""

    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.estimator = DiT(config)

    def forward(
        self,
        x: Float[Tensor, "b f t"],
        mu: Float[Tensor, "b f t"],
        speaker: Float[Tensor, "b f"],
        cond: Float[Tensor, "b f t"],
        options: FlowOptions,
        mask: Bool[Tensor, "b_or_1 1 t s"] | None = None,
        window: WindowState | None = None,
    ) -> tuple[Float[Tensor, "b f t"], list[Left]]:
        """From noise `x` to a mel, and what each step leaves for the window (nothing without one).

        Time and mel are float32 at the least, whatever the network's dtype: the steps add up.
        """
        rows = 2 if options.guidance else 1
        heard = [_with_blank(c, rows) for c in (mu, speaker, cond)]
        if mask is not None and mask.shape[0] > 1:
            mask = mask.repeat_interleave(rows, dim=0)
        x = x.to(torch.promote_types(mu.dtype, torch.float32))
        times, left = time_grid(options.steps, x.device, x.dtype), []
        steering = self.estimator.steering(times[:-1])  # of all steps at once
        for step in range(options.steps):
            past = None if window is None else Past(*window.past(step))
            pair = x.to(mu.dtype).repeat_interleave(rows, dim=0)  # b f t -> (b rows) f t
            now = [told[step : step + 1] for told in steering]
            t, keep = times[step : step + 1], window is not None
            v, kept = self.estimator(pair, t, *heard, mask, past, keep=keep, steering=now)
            v = v.to(x.dtype)
            if rows == 2:
                v = (1 + options.guidance) * v[0::2] - options.guidance * v[1::2]
            x = x + (times[step + 1] - times[step]) * v
            left += [] if kept is None else [kept]
        return x, left


def time_grid(steps: int, device: torch.device, dtype: torch.dtype = torch.float32) -> Float[Tensor, " t"]:
    """Times from 0 to 1, denser at the start."""
    return 1 - torch.cos(torch.linspace(0, 1, steps + 1, device=device, dtype=dtype) * (0.5 * torch.pi))


def _with_blank(x: Tensor, rows: int) -> Tensor:
    """Each row followed by the row of zeros that guidance steers away from."""
    return x if rows == 1 else torch.stack([x, torch.zeros_like(x)], dim=1).flatten(0, 1)
