"""Voice: what speaks. A clip says whose voice it is, codes say what is spoken, and 24 kHz sound comes out.

    clip ─ tokenizer, mel, speaker net ─> VoicePrompt ─open─> VoiceState
    codes ──────────────── flow ─ mel ─ vocoder ─ joins ────> sound, 960 samples a code

A stream hands in codes as they come, in any numbers; three of them (120 ms) and eight frames of sound (160 ms) are held
back until what follows is known, and nothing is lost at the end. `whole` is the offline rendering.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from antiphon.audio.mel import log_mel
from antiphon.audio.spoken_mel import spoken_mel
from antiphon.audio.wave import Audio
from antiphon.errors import InputError
from antiphon.model.conformer import HISTORY
from antiphon.model.flow import Flow, FlowState
from antiphon.model.hift import HiFT, HiFTState
from antiphon.model.joins import ReleasedState, init_released, released_join
from antiphon.model.sampler import FlowOptions
from antiphon.model.speaker import SpeakerNet
from antiphon.model.speech_tokenizer import SpeechTokenizer
from antiphon.nn.noise import Noise
from antiphon.nn.state import state
from antiphon.rates import SPOKEN_HZ

JOINS = ("smooth", "released")


@dataclass(frozen=True)
class VoicePrompt:
    """Whose voice: the codes of a clip, its mel (two frames a code) and its speaker embedding."""

    codes: Int[Tensor, "1 t"]
    mel: Float[Tensor, "1 f t2"]
    speaker: Float[Tensor, "1 d"]


@state
class VoiceState:
    """One spoken stream, or a batch of them."""

    flow: FlowState
    vocoder: HiFTState | ReleasedState


class Voice(nn.Module):
    """Codes [b, t] to sound [b, 960 t]."""

    def __init__(self, tokenizer: SpeechTokenizer, flow: Flow, hift: HiFT, speaker: SpeakerNet | None = None) -> None:
        super().__init__()
        self.tokenizer, self.flow, self.hift = tokenizer, flow, hift
        self.speaker = speaker  # None: prompts are made elsewhere

    @torch.no_grad()
    def prepare(self, clip: Audio) -> VoicePrompt:
        """A voice from a recording of it, at any rate; codes and speaker hear its first channel, the mel all of them.

        The result is worth keeping: it depends on the clip alone. Raises InputError for a clip below 120 ms.
        """
        if self.speaker is None:
            raise InputError("this voice has no speaker net, so a clip cannot be prepared; load the model with one.")
        device = next(self.flow.parameters()).device
        heard = clip.heard.to(device)
        codes = self.tokenizer.encode(log_mel(heard, pad=0)[None])
        if codes.shape[1] < self.flow.config.conformer.look_ahead:
            raise InputError(f"the voice clip lasts {clip.duration_s:.2f} s; give 0.12 s at the least, better 5 s.")
        mel = spoken_mel(clip.mean().at(SPOKEN_HZ).samples.to(device))
        embedding = self.speaker(heard)
        if embedding.shape[1] != self.flow.config.speaker_dim:
            wanted = self.flow.config.speaker_dim
            raise InputError(f"the speaker net has {embedding.shape[1]} outputs, the flow wants {wanted}; match them.")
        return VoicePrompt(codes, at_length(mel, codes.shape[1] * self.flow.frames_per_code), embedding)

    def init_state(
        self,
        batch: int,
        *,
        seed: Int[Tensor, " b"] | int = 0,
        options: FlowOptions | None = None,
        capacity: int = HISTORY,
        joins: str = "smooth",
    ) -> VoiceState:
        """A stream of no particular voice; see `open`."""
        flow = self.flow.init_state(batch, seed=seed, options=options, capacity=capacity)
        return VoiceState(flow=flow, vocoder=self._vocoder(batch, seed, joins))

    def open(
        self,
        prompt: VoicePrompt,
        *,
        seed: Int[Tensor, " b"] | int = 0,
        options: FlowOptions | None = None,
        capacity: int = HISTORY,
        num_prompt: int | None = None,
        joins: str = "smooth",
        noise: Noise | None = None,
    ) -> VoiceState:
        """A stream in this voice. It costs a rendering of the prompt: open once, `fork` for every utterance.

        `capacity` is how many codes the stream may hear, the prompt included; `num_prompt` see `Flow.open`; `joins` is
        "smooth" or "released" (parity); `noise` replaces the seed for the prompt.
        """
        flow = self.flow.open(
            prompt.codes,
            prompt.mel,
            prompt.speaker,
            seed=seed,
            options=options,
            capacity=capacity,
            num_prompt=num_prompt,
            noise=noise,
        )
        return VoiceState(flow=flow, vocoder=self._vocoder(1, seed, joins))

    def forward(
        self,
        codes: Int[Tensor, "b t"],
        state: VoiceState | None = None,
        final: bool = True,
        *,
        noise: Noise | None = None,
        source_noise: Noise | None = None,
        block: int | None = None,
    ) -> tuple[Float[Tensor, "b n"], VoiceState]:
        """The sound that is ready; over the whole stream exactly 960 samples a code.

        `noise` and `source_noise` replace the seeds of flow and vocoder; `block`: see `Flow.forward`.
        Raises InputError for a code outside the code book and CapacityError when the history is full.
        """
        state = self.init_state(len(codes)) if state is None else state
        mel, flow = self.flow(codes, state.flow, final, noise=noise, block=block)
        if isinstance(state.vocoder, ReleasedState):
            wave, vocoder = released_join(self.hift, mel, state.vocoder, final, source_noise)
        else:
            wave, vocoder = self.hift(mel, state.vocoder, final, noise=source_noise)
        return wave, VoiceState(flow=flow, vocoder=vocoder)

    step = forward

    def whole(
        self,
        codes: Int[Tensor, "1 t"],
        prompt: VoicePrompt,
        *,
        seed: int = 0,
        options: FlowOptions | None = None,
        noise: Noise | None = None,
        source_noise: Noise | None = None,
    ) -> Float[Tensor, "1 n"]:
        """The offline rendering: everything hears everything, at the cost of waiting for the last code."""
        mel = self.flow.whole(
            codes, prompt.codes, prompt.mel, prompt.speaker, seed=seed, options=options, noise=noise
        )
        wave: Tensor = self.hift(mel, self.hift.init_state(1, seed=seed), True, noise=source_noise)[0]
        return wave

    def _vocoder(self, batch: int, seed: Int[Tensor, " b"] | int, joins: str) -> HiFTState | ReleasedState:
        if joins not in JOINS:
            raise InputError(f"joins is {joins!r}; it is 'smooth' or 'released'.")
        return self.hift.init_state(batch, seed=seed) if joins == "smooth" else init_released(self.hift, batch, seed)


def at_length(mel: Float[Tensor, "1 f t"], frames: int) -> Float[Tensor, "1 f t2"]:
    """The mel at exactly `frames` frames, as the front ends round apart: the last repeated, or the surplus cut."""
    missing = frames - mel.shape[-1]
    return F.pad(mel, (0, missing), mode="replicate") if missing > 0 else mel[..., :frames]
