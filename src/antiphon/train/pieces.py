"""Pieces of sound for the encoder, in batches of few shapes, varied in training.

At inference a piece is encoded alone. In training several are padded into one batch with 0.0, as the reference does; a
CPU makes a kernel for every new shape of a product, so lengths are rounded up to `STRIDE` and counts to powers of two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from antiphon.audio.mel import log_mel

TOP = 2.0  # 8 decades on the scale of the log-mel
STRIDE = 96  # mel frames
TOGETHER = 8  # pieces in one batch
DECADE = 9.21  # natural logarithms of power in 1.0 of the log-mel's scale


@dataclass(frozen=True)
class Pieces:
    """Padded pieces and the frames of each, and which of all pieces they are; surplus rows repeat the first."""

    mel: Float[Tensor, "b f t"]
    num_frames: Int[Tensor, " b"]
    which: tuple[int, ...]

    def to(self, device: torch.device) -> "Pieces":
        """The same on another device."""
        return Pieces(self.mel.to(device), self.num_frames.to(device), self.which)


def piece(wave: Float[Tensor, " n"], rng: Random | None = None) -> Float[Tensor, "f t"]:
    """One piece at 16 kHz as the encoder hears it; with `rng` varied in tilt, level, noise, and with gaps."""
    mel = log_mel(wave)
    return mel if rng is None else vary(mel, rng)


def vary(mel: Float[Tensor, "f t"], rng: Random) -> Float[Tensor, "f t"]:
    """The piece by another microphone in another room; what lies 8 decades under the top is still raised to it."""
    bins, frames = mel.shape
    mel = mel + torch.linspace(-1, 1, bins)[:, None] * rng.uniform(-0.1, 0.1)
    if rng.random() < 0.3:
        generator = torch.Generator().manual_seed(rng.getrandbits(32))
        floor = float(mel.max()) - rng.uniform(1.0, TOP)
        noise = floor + rng.uniform(0.0, 0.15) * torch.randn(mel.shape, generator=generator)
        mel = torch.logaddexp(DECADE * mel, DECADE * noise) / DECADE
    mel = torch.maximum(mel, mel.max() - TOP) + rng.uniform(-0.1, 0.1)
    high, long = rng.randint(0, 10), rng.randint(0, min(6, frames - 1))
    low, start = rng.randint(0, bins - 1 - high), rng.randint(0, frames - long)
    mel[low : low + high] = mel.mean()
    mel[:, start : start + long] = mel.mean()
    return mel


def in_batches(mels: Sequence[Float[Tensor, "f _"]], together: int = TOGETHER) -> list[Pieces]:
    """All pieces in batches of similar length."""
    order, found = sorted(range(len(mels)), key=lambda i: mels[i].shape[1]), []
    for begin in range(0, len(order), together):
        which = order[begin : begin + together]
        count = min(together, 1 << (len(which) - 1).bit_length())
        filled = which + which[:1] * (count - len(which))
        longest = -(-max(mels[i].shape[1] for i in which) // STRIDE) * STRIDE
        mel = torch.stack([F.pad(mels[i], (0, longest - mels[i].shape[1])) for i in filled])
        found.append(Pieces(mel, torch.tensor([mels[i].shape[1] for i in filled]), tuple(which)))
    return found

