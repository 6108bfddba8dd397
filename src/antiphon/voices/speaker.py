"""Whose voice a clip has, by the speaker net of a model: the vectors that a library is searched by."""

import hashlib
from pathlib import Path

import numpy as np
from jaxtyping import Float

from antiphon.audio.wave import Audio
from antiphon.errors import InputError
from antiphon.model.speaker import SpeakerNet
from antiphon.voices.store import unit
from antiphon.weights.find import find
from antiphon.weights.folder import open_folder


class Ears:
    """A model's speaker net. `net` is the beginning of its file's hash: vectors of two nets do not compare."""

    def __init__(self, model: str | Path = "nano") -> None:
        """Raises InputError for a model without a voice, WeightsError for one that is not found or broken."""
        found = find(model)
        voice = open_folder(found.folder, variant=found.variant).voice
        if voice is None:
            raise InputError(f"{model} does not speak, so it has no speaker net; give a model that does, such as nano.")
        self.net = hashlib.sha256(voice.speaker.read_bytes()).hexdigest()[:16]
        self._speaker = SpeakerNet(voice.speaker)

    def __call__(self, sound: Audio) -> Float[np.ndarray, " d"]:
        """The vector of a clip, of length 1."""
        return unit(self._speaker(sound.heard)[0].cpu().numpy())
