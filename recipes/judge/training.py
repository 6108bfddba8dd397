"""Stage: the character judge, by CTC on clips that are roughened anew each time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from antiphon.train.prepare import with_shards
from antiphon.train.run import Run
from antiphon.train.stage import Group, Losses, Place, Stage, Turn
from recipes.judge.data import Batch, Corpus, make_batch, num_frames, read_clips
from recipes.judge.model import BLANK, CtcJudge, Tdnn
from recipes.judge.score import score


@dataclass(frozen=True, kw_only=True)
class JudgeTraining:
    """What the stage needs to know."""

    data: tuple[str, ...]  # folders of shards: names in the recipe's data folder, or paths
    held_out: tuple[str, ...] = ()
    prepare: str = ""  # module:function(folder, small) that makes what is missing of them
    small: bool = False  # a smoke run: `prepare` makes very little
    width: int = 256
    depth: int = 8
    dropout: float = 0.1
    lr: float = 2e-3
    batch_s: float = 48.0  # of speech in a step
    num_held_out: int = 60

    def smoke(self) -> "JudgeTraining":
        """Everything once, quickly."""
        return replace(self, small=True, width=16, depth=2, batch_s=12.0, num_held_out=2)


@dataclass(frozen=True)
class Roughened:
    """One clip of the corpus, and the seeds of how it is changed."""

    index: int
    frames: int
    seed: tuple[int, ...]

    @property
    def id(self) -> str:
        return str(self.index)

    @property
    def size(self) -> int:
        """Frames at 100 Hz."""
        return self.frames


class JudgeStage(Stage):
    """See the top of the file."""

    def __init__(self, options: JudgeTraining, *, seed: int, device: torch.device) -> None:
        self.options, self.seed, self.device = options, seed, device
        self.corpus = Corpus([Path(folder) for folder in options.data])
        held = (read_clips(Path(folder), options.num_held_out) for folder in options.held_out)
        self.held = [clip for clips in held for clip in clips]
        torch.manual_seed(seed)
        self.model: Tdnn = Tdnn(options.width, options.depth, options.dropout).to(device)
        self.weights = {"ctc": 1.0}
        self._epoch = lru_cache(2)(lambda number: self.corpus.epoch(seed, number, options.batch_s))
        self._num_batches = len(self._epoch(0))

    def turns(self) -> Sequence[Turn]:
        """One: all of it."""
        return [Turn(name="all", groups=[Group(parameters=list(self.model.parameters()), lr=self.options.lr)])]

    def items(self, step: int) -> Sequence[Roughened]:
        """A batch of the epoch that this step is in."""
        epoch, place = divmod(step, self._num_batches)
        chosen = self._epoch(epoch)[place]
        return [Roughened(n, num_frames(self.corpus.seconds(n)), (self.seed, 1, step, n)) for n in chosen]

    def batch(self, items: Sequence[Roughened]) -> Batch:  # type: ignore[override]
        """Roughened features and characters."""
        clips = [self.corpus.clip(item.index) for item in items]
        return make_batch(clips, [np.random.default_rng(item.seed) for item in items]).to(self.device)

    def counts(self, batch: Batch) -> dict[str, float]:
        """Characters."""
        return {"ctc": float(batch.chars_len.sum())}

    def losses(self, batch: Batch, turn: str, step: int) -> Losses:
        """CTC of the characters."""
        logits, lengths = self.model(batch.frames, batch.frames_len)
        log = logits.float().log_softmax(-1).transpose(0, 1)  # b t v -> t b v
        sizes = (lengths, batch.chars_len)
        return {"ctc": F.ctc_loss(log, batch.chars, *sizes, blank=BLANK, zero_infinity=True, reduction="sum")}

    def evaluate(self, step: int) -> dict[str, float]:
        """Error rates on held-out clips as they are."""
        if not self.held:
            return {}
        found = score(CtcJudge(self.model), self.held)
        return {"wer": found["wer"]["rate"], "cer": found["cer"]["rate"]}


def stage(run: Run, place: Place) -> JudgeStage:
    """The factory that a run names."""
    return JudgeStage(with_shards(run.options, place), seed=run.seed, device=place.device)
