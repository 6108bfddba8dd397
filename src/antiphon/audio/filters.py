"""Mel filter banks and windows: constants of the three spectrograms, computed once and kept."""

from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

LINEAR_BELOW_HZ = 1000.0  # the Slaney scale is linear up to here, logarithmic above
LINEAR_STEP_HZ = 200.0 / 3.0
LOG_STEP = torch.tensor(6.4, dtype=torch.float64).log() / 27.0


def slaney_mel(hz: Float[Tensor, "*f"]) -> Float[Tensor, "*f"]:
    """Frequency on the Slaney mel scale."""
    knee = LINEAR_BELOW_HZ / LINEAR_STEP_HZ
    return torch.where(
        hz < LINEAR_BELOW_HZ, hz / LINEAR_STEP_HZ, knee + (hz.clamp(min=1.0) / LINEAR_BELOW_HZ).log() / LOG_STEP
    )


def slaney_hz(mel: Float[Tensor, "*f"]) -> Float[Tensor, "*f"]:
    """The inverse of `slaney_mel`."""
    knee = LINEAR_BELOW_HZ / LINEAR_STEP_HZ
    return torch.where(mel < knee, mel * LINEAR_STEP_HZ, LINEAR_BELOW_HZ * ((mel - knee) * LOG_STEP).exp())


@cache
@torch.inference_mode(False)  # kept for later callers, who may want gradients
@torch.inference_mode(False)  # the first caller may be in inference mode, a later one in training
def mel_filters(
    rate: int, n_fft: int, num_mels: int, fmin: float = 0.0, fmax: float = 8000.0
) -> Float[Tensor, "f bins"]:
    """`num_mels` triangles over the n_fft // 2 + 1 bins, Slaney scale, each of unit area; computed in double precision.

    The tensor is shared by all callers: read it, do not write to it.
    """
    ends = slaney_mel(torch.tensor([fmin, fmax], dtype=torch.float64))
    edges = slaney_hz(torch.linspace(float(ends[0]), float(ends[1]), num_mels + 2, dtype=torch.float64))
    bins = torch.arange(n_fft // 2 + 1, dtype=torch.float64) * (rate / n_fft)
    gaps = edges.diff()[:, None]
    rising = (bins - edges[:-2, None]) / gaps[:-1]
    falling = (edges[2:, None] - bins) / gaps[1:]
    area = 2.0 / (edges[2:] - edges[:-2])
    return (torch.minimum(rising, falling).clamp(min=0.0) * area[:, None]).float()


@cache
@torch.inference_mode(False)  # kept for later callers, who may want gradients
@torch.inference_mode(False)
def hann(size: int) -> Float[Tensor, " n"]:
    """The periodic Hann window. Shared: read it, do not write to it."""
    return torch.hann_window(size)
