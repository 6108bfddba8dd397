"""Stage: a speaker net. Whose voice is this? The layer before the answer is the voice's vector.

The answer is the nearest of one learned direction a voice, by cosine; the right one must win by a margin. Voices are
drawn before clips, so that a voice with few recordings counts as much as one with many.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from antiphon.audio.fbank import FRAME
from antiphon.errors import InputError, WeightsError
from antiphon.metrics.speaker import similarities
from antiphon.rates import HEARD_HZ, MEL_HOP
from antiphon.train.codec.draw import generator, num_samples, padded, split
from antiphon.train.codec.parts import below, filled, finished, open_model
from antiphon.train.codec.speaker_net import SpeakerConvs, SpeakerSizes, write_onnx
from antiphon.train.features import BANDS, Clip, by_voice
from antiphon.train.prepare import with_shards
from antiphon.train.run import Run
from antiphon.train.stage import Group, Losses, Place, Stage, Turn

FILE = "speaker.onnx"  # the name in a model's folder


@dataclass(frozen=True, kw_only=True)
class SpeakerTraining:
    """What the stage needs to know."""

    data: tuple[str, ...]  # folders of shards: names in the recipe's data folder, or paths
    held_out: tuple[str, ...] = ()
    prepare: str = ""  # module:function(folder, small) that makes what is missing of them
    small: bool = False  # a smoke run: `prepare` makes very little
    sizes: SpeakerSizes = field(default_factory=SpeakerSizes)
    lr: float = 2e-3
    num_clips: int = 64  # of a step
    frames: int = 150  # of each clip, at 100 Hz
    sharpness: float = 20.0  # by which cosines become scores
    margin: float = 0.1  # by which the right voice must win
    longest_s: float = 30.0
    num_held_out: int = 256
    keep_features: bool = True

    def smoke(self) -> "SpeakerTraining":
        """Everything once, quickly."""
        return replace(self, small=True, num_clips=8, num_held_out=4)


@dataclass(frozen=True)
class Stretch:
    """A stretch of a clip that begins at this frame."""

    clip: Clip
    at: int
    frames: int

    @property
    def id(self) -> str:
        return f"{self.clip.id}@{self.at}"

    @property
    def size(self) -> int:
        """Frames at 100 Hz."""
        return self.frames


class Batch(NamedTuple):
    """Stretches, and whose they are."""

    bands: Float[Tensor, "b t f"]
    voice: Int[Tensor, " b"]


class SpeakerTrainee(nn.Module):
    """The net, and a direction for each voice."""

    def __init__(self, sizes: SpeakerSizes, num_voices: int) -> None:
        super().__init__()
        self.net = SpeakerConvs(sizes)
        self.voices = nn.Parameter(torch.randn(num_voices, sizes.dim))

    def forward(self, bands: Float[Tensor, "b t f"]) -> Float[Tensor, "b v"]:
        """The cosine to each voice."""
        return F.normalize(self.net(bands).float(), dim=-1) @ F.normalize(self.voices.float(), dim=-1).T


class SpeakerStage(Stage):
    """See the top of the file."""

    def __init__(self, options: SpeakerTraining, *, seed: int, device: torch.device) -> None:
        self.options, self.seed, self.device = options, seed, device
        shortest_s = (FRAME + MEL_HOP * options.frames) / HEARD_HZ
        self.corpus, learned, held = split(
            options.data, options.held_out, shortest_s, options.longest_s, keep=options.keep_features
        )
        self.clips = by_voice(learned)
        self.names = sorted(self.clips)
        if len(self.names) < 2:
            raise InputError(f"the data have one voice ({self.names[0]}); a speaker net learns from two or more.")
        self.held = held[:: max(1, len(held) // options.num_held_out)][: options.num_held_out]
        torch.manual_seed(seed)
        self.model: SpeakerTrainee = SpeakerTrainee(options.sizes, len(self.names)).to(device)
        self.weights = {"voice": 1.0}

    def turns(self) -> Sequence[Turn]:
        """One: all of it."""
        return [Turn(name="all", groups=[Group(parameters=list(self.model.parameters()), lr=self.options.lr)])]

    def items(self, step: int) -> Sequence[Stretch]:
        """A stretch each of clips of random voices."""
        rng, frames, drawn = generator(self.seed, step), self.options.frames, []
        for voice in rng.integers(len(self.names), size=self.options.num_clips):
            clips = self.clips[self.names[voice]]
            clip = clips[int(rng.integers(len(clips)))]
            length = 1 + (num_samples(clip, HEARD_HZ) - FRAME) // MEL_HOP
            drawn.append(Stretch(clip, int(rng.integers(length - frames + 1)), frames))
        return drawn

    def batch(self, items: Sequence[Stretch]) -> Batch:  # type: ignore[override]
        """Their bands."""
        rows = [self.corpus.feature(item.clip, BANDS)[item.at : item.at + item.frames] for item in items]
        voices = torch.tensor([self.names.index(item.clip.voice) for item in items])
        return Batch(padded(rows, self.options.frames).float().to(self.device), voices.to(self.device))

    def counts(self, batch: Batch) -> dict[str, float]:
        """Stretches."""
        return {"voice": float(len(batch.voice))}

    def losses(self, batch: Batch, turn: str, step: int) -> Losses:
        """Cross-entropy of the voices, behind the margin."""
        cosine = self.model(batch.bands)
        behind = cosine - self.options.margin * F.one_hot(batch.voice, len(self.names))
        return {"voice": F.cross_entropy(self.options.sharpness * behind, batch.voice, reduction="sum")}

    def evaluate(self, step: int) -> dict[str, float]:
        """Accuracy on held-out clips of known voices; cosine within voices, known or not, less that between them."""
        vectors, right, known = [], 0, 0
        for clip in self.held:
            bands = torch.from_numpy(self.corpus.feature(clip, BANDS).astype(np.float32))[None].to(self.device)
            vectors.append(self.model.net(bands)[0].float().cpu().numpy())
            if clip.voice in self.clips:
                known += 1
                right += self.names[int(self.model(bands).argmax())] == clip.voice
        figures = {"accuracy": right / known} if known else {}
        voices = np.array([clip.voice for clip in self.held])
        same = voices[:, None] == voices
        pairs = ~np.eye(len(voices), dtype=bool)
        if (same & pairs).any() and not same.all():
            cosine = similarities(np.stack(vectors), np.stack(vectors))
            within, between = float(cosine[same & pairs].mean()), float(cosine[~same].mean())
            figures |= {"same": within, "other": between, "separation": within - between}
        return figures


def trained(source: str, runs: Path | None = None) -> SpeakerConvs | Path:
    """The net of a finished run (by name or path), or the ONNX file of a model, or such a file. Raises WeightsError."""
    if Path(source).suffix == ".onnx":
        return Path(source)
    found = finished(source, runs)
    if found is None:
        voice = open_model(source).voice
        if voice is None:
            raise WeightsError(f"{source} has no speaker net; name a model that speaks, a run or an .onnx file.")
        return voice.speaker
    options, tensors = found
    if not isinstance(options, SpeakerTraining):
        raise WeightsError(f"the run {source} trained no speaker net; name one that did.")
    return filled(lambda: SpeakerConvs(options.sizes), below(tensors, "net."))


def graph(source: str, folder: Path, runs: Path | None = None) -> Path:
    """The ONNX file of what `trained` finds; that of a run is written into `folder`."""
    found = trained(source, runs)
    if isinstance(found, Path):
        return found
    folder.mkdir(parents=True, exist_ok=True)
    write_onnx(found, folder / FILE)
    return folder / FILE


def stage(run: Run, place: Place) -> SpeakerStage:
    """The factory that a run names."""
    return SpeakerStage(with_shards(run.options, place), seed=run.seed, device=place.device)
