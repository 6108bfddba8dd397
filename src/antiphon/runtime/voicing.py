"""From the parts of a model and a recording to a voice that is ready to speak."""

from pathlib import Path

import torch

from antiphon.audio.wave import Audio
from antiphon.errors import InputError
from antiphon.model.speaker import SpeakerNet
from antiphon.model.voice import Voice, VoiceState
from antiphon.weights.find import PRESETS
from antiphon.weights.folder import VOICE_CLIP
from antiphon.weights.parts import VoiceParts

ROOM = 40  # codes that a stream can hear at first, beside the prompt: what is empty is looked at, too; it doubles
LONGEST_S, SHORTEST_S = 15.0, 0.5  # of a voice's recording: more costs memory and time, less says too little


def make_voice(parts: VoiceParts) -> Voice:
    """What speaks, from its loaded parts."""
    return Voice(parts.tokenizer, parts.flow, parts.hift, SpeakerNet(parts.speaker)).eval()


def default_clip(parts: VoiceParts | None) -> Path | None:
    """The recording of the voice that a model brings along, or else the one that ships with the package."""
    own = None if parts is None else parts.clip
    shipped = PRESETS / "nano" / VOICE_CLIP
    return own or (shipped if shipped.exists() else None)


@torch.inference_mode()
def open_voice(voice: Voice, clip: Audio, seed: int) -> VoiceState:
    """A stream that speaks as the recording does, with nothing said yet; to be forked for every utterance.

    Raises InputError for a recording that is too short or too long to take a voice from.
    """
    if not SHORTEST_S <= clip.duration_s <= LONGEST_S:
        raise InputError(
            f"the recording of the voice is {clip.duration_s:.1f} s long; give {SHORTEST_S:g} to {LONGEST_S:g} s."
        )
    prompt = voice.prepare(clip)
    return voice.open(prompt, seed=seed, capacity=prompt.codes.shape[1] + ROOM)
