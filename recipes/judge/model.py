"""Two independent judges of speech: what does a machine that shares nothing with antiphon hear?

*PocketsphinxJudge*: a hidden-Markov recogniser with its own general English model. Knows nothing of our sentences.
*CtcJudge*: a time-delay network (dilated convolutions, no attention, no recurrence) that reads characters. Its weights,
seed and features are its own. It hears 0.42 s to each side of a character, so it cannot guess a sentence from its
beginning as a recogniser with long memory would: what it writes has been said.

    wave -> 64 log-mel bands, 100 Hz -> conv, stride 2 -> 8 residual convolutions, 50 Hz -> 27 characters and the blank
"""

import string
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from antiphon.audio.resample import resample
from antiphon.errors import InputError, WeightsError
from antiphon.metrics.wer import normalise

BLANK = 0
ALPHABET = " " + string.ascii_lowercase  # character k is id k + 1; normalised text has no apostrophe
NUM_BANDS = 64
LOWEST_HZ, HIGHEST_HZ = 60.0, 7600.0  # below half of 16 kHz, so that sound of any usual rate is judged alike
WINDOW_S, HOP_S = 0.025, 0.01
RANGE = 8.0 * float(np.log(10.0))  # what lies 80 dB below the loudest band is silence
STRIDE = 2

Wave = npt.NDArray[np.float32]


class Judge(Protocol):
    """Anything that writes down what it hears: mono float wave at full scale 1.0, rate in Hz."""

    def transcribe(self, wave: Wave, rate: int) -> str: ...


def encode_text(text: str) -> list[int]:
    """Ids of the normalised text; characters outside the alphabet are left out."""
    return [ALPHABET.index(char) + 1 for char in normalise(text) if char in ALPHABET]


def decode_ids(ids: Sequence[int]) -> str:
    """Greedy reading: equal neighbours merge, then blanks go. A letter said twice has a blank between."""
    kept = [now for before, now in zip([BLANK, *ids], ids, strict=False) if now != before and now != BLANK]
    return " ".join("".join(ALPHABET[k - 1] for k in kept).split())


def power_spectrum(wave: Float[Tensor, "n"], rate: int) -> Float[Tensor, "t bins"]:
    """Power of 25 ms windows every 10 ms, the first centred on the first sample."""
    width, hop = round(WINDOW_S * rate), round(HOP_S * rate)
    size = 1 << (width - 1).bit_length()
    padded = F.pad(wave, (size // 2, size // 2))
    spectrum = torch.stft(padded, size, hop, width, _window(width), center=False, return_complex=True)  # n -> bins t
    return spectrum.abs().square().mT


def log_mel(power: Float[Tensor, "t bins"], rate: int) -> Float[Tensor, "t f"]:
    """Log band energies with the mean of each band removed: gain, microphone and spectral tilt go with it."""
    bands = torch.log(power @ _filters(rate, power.shape[-1]) + 1e-10)
    bands = bands.clamp(min=bands.max() - RANGE)
    return (bands - bands.mean(0)) / 3.0  # natural logarithms of speech spread by about three


def features(wave: Float[Tensor, "n"], rate: int) -> Float[Tensor, "t f"]:
    return log_mel(power_spectrum(wave, rate), rate)


class Tdnn(nn.Module):
    """Characters from sound. Frames beyond a row's length are zero after every layer, so padding changes nothing."""

    def __init__(self, width: int = 256, depth: int = 8, dropout: float = 0.1) -> None:
        super().__init__()
        self.width, self.depth, self.dropout = width, depth, dropout
        self.first = nn.Conv1d(NUM_BANDS, width, 5, stride=STRIDE, padding=2)
        self.layers = nn.ModuleList(
            nn.Conv1d(width, width, 5, padding=2 * dilation, dilation=dilation) for dilation in [1, 2] * (depth // 2)
        )
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for _ in range(depth))
        self.last = nn.Conv1d(width, len(ALPHABET) + 1, 1)

    def forward(
        self, x: Float[Tensor, "b t f"], lengths: Int[Tensor, "b"]
    ) -> tuple[Float[Tensor, "b t_half v"], Int[Tensor, "b"]]:
        """Logits at 50 Hz and their lengths."""
        lengths = (lengths + STRIDE - 1) // STRIDE
        x = F.relu(self.first(x.mT))  # b t f -> b d t_half
        mask = (torch.arange(x.shape[-1]) < lengths[:, None])[:, None]
        x = x * mask
        for conv, norm in zip(self.layers, self.norms, strict=True):
            heard = F.dropout(F.relu(norm(conv(x))), self.dropout, self.training)
            x = (x + heard) * mask
        return self.last(x).mT, lengths  # b v t_half -> b t_half v


class CtcJudge:
    """The trained network as a judge. Weights come from `antiphon train recipes/judge`."""

    def __init__(self, model: Tdnn) -> None:
        self.model = model.eval()

    @classmethod
    def load(cls, path: Path) -> "CtcJudge":
        """Read the weights of a finished run, or half of their bits as `save_judge` writes them."""
        if not path.exists():
            raise WeightsError(
                f"found no judge at {path}; expected its weights, so run `antiphon train recipes/judge`."
            )
        weights = {
            name: value.float() if value.is_floating_point() else value for name, value in load_file(path).items()
        }
        depth = sum(name.startswith("layers.") and name.endswith(".weight") for name in weights)
        model = Tdnn(width=weights["first.weight"].shape[0], depth=depth)
        model.load_state_dict(weights)
        return cls(model)

    @torch.no_grad()
    def transcribe(self, wave: Wave, rate: int) -> str:
        frames = features(torch.from_numpy(_mono(wave)), rate)
        logits, _ = self.model(frames[None], torch.tensor([len(frames)]))
        return decode_ids(logits[0].argmax(-1).tolist())


class PocketsphinxJudge:
    """The general English model that the pocketsphinx package brings, at 16 kHz. Optional dependency."""

    def __init__(self) -> None:
        try:
            from pocketsphinx import Decoder
        except ImportError as error:
            raise InputError("found no pocketsphinx; expected the package, so install antiphon[recipes].") from error
        self.decoder = Decoder(samprate=16000, cmn="batch", loglevel="FATAL")  # batch: no memory of earlier clips

    def transcribe(self, wave: Wave, rate: int) -> str:
        at_16k = resample(torch.from_numpy(_mono(wave)), rate, 16000).numpy()
        samples = np.round(np.clip(at_16k, -1, 1) * 32767).astype(np.int16)
        self.decoder.start_utt()
        self.decoder.process_raw(samples.tobytes(), full_utt=True)
        self.decoder.end_utt()
        found = self.decoder.hyp()
        return "" if found is None else str(found.hypstr)


def save_judge(model: Tdnn, path: Path) -> None:
    """Write the weights in half precision; what the judge needs and nothing else."""
    half = {k: v.half().contiguous() if v.is_floating_point() else v for k, v in model.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(half, path)


def _mono(wave: Wave) -> Wave:
    if wave.ndim != 1 or not len(wave):
        raise InputError(f"found a wave of shape {wave.shape}; expected mono samples, one at least")
    return np.ascontiguousarray(wave, dtype=np.float32)


@cache
def _window(width: int) -> Tensor:
    return torch.hann_window(width)


@cache
def _filters(rate: int, num_bins: int) -> Float[Tensor, "bins f"]:
    """Triangles, evenly spaced in mel, each with unit sum."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (LOWEST_HZ, min(HIGHEST_HZ, rate / 2)))
    mels = np.linspace(low, high, NUM_BANDS + 2)
    corners = 700 * (10 ** (mels / 2595) - 1)
    hz = np.linspace(0, rate / 2, num_bins)[:, None]
    rising, falling = (hz - corners[:-2]) / np.diff(corners[:-1]), (corners[2:] - hz) / np.diff(corners[1:])
    triangles = np.maximum(np.minimum(rising, falling), 0)
    return torch.from_numpy((triangles / np.maximum(triangles.sum(0), 1e-9)).astype(np.float32))
