"""What a speech synthesis engine is: programs of Debian behind one small protocol.

An engine has voices; each voice names its package and its licence, and which controls it obeys by itself. It speaks a
list of utterances at a time, since starting up is what costs most. What a voice does not obey is left to `shaping`,
or is not promised at all (see `prosody.obeys`).
"""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
Span = tuple[str, float, float]  # what, start and end in seconds
Control = Literal["speed", "pitch", "range", "tract", "breath", "rough", "tilt", "gaps"]

SILENCE: Samples = np.zeros(0, np.float32)


@dataclass(frozen=True, kw_only=True)
class Controls:
    """How an utterance is said, against the voice's own way of saying it."""

    speed: float = 1.0  # times as fast
    pitch: float = 1.0  # times as high
    range: float = 1.0  # times the movement of the pitch
    tract: float = 1.0  # times the formants: a child's are 1.25 to 1.35, a woman's 1.15 times a man's
    breath: float = 0.0  # 0 none, 1 a whisper without any tone
    rough: float = 0.0  # 0 smooth, 1 as creaky as it gets
    tilt: float = 0.0  # dB at the upper end of the spectrum: bright above 0, dark below
    gaps: float = 0.0  # seconds of pause after each word


@dataclass(frozen=True, kw_only=True)
class Utterance:
    """A text to be said, by which of the engine's voices, and how."""

    text: str
    voice: str
    controls: Controls = Controls()


@dataclass(frozen=True, kw_only=True)
class Speech:
    """What an engine said: float32 mono in [-1, 1], its rate in Hz, and where words and phones lie, if it tells."""

    audio: Samples
    rate: int
    words: tuple[Span, ...] = ()
    phones: tuple[Span, ...] = ()


NOTHING = Speech(audio=SILENCE, rate=16_000)  # an engine found no way to say it


@dataclass(frozen=True, kw_only=True)
class EngineVoice:
    """A voice of an engine, and what one may do with what it says."""

    name: str
    language: str  # en, zh, zh-latn, yue, ja, fr, de, es or it
    accent: str
    gender: Literal["male", "female", "any"]  # any: the engine makes the speaker it is asked for
    package: str
    licence: str
    obeys: frozenset[Control]


@runtime_checkable
class Engine(Protocol):
    """A plug-in: one program or library of Debian."""

    name: str
    package: str

    @property
    def voices(self) -> tuple[EngineVoice, ...]:
        """All voices that the engine could have, installed or not."""
        ...

    def installed(self) -> bool:
        """Whether the engine itself is on this machine."""
        ...

    def has(self, voice: EngineVoice) -> bool:
        """Whether one of its voices is on this machine."""
        ...

    def speak(self, utterances: Sequence[Utterance]) -> list[Speech]:
        """Say each text; `NOTHING` stands for one that could not be said. A pure function of each utterance."""
        ...


def missing(package: str) -> str:
    """The sentence about a package that is not there."""
    return f"the Debian package {package} is not installed; run `apt-get install {package}` to speak with it"


@cache
def version(package: str) -> str:
    """The version of a Debian package, or "unknown" where there is no dpkg to ask."""
    if shutil.which("dpkg-query") is None:
        return "unknown"
    asked = subprocess.run(["dpkg-query", "-W", "-f=${Version}", package], capture_output=True, text=True)
    return asked.stdout.strip() or "unknown"
