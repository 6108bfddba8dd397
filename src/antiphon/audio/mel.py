"""Log-mel of what the model hears: 16 kHz sound to 128 bins at 100 Hz, read by encoder and speech tokenizer.

    wave ─479 zeros─> STFT (400 / 160, reflected) ─|X|²─> 128 Slaney triangles ─log10, top 8 decades─> (y + 4) / 4

The top is the maximum of the *whole piece*, so a piece is finished as a whole and there is no streamed form:
`chunk.Pieces` cuts a stream into pieces, and each goes through here once. The language model's encoder pads 479 zeros
first, the speech tokenizer none; that is the `pad` argument.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from antiphon.audio.filters import hann, mel_filters
from antiphon.errors import InputError
from antiphon.rates import HEARD_HZ, MEL_HOP, PIECE_PAD

NUM_MELS = 128
FFT_SIZE = 400
FLOOR = 1e-10  # power below this is silence
DECADES = 8.0  # what lies further below the piece's maximum is raised to it


def log_mel(wave: Float[Tensor, "*b n"], pad: int = PIECE_PAD) -> Float[Tensor, "*b f t"]:
    """Log-mel of one piece at 16 kHz, or of several of the same length: t = floor((n + pad) / 160).

    Raises InputError for an empty piece, and without padding for one of 200 samples or fewer (nothing to reflect).
    """
    frames = _reflect(wave, pad)
    return _compress(_mel_power(frames))


def log_mel_batch(
    waves: Sequence[Float[Tensor, " _"]], pad: int = PIECE_PAD
) -> tuple[Float[Tensor, "b f t"], Int[Tensor, " b"]]:
    """Log-mels of pieces of any lengths, each as `log_mel` gives it, padded with 0.0; and the frames of each."""
    if not waves:
        raise InputError("no piece of sound was given; give at least one.")
    num_frames = torch.tensor([(len(w) + pad) // MEL_HOP for w in waves], device=waves[0].device)
    power = _mel_power(pad_sequence([_reflect(w, pad) for w in waves], batch_first=True))
    real = torch.arange(power.shape[-1], device=power.device) < num_frames[:, None, None]  # b 1 t
    return _compress(power * real) * real, num_frames


def _reflect(wave: Tensor, pad: int) -> Tensor:
    """The zeros after a piece, then the mirrored half windows at both ends."""
    if wave.shape[-1] == 0 or wave.shape[-1] + pad <= FFT_SIZE // 2:
        least = max(FFT_SIZE // 2 + 1 - pad, 1)
        raise InputError(f"a piece of {wave.shape[-1]} samples is too short for a spectrum; give at least {least}.")
    padded = F.pad(wave.float(), (0, pad))
    half = FFT_SIZE // 2
    head, tail = padded[..., 1 : half + 1].flip(-1), padded[..., -half - 1 : -1].flip(-1)
    return torch.cat([head, padded, tail], dim=-1)


def _mel_power(padded: Tensor) -> Tensor:
    """Mel energies of every whole window; the last one is dropped, as Whisper does."""
    window = hann(FFT_SIZE).to(padded.device)
    flat = padded.reshape(-1, padded.shape[-1])
    spectrum = torch.stft(flat, FFT_SIZE, MEL_HOP, window=window, center=False, return_complex=True)[..., :-1]
    power = torch.view_as_real(spectrum).square().sum(-1)  # b bins t
    mel = mel_filters(HEARD_HZ, FFT_SIZE, NUM_MELS).to(padded.device) @ power
    return mel.reshape(*padded.shape[:-1], *mel.shape[-2:])


def _compress(power: Tensor) -> Tensor:
    log = power.clamp(min=FLOOR).log10()
    top = log.amax(dim=(-2, -1), keepdim=True)
    return (torch.maximum(log, top - DECADES) + 4.0) / 4.0
