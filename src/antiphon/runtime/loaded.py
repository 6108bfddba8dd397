"""A model in memory: its parts, its prompt style, its voice. One object serves every conversation.

It holds no state of a stream. Opening a voice renders its recording once; the opened stream is a value that is never
written to (an utterance forks it), so the last few are kept by the content of the recording.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256

import torch
from jaxtyping import Bool
from torch import Tensor

from antiphon.audio.wave import Audio
from antiphon.errors import ConfigError, InputError
from antiphon.marking.policy import Marking, marking_from
from antiphon.model.voice import Voice, VoiceState
from antiphon.runtime.generate import never
from antiphon.runtime.voicing import default_clip, make_voice, open_voice
from antiphon.text.parse import Parser
from antiphon.text.variants import Variant, variant
from antiphon.tools.tool import Tool
from antiphon.weights.parts import Parts

KEPT_VOICES = 4


@dataclass(frozen=True, eq=False)
class Loaded:
    """Weights and vocabulary, and what follows from them."""

    parts: Parts
    device: torch.device
    marking: Marking = field(default_factory=marking_from)  # of whatever it says
    _voices: dict[tuple[str, int], VoiceState] = field(default_factory=dict, repr=False)

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

    def parser(self, tools: Sequence[Tool] = (), mends: bool = False) -> Parser:
        """A reader of its replies; `mends`: where tools are on offer, what is nearly a call is one."""
        names = frozenset(tool.name for tool in tools)
        return Parser(self.parts.tokenizer, self.parts.layout, names, self.stop_ids, mends=mends and bool(tools))

    def default_voice(self) -> Audio:
        """The recording of the voice it speaks with unless told otherwise. Raises ConfigError if there is none."""
        clip = default_clip(self.parts.voice)
        if clip is None:
            raise ConfigError(f"{self.name} comes without a voice; give a recording of one.")
        return Audio.read(clip)

    def opened(self, clip: Audio, seed: int) -> VoiceState:
        """A stream in the voice of a recording, with nothing said yet; fork it to speak. See `open_voice`."""
        if self.voice is None:
            raise InputError(f"{self.name} has no voice; ask for text.")
        key = sha256(clip.samples.numpy().tobytes() + str(clip.rate).encode()).hexdigest(), seed
        opened = self._voices.get(key)
        if opened is None:
            opened = open_voice(self.voice, clip, seed)
            while len(self._voices) >= KEPT_VOICES:
                self._voices.pop(next(iter(self._voices)), None)
            self._voices[key] = opened
        return opened
