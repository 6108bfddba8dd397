"""Codes to sound while they come: the plan of chunks, and one utterance of a voice.

    codes    |-- 10+3 --|-- 10 --|---- 15 ----|-------- 25 --------|-------- 25 --------| rest, final
    sound         |-----|--------|------------|--------------------|--------------------|------------

The flow hears each chunk as a block, so the plan is part of the result: it depends on the number of codes alone, never
on when they came. The first chunk is short, for an early first sound, and the next are no longer than what has sounded
until then gives time for.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from antiphon.model.voice import Voice, VoiceState
from antiphon.nn.state import fork, leaves, row, stack
from antiphon.runtime.caches import grown

FIRST_CHUNK, CHUNK = 10, 25  # codes that become audible with the first call, and with most of the later ones
GROWING = (10, 15)  # with those between


class Utterer:
    """One utterance: push codes, take sound; `finish` brings the rest. The opened voice is left as it was."""

    def __init__(self, voice: Voice, opened: VoiceState) -> None:
        self.voice, self.state = voice, fork(opened)
        self.held: list[int] = []
        self.wanted = FIRST_CHUNK + voice.flow.config.conformer.look_ahead
        self._growing = list(GROWING)

    def push(self, codes: Iterable[int]) -> Iterator[Float[Tensor, " n"]]:
        """The sound that became complete."""
        for code in codes:
            if self.hold(code):
                yield self.render()

    def hold(self, code: int) -> bool:
        """Take one code in; whether a chunk is complete, which must then be rendered before the next code comes."""
        self.held.append(code)
        return len(self.held) == self.wanted

    def finish(self) -> Iterator[Float[Tensor, " n"]]:
        """What is left; nothing where nothing was ever pushed."""
        if self.held or len(self._growing) < len(GROWING):
            yield self.render(final=True)

    @torch.inference_mode()
    def render(self, *, final: bool = False) -> Float[Tensor, " n"]:
        """The sound of the codes that are held."""
        codes, state = self._take()
        wave, self.state = self.voice(codes, state, final)
        sound: Tensor = wave[0].float().cpu()
        return sound

    def _take(self) -> tuple[Tensor, VoiceState]:
        """The codes that are held, which then are no more, and the state to say them from."""
        codes = torch.tensor([self.held], dtype=torch.int64, device=self.state.flow.speaker.device)
        self.held, self.wanted = [], self._growing.pop(0) if self._growing else CHUNK
        return codes, with_room(self.state, codes.shape[1])


def stage(utterer: Utterer) -> tuple[torch.Size, ...]:
    """What two utterances must have in common to be rendered together: the shapes of all that they remember."""
    return tuple(tensor.shape for _, tensor in leaves(utterer.state))


@torch.inference_mode()
def render_together(utterers: Sequence[Utterer]) -> list[Float[Tensor, " n"]]:
    """A complete chunk of several utterances of one stage at once: less work, and other rounding than one by one."""
    taken = [utterer._take() for utterer in utterers]
    codes, state = torch.cat([codes for codes, _ in taken]), stack([state for _, state in taken])
    waves, state = utterers[0].voice(codes, state, False)
    for number, utterer in enumerate(utterers):
        utterer.state = fork(row(state, number))
    return list(waves.float().cpu())


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
