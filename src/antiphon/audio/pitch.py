"""Pitch of recorded speech, one value for each spoken mel frame: what the vocoder's own predictor learns from.

    wave ─ 50 ms around each frame's middle ─> difference with itself, by lag ─> its dips ─> the cheapest path of dips

Source: YIN (de Cheveigné and Kawahara 2002): the difference function, normalised by its running mean, dips where the
sound repeats itself. Where YIN takes the first deep dip of each frame alone, the path through all frames is taken whose
dips are deep and whose steps are small (Viterbi), with "no voice" as one more place to be.
"""

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from antiphon.rates import FRAME_HOP, SPOKEN_HZ

LOWEST_HZ, HIGHEST_HZ = 60, 500
LONGEST, SHORTEST = SPOKEN_HZ // LOWEST_HZ, SPOKEN_HZ // HIGHEST_HZ  # lags in samples
SPAN = 2 * LONGEST  # samples that are compared: two periods of the lowest voice
NUM_DIPS = 6  # considered in each frame
UNVOICED = 0.45  # what it costs not to be voiced; a dip costs its depth, 0 for a perfect repetition
CHANGE = 0.3  # what it costs to begin or to end a voice
STEP = 1.5  # what an octave costs between two frames
OCTAVE = 0.02  # what each octave downwards costs: half the pitch repeats just as well
NO_DIP = 10.0  # more than any path pays
SILENCE = 1e-7  # mean square below which nothing is voiced


def pitch(wave: Float[Tensor, " n"]) -> Float[Tensor, " t"]:
    """Hz in the middle of each 20 ms frame of a 24 kHz wave, 0 where there is no voice: t = floor(n / 480)."""
    num = len(wave) // FRAME_HOP
    if num == 0:
        return wave.new_zeros(0)
    lags, depths = _dips(_difference(wave.float(), num))
    return torch.from_numpy(_path(lags.double().numpy(), depths.double().numpy())).float()


def _difference(wave: Float[Tensor, " n"], num: int) -> Float[Tensor, "t l"]:
    """How little each frame repeats itself after each lag, 0 .. LONGEST; 1 is as little as on average."""
    reach = (SPAN + LONGEST - FRAME_HOP) // 2
    frames = F.pad(wave, (reach, reach + FRAME_HOP)).unfold(0, SPAN + LONGEST, FRAME_HOP)[:num]  # t n
    size = 1 << (SPAN + LONGEST - 1).bit_length()
    spectrum = torch.fft.rfft(frames, size)
    alike = torch.fft.irfft(spectrum * torch.fft.rfft(frames[:, :SPAN], size).conj(), size)[:, : LONGEST + 1]
    energy = F.pad(frames.square().cumsum(1), (1, 0))  # t n+1
    moved = energy[:, SPAN : SPAN + LONGEST + 1] - energy[:, : LONGEST + 1]
    apart = (moved[:, :1] + moved - 2 * alike).clamp(min=0)  # t l
    lag = torch.arange(1, LONGEST + 1, dtype=apart.dtype)
    mean = apart[:, 1:].cumsum(1) / lag
    normal = torch.cat([torch.ones_like(mean[:, :1]), apart[:, 1:] / mean.clamp(min=1e-9)], dim=1)
    return torch.where(moved[:, :1] > SILENCE * SPAN, normal, 1.0)


def _dips(difference: Float[Tensor, "t l"]) -> tuple[Float[Tensor, "t k"], Float[Tensor, "t k"]]:
    """The deepest local minima of each frame: lags and depths, between samples by a parabola."""
    before, here, after = difference[:, :-2], difference[:, 1:-1], difference[:, 2:]
    lag = torch.arange(1, LONGEST, dtype=difference.dtype)
    is_dip = (here < before) & (here <= after) & (lag >= SHORTEST)
    depth, at = torch.where(is_dip, here, NO_DIP).topk(NUM_DIPS, dim=1, largest=False)
    a, b, c = (x.gather(1, at) for x in (before, here, after))
    shift = (0.5 * (a - c) / (a - 2 * b + c).clamp(min=1e-9)).clamp(-0.5, 0.5)
    return lag[at] + shift, torch.where(depth < NO_DIP, (b - 0.25 * (a - c) * shift).clamp(min=0), NO_DIP)


def _path(lags: Float[np.ndarray, "t k"], depths: Float[np.ndarray, "t k"]) -> Float[np.ndarray, " t"]:
    """The cheapest walk through the frames; the last place of each is to be unvoiced."""
    num = len(lags)
    height = np.log2(SPOKEN_HZ / lags)  # octaves
    here = np.concatenate([depths - OCTAVE * (height - np.log2(LOWEST_HZ)), np.full((num, 1), UNVOICED)], axis=1)
    total, came = here[0], np.zeros((num, NUM_DIPS + 1), dtype=np.int64)
    move = np.full((NUM_DIPS + 1, NUM_DIPS + 1), CHANGE)
    move[-1, -1] = 0.0
    for i in range(1, num):
        move[:-1, :-1] = STEP * np.abs(height[i - 1][:, None] - height[i])
        ways = total[:, None] + move
        came[i] = ways.argmin(0)
        total = ways.min(0) + here[i]
    hz, place = np.zeros(num), int(total.argmin())
    for i in range(num - 1, -1, -1):
        hz[i] = SPOKEN_HZ / lags[i, place] if place < NUM_DIPS else 0.0
        place = int(came[i, place])
    return hz
