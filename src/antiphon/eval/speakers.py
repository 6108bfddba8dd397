"""Whose voice is heard: nets that turn a recording into a vector, and by whose vectors two recordings are alike.

    nano, mini, FOLDER     the speaker net of a model of ours; nano's is always there
    FILE.onnx              a graph that hears as CAM++ does: features of 80 bands in, a vector out
    wavlm:FILE.onnx        the published SIM's net, WavLM-large tuned for speaker verification: 16 kHz samples in
    none                   nobody compares

Values of two nets do not compare, so every net gives a metric of its own: `sim_campplus`, `sim_nano`; `sim` is WavLM's.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float

from antiphon.audio.wave import Audio
from antiphon.errors import ConfigError, InputError

__all__ = ["SIM", "Speaker", "open_speaker"]

SIM = "sim"  # the metric of the published tables
WAVLM = "wavlm:"
Net = Callable[[Audio], Float[np.ndarray, " d"]]


@dataclass(frozen=True)
class Speaker:
    """A net that is opened when the first recording comes. `metric` is the name of the figures that it gives."""

    metric: str
    graph: Path
    hears_samples: bool = False

    @cached_property
    def name(self) -> str:
        """As a signature tells it: the file, and the beginning of its hash."""
        return f"{self.graph.stem}#{hashlib.sha256(self.graph.read_bytes()).hexdigest()[:8]}"

    def vector(self, sound: Audio) -> Float[np.ndarray, " d"]:
        """The vector of a recording. Raises InputError for one that is too short, WeightsError for a broken graph."""
        return self._net(sound)

    @cached_property
    def _net(self) -> Net:
        from antiphon.model.speaker import SpeakerNet

        net = SpeakerNet(self.graph)
        if not self.hears_samples:
            return lambda sound: net(sound.heard)[0].cpu().numpy()
        return lambda sound: np.asarray(net.session.run(None, {net.input: sound.heard.numpy()[None]})[0]).reshape(-1)


def open_speaker(spec: str) -> Speaker | None:
    """The net of a name; None for `none`.

    Raises:
        ConfigError: a graph is named that is not there.
        InputError: a model is named that does not speak; WeightsError for one that is not found.
    """
    if spec == "none":
        return None
    place, is_sim = Path(spec.removeprefix(WAVLM)), spec.startswith(WAVLM)
    if is_sim or place.suffix == ".onnx":
        if not place.is_file():
            raise ConfigError(f"the speaker net {place} is not there; give an ONNX graph, a model's name, or none.")
        return Speaker(SIM if is_sim else f"sim_{place.stem}", place, is_sim)
    return _of_model(spec)


def _of_model(name: str) -> Speaker:
    from antiphon.weights.find import find
    from antiphon.weights.folder import open_folder

    found = find(name)
    voice = open_folder(found.folder, variant=found.variant).voice
    if voice is None:
        raise InputError(f"{name} does not speak, so it has no speaker net; name a model that does, such as nano.")
    stem = voice.speaker.stem  # ours is always called speaker.onnx, the released one campplus.onnx
    return Speaker(f"sim_{found.folder.name if stem == 'speaker' else stem}", voice.speaker)
