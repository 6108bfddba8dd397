"""A whole model, ready to talk: its parts, its prompt style, its voice. `load` is the door.

    model = antiphon.load("nano")
    model.session()                  a conversation
    model.transcribe(audio)          one task, one string; so are translate, caption, analyse
    model.speak("the sky is blue.")  one task, a stream of events
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from antiphon.audio.wave import Audio
from antiphon.errors import InputError
from antiphon.marking.policy import marking_from, unmarked
from antiphon.runtime import tasks
from antiphon.runtime.events import Event
from antiphon.runtime.loaded import Loaded
from antiphon.runtime.sample import Sampling
from antiphon.runtime.session import Session
from antiphon.tools.tool import Tool
from antiphon.weights.parts import load_parts

DTYPES = ("float32", "bfloat16", "float16")


def load(
    name: str | Path = "nano",
    *,
    device: str | torch.device = "cpu",
    dtype: str | torch.dtype | None = None,
    variant: str | None = None,
    marked: bool = True,
) -> "Model":
    """Load a model: a preset ("nano", "mini", ...), a folder, or a hub id.

    `dtype` is that of the language model (its own by default), `variant` replaces its prompt style; without `marked`
    what it says bears no mark, and the log tells (`antiphon.marking`). Raises WeightsError for what is missing or does
    not fit, ConfigError for a broken configuration, InputError for a device or dtype that is not there.
    """
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"the device {str(device)!r} cannot be used here ({reason}); use cpu.") from error
    parts = load_parts(name, device=device, dtype=_dtype(dtype), variant=variant)
    return Model(parts, torch.device(device), marking_from() if marked else unmarked("load was told to"))


def _dtype(asked: str | torch.dtype | None) -> torch.dtype | None:
    if not isinstance(asked, str):
        return asked
    if asked not in DTYPES:
        raise InputError(f"the dtype {asked!r} was asked for; use one of {', '.join(DTYPES)}.")
    found: torch.dtype = getattr(torch, asked)
    return found


class Model(Loaded):
    """A model to talk with; see the top of this file."""

    def session(
        self,
        system: str | None = None,
        tools: Sequence[Tool] | None = None,
        voice: Audio | str | Path | None = None,
        seed: int = 0,
        sampling: Sampling | None = None,
        consent: str = "",
    ) -> Session:
        """A conversation. See `antiphon.runtime.session.Session`."""
        return Session(
            self, system=system, tools=tools, voice=voice, seed=seed, sampling=sampling, consent=consent
        )

    # --- one task, one answer -----------------------------------------------------------------------------------------

    def transcribe(self, audio: Audio) -> str:
        """What is said in a recording. Raises InputError for a task that the model has not learnt (so do all these)."""
        return tasks.transcribe(self, audio)

    def speak(
        self, text: str, *, voice: Audio | str | Path | None = None, seed: int = 0, max_tokens: int | None = None
    ) -> Iterator[Event]:
        """A text read aloud."""
        return tasks.speak(self, text, voice=voice, seed=seed, max_tokens=max_tokens)

    def translate(self, audio: Audio, to: str = "en") -> str:
        """What is said in a recording, in another language: en, zh or ja."""
        return tasks.translate(self, audio, to)

    def interpret(
        self, audio: Audio, to: str = "en", *, voice: Audio | str | Path | None = None, seed: int = 0
    ) -> Iterator[Event]:
        """The same aloud: en or zh."""
        return tasks.interpret(self, audio, to, voice=voice, seed=seed)

    def caption(self, audio: Audio) -> str:
        """What happens in a recording, in short."""
        return tasks.caption(self, audio)

    def analyse(self, audio: Audio) -> str:
        """Everything that is to be heard in a recording: words, speakers, surroundings."""
        return tasks.analyse(self, audio)
