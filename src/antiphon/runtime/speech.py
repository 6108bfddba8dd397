"""Codes to sound while they come: the plan of chunks, and one utterance of a voice.

    codes    |--- 10+3 ---|-------- 25 --------|-------- 25 --------| rest, final
    sound          |------|--------------------|--------------------|------------

The flow hears each chunk as a block, so the plan is part of the result: it depends on the number of codes alone, never
on when they came. The first chunk is short, for an early first sound.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from antiphon.model.voice import Voice, VoiceState
from antiphon.nn.state import fork
from antiphon.runtime.caches import grown

FIRST_CHUNK, CHUNK = 10, 25  # codes that become audible with the first call, and with every later one


class Utterer:
    """One utterance: push codes, take sound; `finish` brings the rest. The opened voice is left as it was."""

    def __init__(self, voice: Voice, opened: VoiceState) -> None:
        self.voice, self.state = voice, fork(opened)
        self.held: list[int] = []
        self.wanted = FIRST_CHUNK + voice.flow.config.conformer.look_ahead

    def push(self, codes: Iterable[int]) -> Iterator[Float[Tensor, " n"]]:
        """The sound that became complete."""
        for code in codes:
            self.held.append(code)
            if len(self.held) == self.wanted:
                yield self._render(final=False)
                self.wanted = CHUNK

    def finish(self) -> Iterator[Float[Tensor, " n"]]:
        """What is left; nothing where nothing was ever pushed."""
        if self.held or self.wanted == CHUNK:
            yield self._render(final=True)

    @torch.inference_mode()
    def _render(self, final: bool) -> Float[Tensor, " n"]:
        codes = torch.tensor([self.held], dtype=torch.int64, device=self.state.flow.speaker.device)
        self.held = []
        wave, self.state = self.voice(codes, with_room(self.state, codes.shape[1]), final)
        sound: Tensor = wave[0].float().cpu()
        return sound


def with_room(state: VoiceState, num_codes: int) -> VoiceState:
    """The same stream with room for more codes in what the flow remembers."""
    conformer = state.flow.conformer
    heard = int(conformer.slow.length.max()) + conformer.waiting.shape[1] + num_codes
    per_code = conformer.fast.capacity // conformer.slow.capacity
    conformer = replace(conformer, slow=grown(conformer.slow, heard), fast=grown(conformer.fast, heard * per_code))
    return replace(state, flow=replace(state.flow, conformer=conformer))


def render(voice: Voice, opened: VoiceState, codes: Iterable[int]) -> Float[Tensor, " n"]:
    """A whole utterance, the same to the byte as the stream of it."""
    utterer = Utterer(voice, opened)
    parts = [*utterer.push(codes), *utterer.finish()]
    return torch.cat(parts) if parts else torch.zeros(0)
