"""How far a made wave is from the true one: log magnitudes and convergence at several resolutions, and the mel.

Every distance is one number for each row, so that a batch in parts gives the same sums as a batch in one.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from antiphon.audio.filters import hann
from antiphon.audio.spoken_mel import spoken_mel

RESOLUTIONS = ((240, 60), (512, 128), (1024, 256), (2048, 480))  # window and hop
FLOOR = 1e-8  # power below this is silence


def magnitudes(wave: Float[Tensor, "b n"], size: int, hop: int) -> Float[Tensor, "b bins t"]:
    """A spectrogram that has a logarithm everywhere."""
    bins = torch.stft(wave, size, hop, window=hann(size).to(wave.device), return_complex=True)
    return torch.view_as_real(bins).square().sum(-1).clamp(min=FLOOR).sqrt()


def spectral_distance(made: Float[Tensor, "b n"], true: Float[Tensor, "b n"]) -> Float[Tensor, " b"]:
    """Mean distance of log magnitudes plus relative distance of magnitudes, over all resolutions."""
    total = made.new_zeros(len(made))
    for size, hop in RESOLUTIONS:
        a, b = magnitudes(made, size, hop), magnitudes(true, size, hop)
        total = total + (a.log() - b.log()).abs().mean((1, 2))
        total = total + (a - b).flatten(1).norm(dim=1) / b.flatten(1).norm(dim=1).clamp(min=1e-3)
    return total / len(RESOLUTIONS)


def mel_distance(made: Float[Tensor, "b n"], true: Float[Tensor, "b n"]) -> Float[Tensor, " b"]:
    """Mean absolute distance of the mels that the vocoder is asked for."""
    return (spoken_mel(made) - spoken_mel(true)).abs().mean((1, 2))
