"""Speech at another speed, its pitch kept: FFmpeg's `atempo` between the vocoder and the mark.

    mouth ── sound at the model's own speed ──> Stretch ──> faster or slower ── mark ──> client

The mark would not outlive it, so it comes behind. This is for what is read aloud; in a conversation what was heard is
counted in codes, and the model speaks at its own speed.
"""

from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from antiphon.audio.wave import Audio
from antiphon.rates import SPOKEN_HZ
from antiphon.runtime.engine import Mouth, Voices
from antiphon.server.protocol.refusal import INVALID_VALUE, Refusal

MOST = 2.0  # of one filter: beyond it, it leaves sound out instead of joining it; below its inverse it is not defined


class Stretch:
    """A stream of sound at another speed; the same pieces give the same sound."""

    def __init__(self, speed: float) -> None:
        """Raises Refusal where FFmpeg is not installed."""
        try:
            import av
        except ImportError:
            what = "Another speed needs a library that this server lacks (antiphon[webrtc]); leave speed out."
            raise Refusal(what, code=INVALID_VALUE, param="speed") from None
        self._av, self._position = av, 0
        self._graph = av.filter.Graph()
        base = Fraction(1, SPOKEN_HZ)
        nodes = [self._graph.add_abuffer(sample_rate=SPOKEN_HZ, format="flt", layout="mono", time_base=base)]
        nodes += [self._graph.add("atempo", str(factor)) for factor in factors(speed)]
        nodes.append(self._graph.add("abuffersink"))
        for one, other in zip(nodes, nodes[1:], strict=False):
            one.link_to(other)
        self._graph.configure()

    def push(self, wave: Float[Tensor, " n"]) -> Iterator[Float[Tensor, " m"]]:
        """The sound that became ready."""
        frame = self._av.AudioFrame.from_ndarray(wave.numpy().reshape(1, -1), format="flt", layout="mono")
        frame.sample_rate, frame.pts = SPOKEN_HZ, self._position
        self._position += len(wave)
        self._graph.push(frame)
        yield from self._ready()

    def finish(self) -> Iterator[Float[Tensor, " m"]]:
        """What is left."""
        self._graph.push(None)
        yield from self._ready()

    def _ready(self) -> Iterator[Float[Tensor, " m"]]:
        while True:
            try:
                frame: Any = self._graph.pull()
            except (BlockingIOError, EOFError):
                return
            yield torch.from_numpy(np.array(frame.to_ndarray()[0]))


def factors(speed: float) -> list[float]:
    """A speed as a product of speeds that one filter can do."""
    found = list[float]()
    while not 1 / MOST <= speed <= MOST:
        found.append(MOST if speed > 1 else 1 / MOST)
        speed /= found[-1]
    return [*found, speed]


@dataclass(frozen=True)
class PacedVoices:
    """Voices that speak faster or slower. See `Voices`."""

    voices: Voices
    speed: float

    def utter(self, clip: Audio | None = None, seed: int = 0) -> "PacedMouth":
        return PacedMouth(self.voices.utter(clip, seed), Stretch(self.speed))

    async def close(self) -> None:
        await self.voices.close()


@dataclass(frozen=True)
class PacedMouth:
    """A mouth whose sound is stretched. See `Mouth`."""

    mouth: Mouth
    stretch: Stretch

    def push(self, codes: Iterable[int]) -> None:
        self.mouth.push(codes)

    def finish(self) -> None:
        self.mouth.finish()

    def stop(self) -> None:
        self.mouth.stop()

    async def __aiter__(self) -> AsyncIterator[Float[Tensor, " n"]]:
        async for wave in self.mouth:
            for stretched in self.stretch.push(wave):
                yield stretched
        for stretched in self.stretch.finish():
            yield stretched
