"""Mel of what the model speaks: 24 kHz sound to 80 bins at 50 Hz, as the flow writes it and the vocoder reads it.

    wave ─720 reflected each side─> STFT (1920 / 480, not centred) ─|X|─> 80 Slaney triangles ─ln─> mel

Plain tensor arithmetic with a gradient, so that trainings can use it as a loss.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from antiphon.audio.filters import hann, mel_filters
from antiphon.errors import InputError
from antiphon.rates import FRAME_HOP, SPOKEN_HZ

NUM_MELS = 80
FFT_SIZE = 4 * FRAME_HOP  # 1920
PAD = (FFT_SIZE - FRAME_HOP) // 2  # 720: frame i is centred on the middle of its own 480 samples
FLOOR = 1e-5  # magnitude below this is silence
SILENCE = -11.512925  # ln(FLOOR): the value of every bin where there is no sound


def spoken_mel(wave: Float[Tensor, "*b n"]) -> Float[Tensor, "*b f t"]:
    """Log mel magnitudes: t = floor(n / 480). Raises InputError for 720 samples (30 ms) or fewer."""
    if wave.shape[-1] <= PAD:
        raise InputError(f"a clip of {wave.shape[-1]} samples at 24 kHz is too short for a mel; give over {PAD}.")
    flat = F.pad(wave.reshape(-1, 1, wave.shape[-1]).float(), (PAD, PAD), mode="reflect")[:, 0]
    window = hann(FFT_SIZE).to(wave.device)
    bins = torch.stft(flat, FFT_SIZE, FRAME_HOP, window=window, center=False, return_complex=True)
    magnitude = (torch.view_as_real(bins).square().sum(-1) + 1e-9).sqrt()  # b bins t
    mel = mel_filters(SPOKEN_HZ, FFT_SIZE, NUM_MELS).to(wave.device) @ magnitude
    return mel.clamp(min=FLOOR).log().reshape(*wave.shape[:-1], *mel.shape[-2:])
