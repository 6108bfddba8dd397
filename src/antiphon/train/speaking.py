"""Codes made audible while a language model trains, by a model's voice."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from antiphon.audio.wave import Audio
from antiphon.errors import ConfigError
from antiphon.runtime.speech import render
from antiphon.runtime.voicing import default_clip, make_voice, open_voice
from antiphon.weights.parts import load_voice


class Speaker:
    """The voice of a model (a preset, a folder, a hub id), loaded without its language model."""

    def __init__(self, model: str, device: torch.device) -> None:
        """Raises ConfigError if the model does not speak."""
        parts = load_voice(model, device=device)
        clip = default_clip(parts)
        if parts is None or clip is None:
            raise ConfigError(f"samples are to be spoken by {model}, which has no voice; name a model that speaks.")
        self.voice, self.device = make_voice(parts), device
        with self._exactly():
            self.opened = open_voice(self.voice, Audio.read(clip), 0)

    def say(self, codes: Sequence[int]) -> Float[Tensor, " n"]:
        """The sound of these codes at 24 kHz."""
        with self._exactly():
            return render(self.voice, self.opened, codes)

    def _exactly(self) -> torch.autocast:
        """As it will speak, at whatever precision the training works."""
        return torch.autocast(self.device.type, enabled=False)
