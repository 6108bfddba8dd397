"""A stage small enough to be killed many times: it reads ids and hears numbers, and learns both from made-up data."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from antiphon.audio.wave import Audio
from antiphon.train.pack import bucket
from antiphon.train.run import Run, Schedule
from antiphon.train.sampler import Sampler
from antiphon.train.stage import Group, Item, Losses, Place, Sample, Stage, Turn

VOCABULARY, WIDTH, SOUND = 24, 16, 4


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the tests vary."""

    per_step: int = 4
    group: int = 256  # size of what the sampler draws together
    dropout: float = 0.0
    audio_share: float = 0.5
    turns: int = 1
    long_one: int = 0  # size of an example that is too long
    empty_from: int = 10**9  # from this step on nothing is to be learned

    def smoke(self) -> "Options":
        return self


@dataclass(frozen=True, kw_only=True)
class Example:
    """Ids, and numbers that are heard, of one length; made from its name."""

    id: str
    size: int
    step: int

    @property
    def is_audio(self) -> bool:
        return self.id.startswith("audio")


class Model(nn.Module):
    """Text and sound meet in one layer; the encoder is frozen."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, WIDTH)
        self.encoder = nn.Linear(SOUND, WIDTH).requires_grad_(False)
        self.adaptor = nn.Linear(WIDTH, WIDTH)
        self.layer = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.GELU(), nn.Dropout(dropout))
        self.head = nn.Linear(WIDTH, VOCABULARY)
        self.register_buffer("heard", torch.zeros(()))


class TinyStage(Stage):
    """Two losses: of ids that were read, and of ids that were heard."""

    def __init__(self, run: Run, place: Place) -> None:
        self.options: Options = run.options
        self.place, self.seed = place, run.seed
        self.model = Model(self.options.dropout)
        self.weights = {"text": 1.0, "audio": 0.5}
        rng = np.random.default_rng([run.seed, 1])
        sizes = {"text": rng.integers(8, 90, 50).tolist(), "audio": rng.integers(40, 120, 30).tolist()}
        shares = {"text": 1.0 - self.options.audio_share, "audio": self.options.audio_share}
        if self.options.audio_share == 0:
            del sizes["audio"], shares["audio"]
        self.sizes = sizes
        self.sampler = Sampler(
            sizes, shares, seed=run.seed, micro_size=self.options.group, per_step=self.options.per_step
        )

    def turns(self) -> Sequence[Turn]:
        model: Any = self.model
        rest = [*model.embed.parameters(), *model.layer.parameters(), *model.head.parameters()]
        adaptor = list(model.adaptor.parameters())
        if self.options.turns == 2:
            return [
                Turn(name="one", groups=[Group(parameters=adaptor, lr=1e-2)]),
                Turn(name="two", groups=[Group(parameters=rest, lr=1e-2)]),
            ]
        return [
            Turn(name="all", groups=[Group(parameters=rest, lr=1e-2), Group(parameters=adaptor, lr=5e-3, decay=0.0)])
        ]

    def units(self) -> Sequence[nn.Module]:
        return [self.model.get_submodule("layer")]

    def items(self, step: int) -> Sequence[Item]:
        drawn = [
            Example(id=f"{d.source}-{d.index}", size=self.sizes[d.source][d.index], step=step)
            for d in self.sampler.at(step)
        ]
        if self.options.long_one:
            drawn.insert(1, Example(id="text-long", size=self.options.long_one, step=step))
        return drawn

    def batch(self, items: Sequence[Item]) -> tuple[Tensor, Tensor, Tensor]:
        length = bucket(max(i.size for i in items))
        ids, sound = torch.zeros(len(items), length, dtype=torch.int64), torch.zeros(len(items), length, SOUND)
        kind = torch.zeros(len(items), length, dtype=torch.int64)
        for row, item in enumerate(items):
            assert isinstance(item, Example)
            rng = np.random.default_rng([self.seed, 1 + item.is_audio, int.from_bytes(item.id.encode()[-6:], "little")])
            ids[row, : item.size] = torch.from_numpy(np.sort(rng.integers(0, VOCABULARY, item.size)))
            if item.step < self.options.empty_from:
                kind[row, : item.size] = 1 + item.is_audio
            if item.is_audio:
                sound[row, : item.size] = torch.from_numpy(rng.random((item.size, SOUND), np.float32))
        return tuple(t.to(self.place.device) for t in (ids, sound, kind))  # type: ignore[return-value]

    def counts(self, batch: Any) -> dict[str, float]:
        kind = batch[2][:, 1:]
        return {"text": float((kind == 1).sum()), "audio": float((kind == 2).sum())}

    def losses(self, batch: Any, turn: str, step: int) -> Losses:
        model: Any = self.model
        ids, sound, kind = batch
        x = model.embed(ids)
        if (kind == 2).any():  # a rank without sound never calls the adaptor
            x = x + model.adaptor(torch.tanh(model.encoder(sound)))
        if self.model.training:
            model.heard.add_(1.0)
        scores = model.head(x + model.layer(x))[:, :-1].float()
        nats = F.cross_entropy(scores.flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
        kind = kind[:, 1:].flatten()
        losses = {"text": (nats * (kind == 1)).sum()}
        if (kind == 2).any():
            losses["audio"] = (nats * (kind == 2)).sum()
        return losses

    def sample(self, step: int) -> Sequence[Sample]:
        tone = torch.sin(torch.arange(1600) / 8)[None] * 0.5
        audio = Audio(tone, 16_000)
        return [Sample(name="tone", expected="la", text="la la", audio=audio, error_rate=1.0), Sample(name="words")]

    def evaluate(self, step: int) -> dict[str, float]:
        batch = self.batch([Example(id="text-900", size=40, step=0)])
        return {"nats": float(self.losses(batch, "all", step)["text"]) / 39}


def run(**changes: Any) -> Run:
    """A run of the tiny stage; `changes` are fields of the run, or `options`."""
    fields: dict[str, Any] = dict(
        name="tiny",
        stage="tests.train.tiny:TinyStage",
        options=Options(dropout=0.1),
        seed=3,
        steps=12,
        schedule=Schedule(warm_up=3),
        micro_size=256,
        log_every=1,
        save_every=3,
        eval_every=6,
    )
    return Run(**(fields | changes))


def recipe() -> list[Run]:
    """Two runs, of which the second begins from the first."""
    return [run(steps=4), run(name="more", steps=3, init_from="tiny")]
