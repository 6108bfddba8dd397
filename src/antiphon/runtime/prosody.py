"""Does it sound as if somebody has finished? The tune of the last second before a pause.

    pitch   ──╮   finished: it falls low       ──╭─  a question: it rises       ────  it stays level: more will come
              ╰──                              ──╯

A rule of thumb and no model: how far the last voiced stretch lies from the pitch before it, in semitones. It is one of
two witnesses of `SemanticVad`.
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from antiphon.rates import HEARD_HZ

FRAME, HOP = 640, 320  # samples: 40 ms, every 20 ms
LOWEST_HZ, HIGHEST_HZ = 70, 400
VOICED = 0.45  # of the autocorrelation: less is no voice
NEAR_BEST = 0.85  # of the greatest likeness: a lag as good as any
QUIET = 0.05  # of the greatest energy: less is no voice
LAST_FRAMES = 6  # the stretch that is compared, 120 ms of voice
LEAST_FRAMES = 15  # voiced frames below which nothing can be said
LEVEL_ENDING, FAR_SEMITONES = 0.25, 4.0  # of a level tune; and a step after which the end is nearly certain


def ending(samples: Float[ndarray, " n"]) -> float | None:
    """How much the end of a voice sounds like the end of what was to be said, 0 to 1; None where no tune is heard.

    `samples`: the last second or two at 16 kHz, up to where the voice ended.
    """
    pitch = _pitch(samples)
    voiced = pitch[pitch > 0]
    if len(voiced) < LEAST_FRAMES:
        return None
    before, last = voiced[:-LAST_FRAMES], voiced[-LAST_FRAMES:]
    step = abs(12 * float(np.log2(np.median(last) / np.median(before))))
    return min(1.0, LEVEL_ENDING + (1 - LEVEL_ENDING) * step / FAR_SEMITONES)


def _pitch(samples: Float[ndarray, " n"]) -> Float[ndarray, " t"]:
    """Pitch in Hz every 20 ms by autocorrelation; 0 where there is no voice."""
    if len(samples) < FRAME:
        return np.zeros(0)
    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::HOP] * np.hanning(FRAME)
    power = np.abs(np.fft.rfft(frames, 2 * FRAME)) ** 2
    likeness = np.fft.irfft(power)[:, :FRAME]  # t lag
    energy = likeness[:, :1]
    shape = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(FRAME), 2 * FRAME)) ** 2)[:FRAME]  # what the window alone does
    first, last = HEARD_HZ // HIGHEST_HZ, HEARD_HZ // LOWEST_HZ
    fair = likeness[:, first:last] / np.maximum(energy, 1e-12) / (shape[first:last] / shape[0])
    is_peak = (fair[:, 1:-1] > fair[:, :-2]) & (fair[:, 1:-1] >= fair[:, 2:])
    is_good = is_peak & (fair[:, 1:-1] >= NEAR_BEST * fair.max(1, keepdims=True))
    lag = first + 1 + is_good.argmax(1)  # the shortest good one: its multiples are as alike
    is_voiced = is_good.any(1) & (fair.max(1) > VOICED) & (energy[:, 0] > QUIET * energy.max())
    return np.where(is_voiced, HEARD_HZ / lag, 0.0)
