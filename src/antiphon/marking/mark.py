"""A sound with the mark in it: the same samples, each with a little of those before it added.

    sample     0      256     512     768          column c is heard through the window of its 512 samples, windows
    column     |\\  0  /|\\  2  /|                    overlap by half; the echo of each runs 511 samples on
               |/  1  \\|/  3  \\|

The state is the position and the last 511 samples: the phase of the mark is the position of the sample in its
utterance, and nothing else. What is added is computed in whole numbers. Their transforms are rounded to the nearest
whole number, and are exact thereby: a stream in any chunks gets the bytes of the whole, on every machine.
"""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from antiphon.marking.key import PUBLISHED, Key
from antiphon.marking.pattern import HOP, PERIOD, SIZE, TAP_SCALE, TAPS, spectra

SAMPLE_SCALE = 1 << 18  # samples as whole numbers; 2^18 * 2^14 * sums of taps stay far below the 2^53 of float64
LOUDEST = 2.0  # what lies beyond is marked as if it were this
STRETCH = 128 * HOP  # samples worked on at a time
ECHO = TAPS - 1
WINDOW = np.sin(np.pi * (np.arange(2 * HOP) + 0.5) / (2 * HOP)) ** 2  # two of them, a hop apart, add up to 1


@dataclass(frozen=True)
class MarkState:
    """A stream under way: how many samples it has had, and the last of them."""

    position: int = 0
    tail: Float[np.ndarray, " t"] = field(default_factory=lambda: np.zeros(ECHO))


def mark(
    samples: Float[np.ndarray, " n"], state: MarkState | None = None, key: Key = PUBLISHED
) -> tuple[Float[np.ndarray, " n"], MarkState]:
    """The marked samples, as many as there were, at 24 kHz and full scale 1; float32 in, float32 out."""
    state = MarkState() if state is None else state
    marked = [np.zeros(0, np.float32)]
    for first in range(0, len(samples), STRETCH):
        part = samples[first : first + STRETCH]
        heard = np.concatenate([state.tail, np.clip(part.astype(np.float64), -LOUDEST, LOUDEST)])
        added = _added(heard, state.position - ECHO, spectra(key))[ECHO:]
        marked.append(part + added.astype(np.float32))
        state = MarkState(state.position + len(part), heard[-ECHO:])
    return np.concatenate(marked), state


def _added(heard: Float[np.ndarray, " n"], begin: int, filters: np.ndarray) -> Float[np.ndarray, " n"]:
    """What the columns add to samples, the first of which has the position `begin`; right behind the first 511."""
    first, last = begin // HOP - 1, (begin + len(heard) - 1) // HOP  # a column begins at HOP times its number
    before = begin - first * HOP
    padded = np.zeros((last - first + 2) * HOP)
    padded[before : before + len(heard)] = heard
    blocks = np.lib.stride_tricks.sliding_window_view(padded, 2 * HOP)[::HOP]
    columns = np.arange(first, last + 1) % PERIOD
    whole = np.rint(blocks * WINDOW * SAMPLE_SCALE)
    echoes = np.rint(np.fft.irfft(np.fft.rfft(whole, SIZE, axis=1) * filters[columns], SIZE, axis=1))
    hops = echoes.reshape(len(blocks), SIZE // HOP, HOP)
    total = np.zeros((len(blocks) + SIZE // HOP, HOP))
    for part in range(SIZE // HOP):
        total[part : part + len(blocks)] += hops[:, part]
    return total.reshape(-1)[before : before + len(heard)] / (SAMPLE_SCALE * TAP_SCALE)
