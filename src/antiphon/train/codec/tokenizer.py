"""Stage: a supervised speech tokenizer, FSQ codes at 25 Hz that say what is spoken.

    log-mel ─ tokenizer ─ norm ─ digits ─ reader ─> phones (where an alignment is known), mel, characters (CTC)

A batch norm before the FSQ keeps every level of every digit in use; `folded` puts it into the projection, so that the
tokenizer that comes out is an ordinary one. One that began from released weights has none: its codes must go on meaning
what they meant; with `frozen` it does not learn at all, and only a reader of its codes is made (`train.codec.judge`).
The norm sees a micro-batch of one rank; with it n x b is therefore only nearly b x n.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from antiphon.config import SpeechTokenizerConfig
from antiphon.errors import ConfigError, WeightsError
from antiphon.metrics.wer import cer, wer
from antiphon.model.encoder import MASKED
from antiphon.model.speech_tokenizer import FRAMES_PER_CODE as HEARD_PER_CODE
from antiphon.model.speech_tokenizer import SpeechTokenizer
from antiphon.nn.blocks import time_mask
from antiphon.rates import FRAME_HZ
from antiphon.train.codec.draw import Shelves, frames_of, generator, num_codes, padded, seeds, split
from antiphon.train.codec.parts import below, filled, finished, initial, voice_sizes
from antiphon.train.codec.reader import CodeReader, ReaderConfig, read_chars
from antiphon.train.codec.usage import CodeUsage, perplexity
from antiphon.train.features import HEARD, SPOKEN, Array, Clip
from antiphon.train.pack import bucket
from antiphon.train.prepare import with_shards
from antiphon.train.run import Run
from antiphon.train.stage import Group, Losses, Place, Stage, Turn

MEL_MEAN, MEL_SPREAD = -5.5, 2.6  # of the spoken mel of speech, roughly: losses on it are of order one
BANDS_AN_OCTAVE, WARP_FULL = 28.5, 42.0  # of the 128 Slaney bands above 1 kHz; the band at 1 kHz
PAUSE = "pau"  # the phone of silence
EPS = 1e-5  # of the norm
IGNORED = -100  # a label that is not learned


@dataclass(frozen=True, kw_only=True)
class TokenizerTraining:
    """What the stage needs to know. `sizes` are not read where `init` names a model to begin from."""

    data: tuple[str, ...]  # folders of shards: names in the recipe's data folder, or paths
    held_out: tuple[str, ...] = ()
    prepare: str = ""  # module:function(folder, small) that makes what is missing of them
    small: bool = False  # a smoke run: `prepare` makes very little
    init: str | None = None
    frozen: bool = False  # the tokenizer of `init` stays as it is, and only its reader learns
    sizes: SpeechTokenizerConfig = field(default_factory=SpeechTokenizerConfig)
    reader: ReaderConfig = field(default_factory=ReaderConfig)
    alphabet: str = ""  # characters to read; those of the data's texts by default
    lr: float = 1.5e-3
    batch: int = 768  # codes in a step: thirty seconds
    shortest_s: float = 0.3
    longest_s: float = 20.0
    gain: float = 0.1  # each clip's log-mel is moved by up to this
    warp: float = 0.0  # and heard from a vocal tract that is longer or shorter by up to this share,
    centred: bool = False  # and to be read less its own mean: codes need not tell whose voice it is
    phone_weight: float = 1.0
    mel_weight: float = 1.5
    ctc_weight: float = 0.5
    least_usage: float = 0.05  # perplexity of recent codes, as a share of the book; below it the run ends
    watch_from: int = 300  # the step from which that is so
    num_held_out: int = 64  # clips that are evaluated
    keep_features: bool = True  # beside the shards

    def __post_init__(self) -> None:
        if self.frozen and self.init is None:
            raise ConfigError("a frozen speech tokenizer begins from nothing and stays noise; name a model as init.")

    def smoke(self) -> "TokenizerTraining":
        """Everything once, quickly."""
        return replace(self, small=True, batch=128, num_held_out=1)


@dataclass(frozen=True)
class Utterance:
    """One clip of a step."""

    clip: Clip
    seed: int

    @property
    def id(self) -> str:
        return self.clip.id

    @property
    def size(self) -> int:
        """Codes."""
        return num_codes(self.clip)


class Batch(NamedTuple):
    """Clips, padded; their labels at 50 Hz, IGNORED where there is none."""

    mel: Float[Tensor, "b f t4"]
    num_heard: Int[Tensor, " b"]
    frames: Float[Tensor, "b t2 f2"]  # the spoken mel, normalised
    has_frame: Bool[Tensor, "b t2"]
    phones: Int[Tensor, "b t2"]
    chars: Int[Tensor, "b u"]
    num_chars: Int[Tensor, " b"]


class Readings(NamedTuple):
    """What the reader made of the codes."""

    phones: Float[Tensor, "b t2 p"]
    mel: Float[Tensor, "b t2 f"]
    chars: Float[Tensor, "b t2 v"]
    codes: Int[Tensor, "b t"]
    num_codes: Int[Tensor, " b"]


class TokenizerTrainee(nn.Module):
    """The tokenizer, the norm that will be folded away (None: there is none), the reader, and the counts of codes."""

    alphabet: Tensor  # what the reader's characters are, so that it can be used without the data

    def __init__(self, tokenizer: SpeechTokenizer, reader: CodeReader, alphabet: str, *, is_normed: bool) -> None:
        super().__init__()
        self.register_buffer("alphabet", torch.tensor([ord(c) for c in alphabet]))
        levels = tokenizer.config.levels
        self.tokenizer, self.reader, self.usage = tokenizer, reader, CodeUsage(levels)
        self.norm = nn.BatchNorm1d(len(levels), eps=EPS, affine=False) if is_normed else None

    def forward(self, mel: Float[Tensor, "b f t4"], num_heard: Int[Tensor, " b"]) -> Readings:
        """Everything that is read from the codes of these clips."""
        projected, num = self.tokenizer.project(mel, num_heard)
        real = time_mask(num, projected.shape[1])
        normed = projected.float()
        if self.norm is not None:
            normed = torch.zeros_like(normed).masked_scatter(real[..., None], self.norm(normed[real]))
        book = self.tokenizer.quantizer.codebook
        bias = (~real).float()[:, None, None] * MASKED
        phones, frames, chars = self.reader(book.digits(normed), bias, real[..., None].float())
        return Readings(phones.float(), frames.float(), chars.float(), book.index(normed), num)

    def folded(self) -> SpeechTokenizer:
        """A new tokenizer, with the norm inside its projection."""
        return fold(self.state_dict(), self.tokenizer.config)


def fold(tensors: Mapping[str, Tensor], sizes: SpeechTokenizerConfig) -> SpeechTokenizer:
    """The tokenizer that a trainee's tensors say; the norm, if there is one, goes into the projection."""
    held = {name: tensor.detach().clone() for name, tensor in below(tensors, "tokenizer.").items()}
    if "norm.running_var" in tensors:
        name = "quantizer._codebook.project_down."
        gain = (tensors["norm.running_var"] + EPS).rsqrt()
        held[name + "weight"] *= gain[:, None]
        held[name + "bias"] = (held[name + "bias"] - tensors["norm.running_mean"]) * gain
    return filled(lambda: SpeechTokenizer(sizes), held)


class TokenizerStage(Stage):
    """See the top of the file."""

    def __init__(self, options: TokenizerTraining, *, seed: int, device: torch.device) -> None:
        self.options, self.seed, self.device = options, seed, device
        self.corpus, clips, held = split(
            options.data, options.held_out, options.shortest_s, options.longest_s, keep=options.keep_features
        )
        self.shelves = Shelves(clips)
        self.held = held[:: max(1, len(held) // options.num_held_out)][: options.num_held_out]
        self.alphabet = options.alphabet or alphabet_of(clips)
        self.phones = {name: i for i, name in enumerate(phones_of(clips))}
        torch.manual_seed(seed)
        tokenizer = initial("speech tokenizer", options.init, lambda: SpeechTokenizer(options.sizes))
        digits = len(tokenizer.config.levels)
        reader = CodeReader(options.reader, digits, len(self.phones), len(self.alphabet))
        normed = options.init is None
        self.model: TokenizerTrainee = TokenizerTrainee(tokenizer, reader, self.alphabet, is_normed=normed).to(device)
        tokenizer.requires_grad_(not options.frozen)
        self.weights = {"phones": options.phone_weight, "mel": options.mel_weight, "ctc": options.ctc_weight}

    def turns(self) -> Sequence[Turn]:
        """One: all of it, or the reader alone."""
        moving = [p for p in self.model.parameters() if p.requires_grad]
        return [Turn(name="all", groups=[Group(parameters=moving, lr=self.options.lr)])]

    def units(self) -> Sequence[nn.Module]:
        """The layers of the tokenizer, if they learn."""
        return [] if self.options.frozen else list(self.model.tokenizer.encoder.blocks)

    def items(self, step: int) -> Sequence[Utterance]:
        """Clips of similar length."""
        rng = generator(self.seed, step)
        drawn = self.shelves.draw(self.options.batch, rng)
        return [Utterance(clip, seed) for clip, seed in zip(drawn, seeds(rng, len(drawn)), strict=True)]

    def batch(self, items: Sequence[Utterance]) -> Batch:  # type: ignore[override]
        """Features and labels of these clips."""
        return self._collate(items, self.options.gain, self.options.warp)

    def _collate(self, items: Sequence[Utterance], gain: float, warp: float = 0.0) -> Batch:
        length = bucket(max(item.size for item in items))
        wide = frames_of(length)
        chance = [generator(item.seed) for item in items]
        moved = [rng.uniform(-gain, gain) for rng in chance]
        heard = [self.corpus.feature(item.clip, HEARD) for item in items]
        if warp:
            heard = [warped(x, rng.uniform(-warp, warp)) for x, rng in zip(heard, chance, strict=True)]
        mel = padded(heard, HEARD_PER_CODE * length).float().mT
        spoken = [self.corpus.feature(i.clip, SPOKEN)[: frames_of(i.size)] for i in items]
        wanted = [(x - (x.mean(0) if self.options.centred else MEL_MEAN)) / MEL_SPREAD for x in map(np.float32, spoken)]
        labels = [self.labels(item.clip, len(frames)) for item, frames in zip(items, spoken, strict=True)]
        chars = [np.array(self.spell(item.clip.text), dtype=np.int64) for item in items]
        num_frames = torch.tensor([len(frames) for frames in spoken])
        batch = Batch(
            mel=mel + torch.tensor(moved, dtype=torch.float32)[:, None, None],
            num_heard=torch.tensor([len(x) for x in heard]),
            frames=padded(wanted, wide).float(),
            has_frame=time_mask(num_frames, wide),
            phones=padded(labels, wide, IGNORED),
            chars=padded(chars, max(1, *(len(c) for c in chars))),
            num_chars=torch.tensor([len(c) for c in chars]),
        )
        return Batch(*(tensor.to(self.device) for tensor in batch))

    def counts(self, batch: Batch) -> dict[str, float]:
        """Frames with a known phone, frames, characters."""
        return {
            "phones": float((batch.phones != IGNORED).sum()),
            "mel": float(batch.has_frame.sum()),
            "ctc": float(batch.num_chars.sum()),
        }

    def losses(self, batch: Batch, turn: str, step: int) -> Losses:
        """How badly phones, mel and characters are read. Raises CodebookCollapse."""
        read: Readings = self.model(batch.mel, batch.num_heard)
        self.model.usage(read.codes[time_mask(read.num_codes, read.codes.shape[1])])
        if step >= self.options.watch_from and not self.options.frozen:
            self.model.usage.check(self.options.least_usage, step)
        scores, labels = read.phones.flatten(0, 1), batch.phones.flatten()
        phones = F.cross_entropy(scores, labels, reduction="sum", ignore_index=IGNORED)
        apart = (read.mel - batch.frames).abs().mean(-1)  # b t2
        ctc = F.ctc_loss(
            read.chars.log_softmax(-1).transpose(0, 1), batch.chars, frames_of(1) * read.num_codes, batch.num_chars,
            reduction="none", zero_infinity=True,
        )  # fmt: skip
        return {"phones": phones, "mel": apart[batch.has_frame].sum(), "ctc": ctc[batch.num_chars > 0].sum()}

    def evaluate(self, step: int) -> dict[str, float]:
        """What is read from the codes of held-out clips, and how many codes they use."""
        said, heard, right, known = list[str](), list[str](), 0, 0
        used = torch.zeros_like(self.model.usage.counts)
        for clip in self.held:
            batch = self._collate([Utterance(clip, 0)], 0.0)
            read: Readings = self.model(batch.mel, batch.num_heard)
            learned = batch.phones != IGNORED
            right += int((read.phones.argmax(-1) == batch.phones)[learned].sum())
            known += int(learned.sum())
            num = int(read.num_codes[0])
            used += torch.bincount(read.codes[0, :num], minlength=len(used))
            if clip.text:
                said.append(clip.text)
                heard.append(read_chars(read.chars[0, : frames_of(num)], self.alphabet))
        figures = {"used": float((used > 0).sum()), "perplexity": perplexity(used)} if self.held else {}
        figures |= {"phones": right / known} if known else {}
        return figures | ({"wer": wer(said, heard).rate, "cer": cer(said, heard).rate} if said else {})

    def start_from(self, tensors: Mapping[str, Tensor]) -> None:
        """An earlier run of this stage; readers of other phones or characters begin anew."""
        own = self.model.state_dict()
        others = not torch.equal(own["alphabet"], tensors.get("alphabet", own["alphabet"]))

        def is_of_others(name: str, held: Tensor) -> bool:
            reads = name.startswith(("reader.phone.", "reader.char."))
            return reads and (own[name].shape != held.shape or (others and "char" in name))

        fitting = {name: own[name] if is_of_others(name, held) else held for name, held in tensors.items()}
        super().start_from(fitting | {"alphabet": own["alphabet"]})

    def labels(self, clip: Clip, length: int) -> Array:
        """The phone in the middle of each frame, where the index tells when which is said."""
        spans = clip.row.get("phones") or []
        labels = np.full(length, self.phones[PAUSE] if spans else IGNORED, dtype=np.int64)
        for name, start, end in spans:
            labels[max(0, round(start * FRAME_HZ)) : round(end * FRAME_HZ)] = self.phones.get(name, self.phones[PAUSE])
        return labels

    def spell(self, text: str) -> list[int]:
        """The characters of a text that the reader knows; 0 is the blank."""
        return [1 + place for c in text.lower() if (place := self.alphabet.find(c)) >= 0]


def warped(mel: Array, share: float) -> Array:
    """The log-mel [t, f] of a vocal tract that is shorter by this share: its formants lie higher.

    The scale is logarithmic above 1 kHz, so there all bands move alike; below they move in proportion.
    """
    bands = np.arange(mel.shape[1])
    moved = share * BANDS_AN_OCTAVE / np.log(2) * np.minimum(bands / WARP_FULL, 1.0)
    at = np.clip(bands - moved, 0, len(bands) - 1)
    low = at.astype(np.int64)
    rest = (at - low).astype(np.float32)
    high = np.minimum(low + 1, len(bands) - 1)
    bent: Array = mel[:, low].astype(np.float32) * (1 - rest) + mel[:, high].astype(np.float32) * rest
    return bent


def alphabet_of(clips: Sequence[Clip]) -> str:
    """Every letter and digit of the texts, the space and the apostrophe."""
    found = {c for clip in clips for c in clip.text.lower() if c.isalnum()}
    return "".join(sorted(found | {" ", "'"}))


def phones_of(clips: Sequence[Clip]) -> list[str]:
    """Every phone that the index names, and the pause."""
    return sorted({PAUSE} | {span[0] for clip in clips for span in clip.row.get("phones") or []})


def trained(source: str, runs: Path | None = None) -> SpeechTokenizer:
    """The tokenizer of a finished run (by name or path), or of a model. Raises WeightsError."""
    found = finished(source, runs)
    if found is None:
        return initial("speech tokenizer", source, lambda: SpeechTokenizer(SpeechTokenizerConfig())).eval()
    options, tensors = found
    if not isinstance(options, TokenizerTraining):
        raise WeightsError(f"the run {source} trained no speech tokenizer; name one that did.")
    return fold(tensors, voice_sizes(options.init).tokenizer if options.init else options.sizes)


def stage(run: Run, place: Place) -> TokenizerStage:
    """The factory that a run names."""
    return TokenizerStage(with_shards(run.options, place), seed=run.seed, device=place.device)
