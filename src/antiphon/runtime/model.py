"""A whole model, ready to talk: its parts, its prompt style, its voice. `load` is the door.

    model = antiphon.load("nano")
    model.session()                  a conversation
    model.transcribe(audio)          one task, one string; so are translate, caption, analyse
    model.speak("the sky is blue.")  one task, a stream of events
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool
from torch import Tensor

from antiphon.audio.wave import Audio
from antiphon.errors import ConfigError, InputError
from antiphon.model.voice import Voice
from antiphon.runtime import tasks
from antiphon.runtime.events import Event
from antiphon.runtime.generate import never
from antiphon.runtime.sample import Sampling
from antiphon.runtime.voicing import default_clip, make_voice
from antiphon.text.parse import Parser
from antiphon.text.variants import Variant, variant
from antiphon.tools.tool import Tool
from antiphon.weights.parts import Parts, load_parts

if TYPE_CHECKING:
    from antiphon.runtime.session import Session

DTYPES = ("float32", "bfloat16", "float16")


def load(
    name: str | Path = "nano",
    *,
    device: str | torch.device = "cpu",
    dtype: str | torch.dtype | None = None,
    variant: str | None = None,
) -> "Model":
    """Load a model: a preset ("nano", "mini", ...), a folder, or a hub id.

    `dtype` is that of the language model (its own by default), `variant` replaces its prompt style. Raises WeightsError
    for what is missing or does not fit, ConfigError for a broken configuration, InputError for a device or dtype that
    is not there.
    """
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"the device {str(device)!r} cannot be used here ({reason}); use cpu.") from error
    parts = load_parts(name, device=device, dtype=_dtype(dtype), variant=variant)
    return Model(parts, torch.device(device))


def _dtype(asked: str | torch.dtype | None) -> torch.dtype | None:
    if not isinstance(asked, str):
        return asked
    if asked not in DTYPES:
        raise InputError(f"the dtype {asked!r} was asked for; use one of {', '.join(DTYPES)}.")
    found: torch.dtype = getattr(torch, asked)
    return found


@dataclass(frozen=True, eq=False)
class Model:
    """Weights and vocabulary; no state. One object serves every conversation."""

    parts: Parts
    device: torch.device

    @cached_property
    def variant(self) -> Variant:
        """How it is prompted."""
        return variant(self.parts.config.variant)

    @property
    def name(self) -> str:
        """Its name."""
        return self.parts.config.name

    @property
    def limit(self) -> int:
        """Positions of its context."""
        return self.parts.lm.config.decoder.max_positions

    @cached_property
    def voice(self) -> Voice | None:
        """What speaks; None for a model that answers in text only."""
        return None if self.parts.voice is None else make_voice(self.parts.voice)

    @property
    def speaks(self) -> bool:
        """Whether it can answer aloud."""
        return self.variant.speaks and self.parts.voice is not None

    @cached_property
    def stop_ids(self) -> frozenset[int]:
        """The ids that end a reply."""
        return self.variant.stop_ids(self.parts.tokenizer)

    @cached_property
    def forbidden(self) -> Bool[Tensor, " v"]:
        """The ids that no reply may hold."""
        return never(self.parts.layout, self.parts.tokenizer.num_ids).to(self.device)

    def parser(self, tools: Sequence[Tool] = ()) -> Parser:
        """A reader of its replies."""
        names = frozenset(tool.name for tool in tools)
        return Parser(self.parts.tokenizer, self.parts.layout, names, self.stop_ids)

    def default_voice(self) -> Audio:
        """The recording of the voice it speaks with unless told otherwise. Raises ConfigError if there is none."""
        clip = default_clip(self.parts.voice)
        if clip is None:
            raise ConfigError(f"{self.name} comes without a voice; give a recording of one.")
        return Audio.read(clip)

    def session(
        self,
        system: str | None = None,
        tools: Sequence[Tool] | None = None,
        voice: Audio | str | Path | None = None,
        seed: int = 0,
        sampling: Sampling | None = None,
    ) -> "Session":
        """A conversation. See `antiphon.runtime.session.Session`."""
        from antiphon.runtime.session import Session

        return Session(self, system=system, tools=tools, voice=voice, seed=seed, sampling=sampling)

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
