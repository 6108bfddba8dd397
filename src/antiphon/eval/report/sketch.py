"""A recording as a few hundred bytes that a page can draw: its outline and its spectrogram."""

import base64

import numpy as np
from jaxtyping import Float, Int

from antiphon.audio.wave import Audio

__all__ = ["COLUMNS", "ROWS", "sketch"]

COLUMNS, ROWS = 96, 24
_RANGE_DB = 60.0


def sketch(audio: Audio) -> dict[str, str | float]:
    """`wave`: a byte for each column, its peak; `bands`: columns of half bytes, from low to high; both in base64."""
    mono = audio.mean().samples[0].numpy()
    if not len(mono):
        return {"seconds": 0.0, "wave": "", "bands": ""}
    starts = np.linspace(0, len(mono), COLUMNS, endpoint=False).astype(int)
    peaks = np.clip(255 * np.maximum.reduceat(np.abs(mono), starts), 0, 255).astype(np.uint8)
    levels = _levels(mono, starts, audio.rate)
    top = float(levels.max())
    shades = np.clip(np.round(15 * (1 - (top - levels) / _RANGE_DB)), 0, 15).astype(np.uint8).reshape(-1)
    packed = shades[::2] * 16 + shades[1::2]
    return {"seconds": round(audio.duration_s, 2), "wave": _text(peaks.tobytes()), "bands": _text(packed.tobytes())}


def _levels(mono: Float[np.ndarray, "n"], starts: Int[np.ndarray, "t"], rate: int) -> Float[np.ndarray, "t f"]:
    """dB in bands that widen upwards, to 8 kHz, of the beginning of each column."""
    width = int(np.clip(len(mono) // COLUMNS, 64, 1024))
    frames = np.pad(mono, (0, width))[starts[:, None] + np.arange(width)]  # n -> t width
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(width)))) + 1e-10
    hertz = np.geomspace(80, min(8000.0, rate / 2), ROWS + 1)
    edges = np.clip((hertz * width / rate).astype(int), 0, power.shape[1] - 1)
    bands = [power[:, a : max(b, a + 1)].mean(axis=1) for a, b in zip(edges, edges[1:], strict=False)]
    return np.asarray(10 * np.log10(np.stack(bands, axis=1)))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
