"""Speech at another speed, its pitch kept: FFmpeg's `atempo` between the vocoder and the mark.

    mouth ── sound at the model's own speed ──> Stretch ──> faster or slower ── mark ──> client

The mark would not outlive it, so it comes behind. An utterance of n samples becomes one of n / speed, to the sample, so
that what was heard of it can still be counted in codes (`heard.py`).
"""

from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from importlib.util import find_spec
from math import floor
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from antiphon.errors import InputError
from antiphon.rates import SPOKEN_HZ, exact_div
from antiphon.runtime.engine import Mouth
from antiphon.runtime.heard import EXACT

PER_MS = exact_div(SPOKEN_HZ, 1000)  # samples
MOST = 2.0  # of one filter: beyond it, it leaves sound out instead of joining it; below its inverse it is not defined


def check(speed: float) -> None:
    """Raises InputError for another speed than the model's own where FFmpeg is not installed."""
    if speed != 1.0 and find_spec("av") is None:
        raise InputError("another speed needs a library that is not installed (antiphon[webrtc]); leave speed out.")


class Stretch:
    """A stream of sound at another speed; the same pieces give the same sound."""

    def __init__(self, speed: float) -> None:
        """Raises InputError where FFmpeg is not installed."""
        check(speed)
        import av

        self._av, self._speed = av, speed
        self._position = self._made = 0  # samples that were pushed, and that were yielded
        self._ready = torch.zeros(0)
        self._graph = av.filter.Graph()
        base = Fraction(1, SPOKEN_HZ)
        nodes = [self._graph.add_abuffer(sample_rate=SPOKEN_HZ, format="flt", layout="mono", time_base=base)]
        nodes += [self._graph.add("atempo", str(factor)) for factor in factors(speed)]
        nodes.append(self._graph.add("abuffersink"))
        for one, other in zip(nodes, nodes[1:], strict=False):
            one.link_to(other)
        self._graph.configure()

    def push(self, wave: Float[Tensor, " n"]) -> Iterator[Float[Tensor, " m"]]:
        """The sound that became ready, whole milliseconds of it."""
        frame = self._av.AudioFrame.from_ndarray(wave.numpy().reshape(1, -1), format="flt", layout="mono")
        frame.sample_rate, frame.pts = SPOKEN_HZ, self._position
        self._position += len(wave)
        self._graph.push(frame)
        self._ready = torch.cat([self._ready, *self._pulled()])
        if whole := min(len(self._ready), self._due()) // PER_MS * PER_MS:
            yield self._taken(whole)

    def finish(self) -> Iterator[Float[Tensor, " m"]]:
        """What is left; where the filter ends early there is silence."""
        self._graph.push(None)
        if due := self._due():
            self._ready = torch.cat([self._ready, *self._pulled(), torch.zeros(due)])
            yield self._taken(due)

    def _due(self) -> int:
        """Samples that what was pushed becomes and that were not yielded."""
        return floor(round(self._position / self._speed, EXACT)) - self._made

    def _taken(self, samples: int) -> Float[Tensor, " m"]:
        wave, self._ready = self._ready[:samples], self._ready[samples:]
        self._made += samples
        return wave

    def _pulled(self) -> Iterator[Float[Tensor, " m"]]:
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
class PacedMouth:
    """A mouth whose sound is stretched. See `Mouth`, but for its 960 samples a code: they become 960 / speed."""

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


def paced(mouth: Mouth, speed: float) -> Mouth:
    """A mouth that speaks so many times as fast."""
    return mouth if speed == 1.0 else PacedMouth(mouth, Stretch(speed))
