"""The shape of the mark: which stretch of the spectrum is a little louder or softer, and for how long.

    5.5 kHz  + - - + +          one column is 256 samples (10.7 ms), 96 columns are a period (1.02 s)
             - + + - -          one row is a pair of bands of 141 Hz: where the sign is +, the lower one is a little
             - - + + -          louder and the upper one as much softer, so that their sum stays what it was
    375 Hz   + + - - +

How much is shaped by hearing. The ear adds up what lies within one critical band (its equivalent rectangular bandwidth,
Glasberg and Moore 1990). From 2.4 kHz on such a band holds a whole pair, whose sum is kept: there a row is 0.96 dB.
Below, the two halves are heard apart, the more so the lower they lie, and most of a voice's power is there: the gain
falls with the part of a pair that a critical band holds, to 0.2 dB. That leaves the mark 27 to 32 dB below the voice.

A column is a filter of 512 taps that looks only backwards: the minimum-phase one of those gains. So the mark needs no
sample of the future and costs no delay. Taps are whole numbers, for reasons that `mark.py` gives.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Float

from antiphon.marking.key import Key
from antiphon.rates import SPOKEN_HZ, exact_div

RATE = SPOKEN_HZ  # the mark is made and looked for at this rate
HOP = 256  # samples of a column
PERIOD = 96  # columns
TAPS = 512
BIN_HZ = SPOKEN_HZ / TAPS
BAND = 3  # bins
FIRST_BIN = 8  # 375 Hz
PAIRS = 18  # up to 5.4 kHz
GAIN = 0.11  # of the logarithm of the amplitude, where the ear does not part a pair: 0.96 dB
FALL = 1.25  # power of the part of a pair that a critical band holds
SIZE = 2 * HOP + TAPS  # of the Fourier transform that carries one column: its input, and its filter's echo
TAP_SCALE = 1 << 14
PERIOD_S = PERIOD * HOP / RATE
FINE = exact_div(8192, TAPS)  # points of the design for one bin


@lru_cache(maxsize=4)
def signs(key: Key) -> Float[np.ndarray, "columns pairs"]:
    """What a key says of every column and pair of bands."""
    return key.signs(PERIOD, PAIRS)


def pair_gains() -> Float[np.ndarray, " pairs"]:
    """How much louder or softer each pair gets, as a logarithm of the amplitude."""
    wide_hz = 2 * BAND * BIN_HZ
    middle_hz = (FIRST_BIN - 0.5) * BIN_HZ + wide_hz * (np.arange(PAIRS) + 0.5)
    critical_hz = 24.7 * (4.37e-3 * middle_hz + 1)  # Glasberg and Moore, Hearing Research 47, 1990, equation 3
    return np.asarray(GAIN * np.minimum(1.0, critical_hz / wide_hz) ** FALL)


@lru_cache(maxsize=4)
def taps(key: Key) -> Float[np.ndarray, "columns taps"]:
    """What each column adds to a sound, as a filter in whole numbers: the marked sound is x + taps * x / TAP_SCALE."""
    size = FINE * TAPS
    gains = np.zeros((PERIOD, size // 2 + 1))
    bins = np.arange(size // 2 + 1) / FINE
    for pair, column in enumerate((signs(key) * pair_gains()).T):
        first = FIRST_BIN + 2 * BAND * pair - 0.5
        for place, sign in ((first, 1), (first + BAND, -1)):
            gains[:, (bins >= place) & (bins < place + BAND)] += sign * column[:, None]
    cepstrum = np.fft.irfft(gains, size, axis=1)
    cepstrum[:, 1 : size // 2] *= 2  # folded forwards: the filter of minimum phase
    cepstrum[:, size // 2 + 1 :] = 0
    filters = np.fft.irfft(np.exp(np.fft.rfft(cepstrum, axis=1)), size, axis=1)[:, :TAPS]
    filters[:, 0] -= 1
    fade = np.ones(TAPS)
    fade[TAPS // 2 :] = 0.5 + 0.5 * np.cos(np.pi * np.arange(TAPS // 2) / (TAPS // 2))
    return np.asarray(np.rint(filters * fade * TAP_SCALE))


@lru_cache(maxsize=4)
def spectra(key: Key) -> np.ndarray:
    """The same as factors of a spectrum, [columns, SIZE / 2 + 1]."""
    return np.asarray(np.fft.rfft(taps(key), SIZE, axis=1))
