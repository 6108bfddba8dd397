"""Stage: the HiFT vocoder, mel to wave, first by spectra alone, then (a run of its own) against discriminators.

    turn        losses
    judge       recordings are judged true, what was made false
    voice       spectra at four resolutions, the mel, the pitch; with judges also: judged true, seen alike

The pitch predictor learns beside it. From `follow_from` on the source of half the examples follows the predicted pitch
instead of the true one, as it must when it speaks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from antiphon.audio.resample import resample
from antiphon.audio.spoken_mel import spoken_mel
from antiphon.audio.wave import Audio
from antiphon.config import HiFTConfig
from antiphon.errors import WeightsError
from antiphon.model.hift import HiFT
from antiphon.rates import FRAME_HOP, FRAME_HZ, SPOKEN_HZ
from antiphon.train.codec.discriminators import (
    Discriminators,
    DiscriminatorSizes,
    feature_distance,
    score_distance,
)
from antiphon.train.codec.draw import generator, num_frames, padded, seeds, split
from antiphon.train.codec.parts import below, filled, finished, initial, voice_sizes
from antiphon.train.codec.spectra import mel_distance, spectral_distance
from antiphon.train.features import PITCH, SPOKEN, Clip
from antiphon.train.prepare import with_shards
from antiphon.train.run import Run
from antiphon.train.stage import Group, Losses, Place, Sample, Stage, Turn

JUDGE, VOICE = "judge", "voice"  # the turns
QUIET = -3.0  # log magnitude that a new vocoder begins with
NUM_SAMPLES = 2


@dataclass(frozen=True, kw_only=True)
class VocoderTraining:
    """What the stage needs to know. `sizes` are not read where `init` names a model to begin from."""

    data: tuple[str, ...]  # folders of shards: names in the recipe's data folder, or paths
    held_out: tuple[str, ...] = ()
    prepare: str = ""  # module:function(folder, small) that makes what is missing of them
    small: bool = False  # a smoke run: `prepare` makes very little
    init: str | None = None
    sizes: HiFTConfig = field(default_factory=HiFTConfig)
    judges: DiscriminatorSizes | None = None  # None: spectra alone
    lr: float = 4e-4
    judge_lr: float = 2e-4
    num_clips: int = 8  # of a step
    frames: int = 64  # of each, 20 ms each
    follow_from: int = 400
    spectra_weight: float = 1.0
    mel_weight: float = 0.5
    pitch_weight: float = 0.01
    true_weight: float = 0.2  # judged true
    alike_weight: float = 1.0  # seen alike
    longest_s: float = 30.0
    num_held_out: int = 12
    keep_features: bool = True

    def smoke(self) -> "VocoderTraining":
        """Everything once, quickly."""
        return replace(self, small=True, num_clips=2, frames=32, num_held_out=1)


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """A stretch of a clip that begins at this frame."""

    clip: Clip
    at: int
    size: int  # frames
    follows: bool  # the predicted pitch
    seed: int  # of the source's noise

    @property
    def id(self) -> str:
        return f"{self.clip.id}@{self.at}"


class Batch(NamedTuple):
    """Stretches of one length."""

    mel: Float[Tensor, "b f t"]
    pitch: Float[Tensor, "b t"]
    wave: Float[Tensor, "b n"]
    noise: Float[Tensor, "b n k"]
    follows: Bool[Tensor, " b"]


class VocoderTrainee(nn.Module):
    """Vocoder and judges."""

    def __init__(self, hift: HiFT, judges: DiscriminatorSizes | None) -> None:
        super().__init__()
        self.hift = hift
        self.judges = None if judges is None else Discriminators(judges)

    def forward(self, batch: Batch, turn: str) -> Losses:
        """The losses of one turn."""
        if turn == JUDGE:
            return self.judged(batch)
        made, guess = self.sung(batch)
        with torch.autocast(made.device.type, enabled=False):
            losses = {
                "spectra": spectral_distance(made, batch.wave).sum(),
                "mel": mel_distance(made, batch.wave).sum(),
                "pitch": (guess - batch.pitch).abs().mean(1).sum(),
            }
        if self.judges is None:
            return losses
        seen = self.judges(made)
        with torch.no_grad():
            true = self.judges(batch.wave)
        return losses | {"true": score_distance(seen, 1.0).sum(), "alike": feature_distance(seen, true).sum()}

    def judged(self, batch: Batch) -> Losses:
        """How wrong the judges are."""
        assert self.judges is not None
        with torch.no_grad():
            made, _ = self.sung(batch)
        return {
            "recorded": score_distance(self.judges(batch.wave), 1.0).sum(),
            "made": score_distance(self.judges(made), 0.0).sum(),
        }

    def sung(self, batch: Batch) -> tuple[Float[Tensor, "b n"], Float[Tensor, "b t"]]:
        """The wave of each mel, and the pitch that was predicted for it."""
        guess = self.hift.f0_predictor(batch.mel).float()
        pitch = torch.where(batch.follows[:, None], guess.detach(), batch.pitch)
        with torch.autocast(pitch.device.type, enabled=False):
            source = self.hift.m_source(pitch, batch.noise)
        return self.hift.decode(batch.mel, source).float(), guess


class VocoderStage(Stage):
    """See the top of the file."""

    def __init__(self, options: VocoderTraining, *, seed: int, device: torch.device) -> None:
        self.options, self.seed, self.device = options, seed, device
        shortest_s = (options.frames + 1) / FRAME_HZ
        self.corpus, self.clips, held = split(
            options.data, options.held_out, shortest_s, options.longest_s, keep=options.keep_features
        )
        self.held = held[:: max(1, len(held) // options.num_held_out)][: options.num_held_out]
        torch.manual_seed(seed)
        hift = initial("vocoder", options.init, lambda: new_hift(options.sizes))
        self.model: VocoderTrainee = VocoderTrainee(hift, options.judges).to(device)
        self.weights = {
            "spectra": options.spectra_weight,
            "mel": options.mel_weight,
            "pitch": options.pitch_weight,
            "true": options.true_weight,
            "alike": options.alike_weight,
            "recorded": 1.0,
            "made": 1.0,
        }

    def turns(self) -> Sequence[Turn]:
        """The judges' first, if there are any."""
        voice = Turn(name=VOICE, groups=[Group(parameters=list(self.model.hift.parameters()), lr=self.options.lr)])
        if self.model.judges is None:
            return [voice]
        judges = Group(parameters=list(self.model.judges.parameters()), lr=self.options.judge_lr)
        return [Turn(name=JUDGE, groups=[judges]), voice]

    def items(self, step: int) -> Sequence[Stretch]:
        """Stretches of random clips, a clip as often as it is long."""
        rng, options = generator(self.seed, step), self.options
        lengths = np.array([clip.seconds for clip in self.clips])
        drawn = rng.choice(len(self.clips), options.num_clips, p=lengths / lengths.sum())
        stretches = []
        for number, seed in zip(drawn, seeds(rng, options.num_clips), strict=True):
            clip = self.clips[int(number)]
            at = int(rng.integers(num_frames(clip) - options.frames + 1))
            follows = bool(rng.random() < 0.5) and step >= options.follow_from
            stretches.append(Stretch(clip=clip, at=at, size=options.frames, follows=follows, seed=seed))
        return stretches

    def batch(self, items: Sequence[Stretch]) -> Batch:  # type: ignore[override]
        """Their mels, pitches and waves, and the noise of their sources."""
        mels, pitches, waves, noises = [], [], [], []
        sines = self.model.hift.config.num_harmonics + 1
        for item in items:
            span = slice(item.at, item.at + item.size)
            mels.append(self.corpus.feature(item.clip, SPOKEN)[span])
            pitches.append(self.corpus.feature(item.clip, PITCH)[span, 0])
            waves.append(self.wave(item.clip)[span.start * FRAME_HOP : span.stop * FRAME_HOP].numpy())
            noise = generator(item.seed).standard_normal((item.size * FRAME_HOP, sines), dtype=np.float32)
            noises.append(noise)
        size = items[0].size
        batch = Batch(
            mel=padded(mels, size).float().mT,
            pitch=padded(pitches, size).float(),
            wave=padded(waves, size * FRAME_HOP),
            noise=padded(noises, size * FRAME_HOP),
            follows=torch.tensor([item.follows for item in items]),
        )
        return Batch(*(tensor.to(self.device) for tensor in batch))

    def wave(self, clip: Clip) -> Float[Tensor, " n"]:
        """The sound of a clip at 24 kHz."""
        return resample(self.corpus.wave(clip), clip.row["rate"], SPOKEN_HZ)

    def counts(self, batch: Batch) -> dict[str, float]:
        """Stretches, for every loss."""
        names = ["spectra", "mel", "pitch"]
        names += [] if self.model.judges is None else ["true", "alike", "recorded", "made"]
        return dict.fromkeys(names, float(len(batch.mel)))

    def losses(self, batch: Batch, turn: str, step: int) -> Losses:
        """Of the judges or of the voice."""
        losses: Losses = self.model(batch, turn)
        return losses

    def evaluate(self, step: int) -> dict[str, float]:
        """Held-out clips sung again: errors of mel and pitch (Hz), share of frames rightly voiced; judges' errors."""
        far, hz, voiced = [], [], []
        least = self.model.hift.config.voiced_hz
        for clip in self.held:
            mel, pitch = self._shown(clip)
            made = self.model.hift.render(mel)
            far.append(float((spoken_mel(made) - mel).abs().mean()))
            guess = self.model.hift.f0_predictor(mel)[0]
            both = (guess > least) & (pitch > least)
            hz += [float((guess - pitch)[both].abs().mean())] if both.any() else []
            voiced.append(float(((guess > least) == (pitch > least)).float().mean()))
        figures = {"mel": float(np.mean(far)), "voiced": float(np.mean(voiced))} if far else {}
        figures |= {"pitch_hz": float(np.mean(hz))} if hz else {}
        return figures | self._judged()

    def _shown(self, clip: Clip) -> tuple[Float[Tensor, "1 f t"], Float[Tensor, " t"]]:
        mel = torch.from_numpy(self.corpus.feature(clip, SPOKEN).astype(np.float32)).T[None]
        pitch = torch.from_numpy(self.corpus.feature(clip, PITCH)[:, 0].astype(np.float32))
        return mel.to(self.device), pitch.to(self.device)

    def _judged(self) -> dict[str, float]:
        """How wrong the judges are on held-out stretches; 0.25 each is not knowing."""
        if self.model.judges is None or not self.held:
            return {}
        size = self.options.frames
        batch = self.batch([Stretch(clip=clip, at=0, size=size, follows=True, seed=0) for clip in self.held])
        losses = self.model(batch, JUDGE)
        return {f"judge_{name}": float(value) / len(self.held) for name, value in losses.items()}

    def sample(self, step: int) -> Sequence[Sample]:
        """Held-out clips, sung again."""
        made = []
        for clip in self.held[:NUM_SAMPLES]:
            wave = self.model.hift.render(self._shown(clip)[0])[0]
            made.append(Sample(name=clip.id, expected=clip.text, audio=Audio(wave.float().cpu()[None], SPOKEN_HZ)))
        return made

    def start_from(self, tensors: Mapping[str, Tensor]) -> None:
        """An earlier run of this stage; judges that it did not have begin anew, and those that are not wanted go."""
        own = self.model.state_dict()
        new = {name: held for name, held in own.items() if name.startswith("judges.") and name not in tensors}
        super().start_from({n: t for n, t in tensors.items() if not n.startswith("judges.") or n in own} | new)


def new_hift(sizes: HiFTConfig) -> HiFT:
    """A vocoder without training that begins quietly."""
    hift = HiFT(sizes)
    bias = hift.conv_post.bias
    assert isinstance(bias, Tensor)
    nn.init.constant_(bias[: sizes.istft_size // 2 + 1], QUIET)
    return hift


def trained(source: str, runs: Path | None = None) -> HiFT:
    """The vocoder of a finished run (by name or path), its weight norm in place, or of a model. Raises WeightsError."""
    found = finished(source, runs)
    if found is None:
        return initial("vocoder", source, lambda: HiFT(HiFTConfig())).eval()
    options, tensors = found
    if not isinstance(options, VocoderTraining):
        raise WeightsError(f"the run {source} trained no vocoder; name one that did.")
    sizes = voice_sizes(options.init).hift if options.init else options.sizes
    return filled(lambda: HiFT(sizes), below(tensors, "hift."))


def stage(run: Run, place: Place) -> VocoderStage:
    """The factory that a run names."""
    return VocoderStage(with_shards(run.options, place), seed=run.seed, device=place.device)
