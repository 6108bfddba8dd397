"""Sound of a socket, both ways: bytes in the client's format to what the model hears, and what it speaks to bytes.

The rates differ, so both ways are streams that carry what the resampler still needs; what comes in is handed on by at
most a second, so that nobody else waits long.
"""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from antiphon.audio.resample import Resampler, ResampleState
from antiphon.rates import HEARD_HZ, SPOKEN_HZ
from antiphon.server.protocol.formats import Format, decode, encode, rate_hz

PCM_SCALE = 32768.0


class SoundIn:
    """What a client sends, as the model hears it."""

    def __init__(self, form: Format) -> None:
        self.form = form
        self._resampler = Resampler(rate_hz(form), HEARD_HZ)
        self._state: ResampleState | None = None

    def take(self, data: bytes) -> Iterator[Float[Tensor, " n"]]:
        """The samples at 16 kHz that some bytes complete, at most a second at a time.

        Raises:
            Refusal: half a sample.
        """
        samples = decode(self.form, data)
        second = rate_hz(self.form)
        for first in range(0, len(samples), second):
            wave = torch.from_numpy(samples[first : first + second].astype(np.float32) / PCM_SCALE)
            heard, self._state = self._resampler(wave[None], self._state, final=False)
            yield heard[0]


class SoundOut:
    """What the model speaks, in a client's format. One for each item: `final` brings what the resampler holds back."""

    def __init__(self, form: Format) -> None:
        self.form = form
        self._resampler = Resampler(SPOKEN_HZ, rate_hz(form))
        self._state: ResampleState | None = None

    def give(self, samples: Float[Tensor, " n"], final: bool = False) -> bytes:
        """The bytes that are complete."""
        wave = samples[None]
        if rate_hz(self.form) != SPOKEN_HZ:
            wave, self._state = self._resampler(wave, self._state, final=final)
        whole = (wave[0] * PCM_SCALE).round().clamp(-PCM_SCALE, PCM_SCALE - 1)
        return encode(self.form, whole.to(torch.int16).numpy())
