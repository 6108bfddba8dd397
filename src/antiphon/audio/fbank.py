"""Kaldi filter bank: 16 kHz sound to 80 log energies at 100 Hz, as the speaker net reads it.

Frames lie wholly inside the clip (no padding at its ends). Each loses its mean, is pre-emphasised and weighted by the
Povey window; the triangles are linear on Kaldi's mel scale, and the Nyquist bin is not heard.
"""

from functools import cache

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from antiphon.errors import InputError
from antiphon.rates import HEARD_HZ, MEL_HOP

NUM_BINS = 80
FRAME = 400  # 25 ms
FFT_SIZE = 512
LOWEST_HZ = 20.0
EMPHASIS = 0.97
FLOOR = 1.1920929e-07  # the float32 epsilon


def fbank(wave: Float[Tensor, " n"]) -> Float[Tensor, "t f"]:
    """Log energies: t = 1 + floor((n - 400) / 160). Samples lie in [-1, 1]. Raises InputError below 25 ms."""
    if wave.shape[-1] < FRAME:
        raise InputError(f"a clip of {wave.shape[-1]} samples at 16 kHz is too short; give at least {FRAME} (25 ms).")
    frames = wave.float().unfold(0, FRAME, MEL_HOP)  # t 400
    frames = frames - frames.mean(1, keepdim=True)
    frames = frames - EMPHASIS * torch.cat([frames[:, :1], frames[:, :-1]], dim=1)
    window, triangles = (x.to(wave.device) for x in (_povey(), _triangles()))
    power = torch.fft.rfft(F.pad(frames * window, (0, FFT_SIZE - FRAME))).abs().square()[:, :-1]  # t 256
    energies: Tensor = power @ triangles
    return energies.clamp(min=FLOOR).log()


@cache
@torch.inference_mode(False)
def _povey() -> Float[Tensor, " n"]:
    return torch.hann_window(FRAME, periodic=False, dtype=torch.float64).pow(0.85).float()


@cache
@torch.inference_mode(False)
def _triangles() -> Float[Tensor, "bins f"]:
    hz = torch.arange(FFT_SIZE // 2, dtype=torch.float64) * HEARD_HZ / FFT_SIZE
    ends = _mel(torch.tensor([LOWEST_HZ, HEARD_HZ / 2], dtype=torch.float64)).tolist()
    edges = torch.linspace(ends[0], ends[1], NUM_BINS + 2, dtype=torch.float64)
    mel = _mel(hz)[:, None]
    rising = (mel - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - mel) / (edges[2:] - edges[1:-1])
    return torch.minimum(rising, falling).clamp(min=0).float()


def _mel(hz: Tensor) -> Tensor:
    return 1127.0 * (1.0 + hz / 700.0).log()
