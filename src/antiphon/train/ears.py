"""The ears as a stage: the audio encoder learns phones, before it has a language model to talk to.

    mel ─encoder blocks, 50 Hz─> phones     CTC over the phones of what is said, for every voice, and
                                            framewise cross-entropy where the times of phones are known

CTC alone stands still for minutes; aligned speech (festival says when each phone is spoken) sets it going. How words
are said is a `train.lexicon`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from antiphon.config import EncoderConfig
from antiphon.metrics.wer import wer
from antiphon.model.encoder import MASKED, AudioEncoder
from antiphon.rates import PIECE_SAMPLES, mel_frames
from antiphon.train.learner import ctc
from antiphon.train.lexicon import UNKNOWN, Lexicon
from antiphon.train.mixture import Mixture
from antiphon.train.options import Part, lm_sizes
from antiphon.train.pieces import Pieces, in_batches, piece
from antiphon.train.prepare import data_folder
from antiphon.train.records import Heard, Record, RecordFile, bad, of_every_task
from antiphon.train.run import Run
from antiphon.train.sounds import Sounds
from antiphon.train.stage import Group, Losses, Place, Stage, Turn


@dataclass(frozen=True, kw_only=True)
class EarOptions:
    """One training of the ears."""

    model: str = "nano"  # whose encoder
    data: str = ""  # as in `SpeechOptions`
    prepare: str = ""
    small: bool = False
    sounds: str = "corpus"
    lexicon: str = "lexicon.json"
    parts: tuple[Part, ...]
    dev: str = ""
    dev_count: int = 48
    batch: int = 4000  # mel frames of a step
    lr: float = 1.5e-3
    plain: int = 1000  # steps without variation, until the ears have found their feet
    aligned: float = 1.0  # weight of the framewise loss

    def smoke(self) -> "EarOptions":
        """The same with a handful of everything."""
        return replace(self, data="", small=True, batch=min(self.batch, 1600), dev_count=4, plain=1)


@dataclass
class EarItem:
    """One sound and its phones; `size` in mel frames."""

    id: str
    heard: Heard
    seed: str
    frames: int
    phones: list[int]
    row: int = 0

    @property
    def size(self) -> int:
        return max(self.row, self.frames)


@dataclass(frozen=True)
class EarBatch:
    """Pieces and their phones; `labels` are UNKNOWN where nothing is known."""

    pieces: Sequence[Pieces]
    phones: Sequence[Sequence[int]]
    labels: Sequence[Int[Tensor, " t"]]


class Ears(nn.Module):
    """Encoder with a phone head at 50 Hz, before the pooling."""

    def __init__(self, config: EncoderConfig, num_phones: int) -> None:
        super().__init__()
        self.encoder = AudioEncoder(config)
        nn.init.normal_(self.encoder.positional_embedding.weight, std=0.02)
        self.phone = nn.Linear(config.width, num_phones)

    def forward(self, mel: Float[Tensor, "b f t"], frames: Int[Tensor, " b"]) -> tuple[Tensor, Int[Tensor, " b"]]:
        """Phone scores [b, t/2, phones], and how many of the steps are real."""
        x, steps = self.encoder.embed(mel), (frames + 1) // 2
        heard = torch.arange(x.shape[1], device=x.device)[None] < steps[:, None]
        bias = (~heard).to(x.dtype)[:, None, None] * MASKED
        for block in self.encoder.blocks:
            x = block(x, bias)
        return self.phone(F.layer_norm(x, x.shape[-1:])), steps


class EarStage(Stage):
    """Trains `Ears` on records of the task asr; sounds with `phones` also frame by frame."""

    def __init__(self, run: Run, place: Place) -> None:
        options = run.options
        assert isinstance(options, EarOptions)
        self.run, self.options, self.place = run, options, place
        self.data = data_folder(place, options.data, options.prepare, options.small)
        self.lexicon, self.sounds = Lexicon.load(self.data / options.lexicon), Sounds(self.data / options.sounds)
        torch.manual_seed(run.seed)
        self.model: Ears = Ears(lm_sizes(options.model).encoder, len(self.lexicon.phones)).to(place.device)
        self.mixture = Mixture(
            options.parts,
            [RecordFile(self.data / part.records) for part in options.parts],
            self._item,
            seed=run.seed,
            batch=options.batch,
            longest=run.longest or mel_frames(PIECE_SAMPLES),
        )
        self.weights = {"ctc": 1.0, "aligned": options.aligned}

    def turns(self) -> Sequence[Turn]:
        return [Turn(name="ears", groups=[Group(parameters=list(self.model.parameters()), lr=self.options.lr)])]

    def items(self, step: int) -> Sequence[EarItem]:
        items = self.mixture.items(step)
        return items if step >= self.options.plain else [replace(item, seed="") for item in items]

    def _item(self, record: Record, seed: str, pseudo: bool) -> EarItem:
        heard = next((h for h in record.heard if h.audio), None)
        if heard is None:
            raise bad(record, "the ears learn from sound and the record has none; leave it out.")
        phones = self.lexicon.spell(heard.said)
        if not phones:
            raise bad(record, f"the lexicon does not know how {heard.said!r} is said; add its words.")
        return EarItem(record.id, heard, seed, mel_frames(self.sounds.samples(heard)), phones)

    def batch(self, items: Sequence[Any]) -> EarBatch:
        waves = [self.sounds.wave(item.heard)[:PIECE_SAMPLES] for item in items]
        mels = [piece(w, Random(i.seed) if i.seed else None) for w, i in zip(waves, items, strict=True)]
        labels = [self.lexicon.labels(item.heard, mel.shape[1]) for item, mel in zip(items, mels, strict=True)]
        pieces = [p.to(self.place.device) for p in in_batches(mels)]
        return EarBatch(pieces, [item.phones for item in items], labels)

    def counts(self, batch: EarBatch) -> dict[str, float]:
        known = sum(int((labels >= 0).sum()) for labels in batch.labels)
        return {"ctc": float(sum(map(len, batch.phones))), "aligned": float(known)}

    def losses(self, batch: EarBatch, turn: str, step: int) -> Losses:
        found = {"ctc": torch.zeros((), device=self.place.device), "aligned": torch.zeros((), device=self.place.device)}
        for some in batch.pieces:
            scores, steps = self.model(some.mel, some.num_frames)
            count, said = len(some.which), [batch.phones[n] for n in some.which]
            found["ctc"] = found["ctc"] + ctc(scores[:count].float().log_softmax(-1), steps[:count].tolist(), said)
            for row, n in enumerate(some.which):
                labels = batch.labels[n].to(scores.device)
                near = scores[row, : len(labels)].float()
                nats = F.cross_entropy(near, labels, ignore_index=UNKNOWN, reduction="sum")
                found["aligned"] = found["aligned"] + nats
        return found

    @torch.no_grad()
    def evaluate(self, step: int) -> dict[str, float]:
        """Phone error rate of held-out sounds."""
        if not self.options.dev:
            return {}
        held = [r for r in RecordFile(self.data / self.options.dev) if r.task == "asr" and r.heard]
        said, read = [], []
        for record in of_every_task(held, self.options.dev_count):
            phones = self.lexicon.spell(record.heard[0].said)
            if not phones:
                continue
            mel = piece(self.sounds.wave(record.heard[0])[:PIECE_SAMPLES]).to(self.place.device)
            scores, _ = self.model(mel[None], torch.tensor([mel.shape[1]], device=mel.device))
            best = torch.unique_consecutive(scores[0].argmax(-1)).tolist()
            said.append(" ".join(f"p{i}" for i in phones))
            read.append(" ".join(f"p{i}" for i in best if i))
        return {"phone_error": wer(said, read).rate} if said else {}


def ears(run: Run, place: Place) -> EarStage:
    """The factory that runs name: `antiphon.train.ears:ears`."""
    return EarStage(run, place)
