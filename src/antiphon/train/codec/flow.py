"""Stage: the flow, codes and a voice to a mel, by conditional flow matching.

    example      |---- a clip ----|---- another of the same voice ----|
    the flow     |- its mel told -|------------- learned -------------|      three times of four; else all is learned

So voices are cloned: what is told of the voice is the first clip's vector and its mel. Codes tell of it too, and a flow
that may take it from there does so; to take voices on, the second clip's codes are those of its twin
(`antiphon.train.codec.twins`), and only the first clip tells whose it is to be. So streams are learned: in some steps
time is cut into blocks as it will be when the sound is wanted early, and nothing hears beyond its block. And so
guidance has something to steer away from: now and then codes, voice and prompt are not told.

    x(t) = (1 - t) noise + t mel          the network says, of x(t), which way mel - noise lies

With a `walk` the way is not the mel's but another flow's (`antiphon.train.codec.walk`), to speak in fewer steps.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from antiphon.config import FlowConfig
from antiphon.errors import ConfigError, WeightsError
from antiphon.model.flow import Flow
from antiphon.nn.blocks import time_mask
from antiphon.runtime.speech import CHUNK, FIRST_CHUNK, GROWING
from antiphon.train.codec import speaker, tokenizer
from antiphon.train.codec.draw import fitted, frames_of, generator, num_codes, padded, seeds, split
from antiphon.train.codec.parts import below, filled, finished, initial, voice_sizes
from antiphon.train.codec.tokenizer import MEL_MEAN, MEL_SPREAD
from antiphon.train.codec.twins import Twins
from antiphon.train.codec.walk import Walk, walked
from antiphon.train.features import SPOKEN, Clip, by_voice, codes_by, voice_by
from antiphon.train.pack import bucket
from antiphon.train.prepare import with_shards
from antiphon.train.run import Run
from antiphon.train.stage import Group, Losses, Place, Stage, Turn

TRIES = 16  # pairs that are drawn to find one of a step's length
Rows = tuple[Int[Tensor, " t"], Float[Tensor, "t2 f"]]  # codes, and their mel


@dataclass(frozen=True, kw_only=True)
class FlowTraining:
    """What the stage needs to know. `sizes` are not read where `init` names a model to begin from."""

    data: tuple[str, ...]  # folders of shards: names in the recipe's data folder, or paths
    held_out: tuple[str, ...] = ()
    prepare: str = ""  # module:function(folder, small) that makes what is missing of them
    small: bool = False  # a smoke run: `prepare` makes very little
    tokenizer: str  # a run of the recipe, a run's folder or a model
    speaker: str  # the same, or an .onnx file
    init: str | None = None
    sizes: FlowConfig = field(default_factory=FlowConfig)
    lr: float = 1e-3
    batch: int = 768  # codes in a step: thirty seconds
    shortest_s: float = 0.5
    longest_s: float = 15.0  # of a clip
    longest: int = 512  # codes of a pair; the rest of the second clip is cut off
    blocks: tuple[int, ...] = (0, 0, CHUNK, CHUNK, FIRST_CHUNK, GROWING[-1])  # codes; one for each step, 0 is none
    even: float = 0.0  # share of the pairs for which a voice is drawn first, each as likely: else a clip, of whomever
    twins: tuple[tuple[str, str], ...] = ()  # folders, and where the same is said by the voice that codes are of
    prompted: float = 0.75  # share of the pairs whose first clip is told
    untold: float = 0.2  # share that is told nothing
    walk: Walk | None = None  # whose velocity is learned instead of the mel's; everything is told then
    mu_weight: float = 0.2  # of the conformer's own guess at the mel
    eval_steps: tuple[int, ...] = (4, 10)  # Euler steps at which the mel's error is measured
    num_held_out: int = 16
    keep_features: bool = True

    def __post_init__(self) -> None:
        if self.walk is not None and self.untold:
            raise ConfigError(f"untold is {self.untold:g}, and a walk is learned with everything told; set it to 0.")

    def smoke(self) -> "FlowTraining":
        """Everything once, quickly."""
        return replace(self, small=True, batch=128, eval_steps=(1,), num_held_out=1)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two clips of one voice end to end, and everything that chance decides about them."""

    prompt: Clip
    target: Clip
    size: int  # codes that the pair is padded to; the second clip is cut if both are longer
    is_prompted: bool
    is_told: bool
    time: float
    block: int
    seed: int  # of the noise

    @property
    def id(self) -> str:
        return f"{self.prompt.id}+{self.target.id}"


class Batch(NamedTuple):
    """Pairs, padded; lengths in codes."""

    codes: Int[Tensor, "b t"]
    mel: Float[Tensor, "b f t2"]
    noise: Float[Tensor, "b f t2"]
    voices: Float[Tensor, "b d"]
    time: Float[Tensor, " b"]
    told: Float[Tensor, " b"]  # 1 or 0
    lengths: Int[Tensor, " b"]
    prompts: Int[Tensor, " b"]  # 0 where no prompt is told
    block: Int[Tensor, ""]  # the same for all; 0 is none

    @property
    def noisy(self) -> Float[Tensor, "b f t2"]:
        """x(t)."""
        at = self.time[:, None, None]
        return (1 - at) * self.noise + at * self.mel


class FlowTrainee(nn.Module):
    """The flow, called as a whole."""

    def __init__(self, flow: Flow) -> None:
        super().__init__()
        self.flow = flow

    def forward(self, batch: Batch) -> tuple[Float[Tensor, "b f t2"], Float[Tensor, "b f t2"]]:
        """The velocity at each pair's time, and the conformer's guess at the mel."""
        (mu, voice, cond), how = self.told(batch)
        told = batch.told[:, None]
        heard = (mu * told[..., None], voice * told, cond * told[..., None])
        v = self.flow.velocity(batch.noisy, batch.time, *heard, **how)
        return v.float(), mu.float()

    def told(self, batch: Batch) -> tuple[list[Tensor], dict[str, Any]]:
        """What codes, voice and prompt tell the velocity network [b f t2, b f, b f t2], and lengths and block."""
        how = {"num_real": batch.lengths, "block": int(batch.block) or None, "prompt_len": batch.prompts}
        mu = self.flow.mu(batch.codes, **how)  # type: ignore[arg-type]
        known = time_mask(frames_of(1) * batch.prompts, batch.mel.shape[-1])[:, None]
        return [mu, self.flow.speaker(batch.voices), batch.mel * known], how


class FlowStage(Stage):
    """See the top of the file."""

    def __init__(self, options: FlowTraining, *, seed: int, place: Place) -> None:
        self.options, self.seed, self.device = options, seed, place.device
        self.corpus, self.clips, held = split(
            options.data, options.held_out, options.shortest_s, options.longest_s, keep=options.keep_features
        )
        self.held = held[:: max(1, len(held) // options.num_held_out)][: options.num_held_out]
        self.of_voice = by_voice(self.clips)
        self.voices = list(self.of_voice.values())
        self.twins = Twins(self.corpus, options.twins)
        tokens = tokenizer.trained(options.tokenizer, place.runs)
        self.num_codes, self.codes = tokens.config.num_codes, codes_by(tokens)
        self.voice = voice_by(speaker.graph(options.speaker, place.folder, place.runs))
        torch.manual_seed(seed)
        flow = initial("flow", options.init, lambda: new_flow(options.sizes))
        self._check(flow.config)
        self.model: FlowTrainee = FlowTrainee(flow).to(self.device)
        self.teacher = None if options.walk is None else self._teacher(options.walk.teacher, place)
        self.weights = {"flow": 1.0, "mu": options.mu_weight}

    def _check(self, sizes: FlowConfig) -> None:
        """Raise ConfigError if tokenizer, speaker net and flow do not belong together."""
        clip = self.clips[0]
        dim = self.corpus.feature(clip, self.voice).shape[-1]
        if dim != sizes.speaker_dim:
            raise ConfigError(
                f"the speaker net {self.options.speaker} gives vectors of {dim} numbers and the flow reads "
                f"{sizes.speaker_dim}; set options.sizes.speaker_dim."
            )
        if self.num_codes != sizes.num_codes:
            raise ConfigError(
                f"the speech tokenizer {self.options.tokenizer} has {self.num_codes} codes and the flow"
                f" {sizes.num_codes}; set options.sizes.num_codes."
            )

    def _teacher(self, source: str, place: Place) -> FlowTrainee:
        """The flow that is learned from, frozen. Raises ConfigError if it reads other codes or voices."""
        flow = trained(source, place.runs)
        self._check(flow.config)
        return FlowTrainee(flow).to(self.device).eval().requires_grad_(False)

    def turns(self) -> Sequence[Turn]:
        """One: all of it."""
        return [Turn(name="all", groups=[Group(parameters=list(self.model.parameters()), lr=self.options.lr)])]

    def items(self, step: int) -> Sequence[Pair]:
        """Pairs of one length, under one block."""
        rng, options = generator(self.seed, step), self.options
        block = options.blocks[int(rng.integers(len(options.blocks)))]
        first = self._pair(rng)
        size = min(bucket(_length(first)), options.longest)
        num = max(1, options.batch // size)
        drawn = [first, *(self._pair_of(size, rng) for _ in range(num - 1))]
        return [
            Pair(
                prompt=prompt,
                target=target,
                size=size,
                is_prompted=bool(rng.random() < options.prompted),
                is_told=bool(rng.random() >= options.untold),
                time=self._time(float(rng.random())),
                block=block,
                seed=seed,
            )
            for (prompt, target), seed in zip(drawn, seeds(rng, num), strict=True)
        ]

    def _time(self, chance: float) -> float:
        """Denser at the start; with a walk, where one of its steps begins."""
        if self.options.walk is None:
            return 1 - math.cos(chance * math.pi / 2)
        times = self.options.walk.times
        return times[int(chance * len(times))]

    def _pair(self, rng: np.random.Generator) -> tuple[Clip, Clip]:
        """A clip, and before it another of its voice."""
        if self.options.even and rng.random() < self.options.even:
            others = self.voices[int(rng.integers(len(self.voices)))]
            target = others[int(rng.integers(len(others)))]
        else:
            target = self.clips[int(rng.integers(len(self.clips)))]
            others = self.of_voice[target.voice]
        return others[int(rng.integers(len(others)))], target

    def _pair_of(self, size: int, rng: np.random.Generator) -> tuple[Clip, Clip]:
        """A pair that nearly fills this length: the first that does not leave a bucket empty, else the longest."""
        drawn = [self._pair(rng)]
        while len(drawn) < TRIES and bucket(_length(drawn[-1])) < size:
            drawn.append(self._pair(rng))
        return max(drawn, key=lambda pair: min(_length(pair), size))

    def rows(self, clip: Clip, longest: int, *, learned: bool = False) -> Rows:
        """Codes of a clip, or of its twin where it is to be learned, and as many frames as they become."""
        twin = learned and self.twins.has(clip)
        codes = self.twins.codes(clip, self.codes) if twin else self.corpus.feature(clip, self.codes)[:, 0]
        codes = codes[:longest].astype(np.int64)
        mel = fitted(self.corpus.feature(clip, SPOKEN), frames_of(len(codes))).astype(np.float32)  # it may end before
        return torch.from_numpy(codes), torch.from_numpy(mel)

    def voice_of(self, clip: Clip) -> Float[Tensor, "1 d"]:
        """The vector of the clip's voice."""
        return torch.from_numpy(self.corpus.feature(clip, self.voice).astype(np.float32))

    def batch(self, items: Sequence[Pair]) -> Batch:  # type: ignore[override]
        """Codes and mels of these pairs, and their noise."""
        codes, mels, noises, prompts = [], [], [], []
        for item in items:
            before, shown = self.rows(item.prompt, item.size // 2)
            after, wanted = self.rows(item.target, item.size - len(before), learned=True)
            codes.append(torch.cat([before, after]).numpy())
            mels.append(torch.cat([shown, wanted]).numpy())
            noises.append(generator(item.seed).standard_normal(mels[-1].shape, dtype=np.float32))
            prompts.append(len(before) if item.is_prompted else 0)
        size = bucket(max(item.size for item in items))
        batch = Batch(
            codes=padded(codes, size),
            mel=padded(mels, frames_of(size)).mT,
            noise=padded(noises, frames_of(size)).mT,
            voices=torch.cat([self.voice_of(item.prompt) for item in items]),
            time=torch.tensor([item.time for item in items]),
            told=torch.tensor([float(item.is_told) for item in items]),
            lengths=torch.tensor([len(c) for c in codes]),
            prompts=torch.tensor(prompts),
            block=torch.tensor(items[0].block),
        )
        return Batch(*(tensor.to(self.device) for tensor in batch))

    def counts(self, batch: Batch) -> dict[str, float]:
        """Frames whose velocity is learned, and all frames."""
        return {
            "flow": float(frames_of(int((batch.lengths - batch.prompts).sum()))),
            "mu": float(frames_of(int(batch.lengths.sum()))),
        }

    def losses(self, batch: Batch, turn: str, step: int) -> Losses:
        """How far the velocity is from mel - noise, or the teacher's, outside the prompts; the guess from the mel."""
        v, mu = self.model(batch)
        walk = self.options.walk
        way = batch.mel - batch.noise if self.teacher is None or walk is None else walked(self.teacher, batch, walk)
        real, known = (time_mask(frames_of(1) * n, v.shape[-1]) for n in (batch.lengths, batch.prompts))  # b t2
        apart = (v - way).square().mean(1) / MEL_SPREAD**2
        guess = (mu - batch.mel).abs().mean(1) / MEL_SPREAD
        return {"flow": apart[real & ~known].sum(), "mu": guess[real].sum()}

    def evaluate(self, step: int) -> dict[str, float]:
        """Mel error (mean absolute, in nepers) of held-out clips behind a prompt: whole, and streamed as spoken."""
        found: dict[str, list[float]] = {}
        for clip in self.held:
            codes, mel = (x.to(self.device) for x in self.rows(clip, self.options.longest))
            others = [c for c in self.of_voice.get(clip.voice, [clip]) if num_codes(c) >= FIRST_CHUNK]
            prompt = (others or [clip])[0]
            before, shown = (x.to(self.device)[None] for x in self.rows(prompt, self.options.longest))
            voice = self.voice_of(prompt).to(self.device)
            for steps in self.options.eval_steps:
                how = self.model.flow.options(steps=steps)
                whole = self.model.flow.whole(codes[None], before, shown.mT, voice, options=how)[0].mT
                parts = streamed(self.model.flow, codes, before, shown.mT, voice, steps=steps)
                found.setdefault(f"mel_{steps}", []).append(float((whole - mel).abs().mean()))
                found.setdefault(f"mel_{steps}_streamed", []).append(float((parts - mel).abs().mean()))
        return {name: sum(values) / len(values) for name, values in found.items()}


def _length(pair: tuple[Clip, Clip]) -> int:
    return num_codes(pair[0]) + num_codes(pair[1])


def new_flow(sizes: FlowConfig) -> Flow:
    """A flow without training that begins at the mean of a mel."""
    flow = Flow(sizes)
    for layer in (flow.encoder_proj, flow.decoder.estimator.final_layer.linear):
        nn.init.constant_(layer.bias, MEL_MEAN)
    return flow


def streamed(
    flow: Flow,
    codes: Int[Tensor, " t"],
    prompt: Int[Tensor, "1 p"],
    shown: Float[Tensor, "1 f p2"],
    voice: Float[Tensor, "1 d"],
    *,
    steps: int,
) -> Float[Tensor, "t2 f"]:
    """The mel of these codes behind a prompt, in the chunks in which the runtime speaks."""
    capacity = prompt.shape[1] + len(codes) + flow.config.conformer.look_ahead
    state = flow.open(prompt, shown, voice, options=flow.options(steps=steps), capacity=capacity)
    cuts = range(FIRST_CHUNK + flow.config.conformer.look_ahead, len(codes), CHUNK)
    made = []
    for start, end in zip([0, *cuts], [*cuts, len(codes)], strict=True):
        mel, left = flow(codes[None, start:end], state, end == len(codes))
        made.append(mel)
        assert left is not None
        state = left
    return torch.cat(made, dim=-1)[0].mT


def trained(source: str, runs: Path | None = None) -> Flow:
    """The flow of a finished run (by name or path), or of a model. Raises WeightsError."""
    found = finished(source, runs)
    if found is None:
        return initial("flow", source, lambda: Flow(FlowConfig())).eval()
    options, tensors = found
    if not isinstance(options, FlowTraining):
        raise WeightsError(f"the run {source} trained no flow; name one that did.")
    sizes = voice_sizes(options.init).flow if options.init else options.sizes
    return filled(lambda: Flow(sizes), below(tensors, "flow."))


def stage(run: Run, place: Place) -> FlowStage:
    """The factory that a run names."""
    return FlowStage(with_shards(run.options, place), seed=run.seed, place=place)
