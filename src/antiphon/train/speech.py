"""The speech LM as a stage: every training of the curriculum in which the language model takes part.

    records ─Mixture─> examples of a step ─Collator─> batch ─Learner─> sums of each modality

What learns is named by part (adaptor, llm, ...), each with its rate; the rest is frozen. Every run that hears decodes
held-out records with their own sound and with that of others (`antiphon.train.watch`), and says so when it guesses.
"""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from antiphon.errors import ConfigError
from antiphon.metrics.wer import wer
from antiphon.rates import PIECE_S
from antiphon.text.tokenizer import Tokenizer
from antiphon.text.variants import variant
from antiphon.train import decode, watch
from antiphon.train.collate import Collator
from antiphon.train.examples import Builder, Example
from antiphon.train.learner import Batch, Learner
from antiphon.train.mixture import Mixture
from antiphon.train.options import PRESETS, Rates, SpeechOptions
from antiphon.train.prepare import data_folder
from antiphon.train.records import Record, RecordFile
from antiphon.train.run import Run
from antiphon.train.sounds import Sounds
from antiphon.train.stage import Group, Losses, Place, Sample, Stage, Turn
from antiphon.train.tasks import MODALITIES, task

DEV_BATCH = 16
PREFIXES = {
    "encoder": ("lm.encoder.",),
    "adaptor": ("lm.adapter.",),
    "llm": ("lm.model.layers.", "lm.model.norm."),
    "embed": ("lm.model.embed_tokens.", "blank"),
    "head": ("lm.lm_head.",),
}


def part_of(name: str) -> str:
    """The part of the model that a parameter belongs to."""
    return next(part for part, prefixes in PREFIXES.items() if name.startswith(prefixes))


def freeze(model: nn.Module, rates: Rates) -> None:
    """Only parts with a rate learn. Raises ConfigError for a rate of a part that the model does not have."""
    moving, there = dict(rates.moving()), set[str]()
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(part_of(name) in moving)
        there.add(part_of(name))
    if missing := set(moving) - there:
        raise ConfigError(f"the rates name {sorted(missing)}, which this model has not; a tied head is its embeddings.")


def groups(model: nn.Module, rates: Rates) -> list[Group]:
    """The parameters of each part that learns."""
    named = list(model.named_parameters())
    return [Group(parameters=[p for n, p in named if part_of(n) == part], lr=rate) for part, rate in rates.moving()]


class SpeechStage(Stage):
    """Trains a `Learner` on a mixture of records."""

    def __init__(self, run: Run, place: Place) -> None:
        options = run.options
        assert isinstance(options, SpeechOptions)
        self.run, self.options, self.place = run, options, place
        if run.init_from is None and options.rates.llm is None and options.helps.decoder:
            raise ConfigError(
                f"run {run.name!r} freezes the language model and begins from no weights, so it would learn from noise;"
                f" name some with --set {run.name}:init_from=FOLDER."
            )
        self.data = data_folder(place, options.data, options.prepare, options.small)
        config = options.sizes()
        self.tokenizer = Tokenizer.load(options.tokenizer or PRESETS / options.model)
        self.layout = self.tokenizer.layout(config.lm.decoder.vocab_size)
        sounds = Sounds(self.data / options.sounds, self.data / options.codes)
        longest = config.lm.decoder.max_positions
        word_ids = sorted(set(range(self.layout.pad)) - set(range(256)))  # what may be misread: tokens of several bytes
        self.builder, self.plain = (
            Builder(
                self.tokenizer,
                variant(config.variant),
                sounds,
                layout=self.layout,
                longest=longest,
                piece_s=piece_s,
                misread=word_ids,
            )
            for piece_s in (options.piece_s, (float(PIECE_S), float(PIECE_S)))
        )
        torch.manual_seed(run.seed)
        self.model: Learner = Learner(config.lm, self.layout.pad, options.helps).to(place.device)
        self._begin_ears()
        freeze(self.model, options.rates)
        self.hears = any(task(part.task).hears for part in options.parts)
        self.collator = Collator(
            self.layout,
            config.lm.decoder.width,
            options.helps,
            sounds.wave,
        )
        self.mixture = Mixture(
            options.parts,
            [RecordFile(self.data / part.records) for part in options.parts],
            self._build,
            seed=run.seed,
            batch=options.batch,
            longest=run.longest or longest,
            by_tokens=options.by_tokens,
        )
        self.weights = _weights(options)

    # --- what the loop asks ------------------------------------------------------------------------------------------

    def turns(self) -> Sequence[Turn]:
        return [Turn(name="speech", groups=groups(self.model, self.options.rates))]

    def items(self, step: int) -> Sequence[Example]:
        return self.mixture.items(step)

    def batch(self, items: Sequence[Any]) -> Batch:
        return self.collator.batch(items).to(self.place.device)

    def counts(self, batch: Batch) -> dict[str, float]:
        return self.model.counts(batch)

    def losses(self, batch: Batch, turn: str, step: int) -> Losses:
        found: Losses = self.model(batch)
        return found

    def units(self) -> Sequence[nn.Module]:
        return list(self.model.lm.model.layers) if self.options.helps.decoder else []

    def start_from(self, tensors: Mapping[str, Tensor]) -> None:
        """From an earlier run, or from the files of a model: fewer embeddings than ours are the first of ours."""
        if not any(name.startswith("lm.") for name in tensors):
            tensors = {f"lm.{name}": tensor for name, tensor in tensors.items()} | {"blank": self.model.blank.data}
        super().start_from(grown(tensors, self.model.state_dict()))
        self._begin_ears()

    def _begin_ears(self) -> None:
        if self.options.ears:
            held = self.place.weights(self.options.ears)
            self.model.lm.encoder.load_state_dict({k[8:]: v for k, v in held.items() if k.startswith("encoder.")})

    # --- data --------------------------------------------------------------------------------------------------------

    def _build(self, record: Record, seed: str, pseudo: bool) -> Example:
        last = self.options.learns == "last" and task(record.task).learns == "assistant"
        return self.builder.build(record, seed, pseudo=pseudo, learns="last" if last else None)

    def _dev(self) -> list[Record]:
        if not self.options.dev:
            return []
        known = {part.task for part in self.options.parts}
        held = [r for r in RecordFile(self.data / self.options.dev) if r.task in known and task(r.task).learns != "all"]
        return held[:: max(1, len(held) // self.options.dev_count)][: self.options.dev_count]

    # --- what the losses do not tell ---------------------------------------------------------------------------------

    @torch.no_grad()
    def evaluate(self, step: int) -> dict[str, float]:
        dev = self._dev()
        if not dev or not self.options.helps.decoder:
            return self._spelled(dev)
        replies, figures = self._replies(dev), dict[str, float]()
        for name in dict.fromkeys(record.task for record in dev):
            pairs = [(watch.reply_of(r), t) for r, t in zip(dev, replies, strict=True) if r.task == name]
            figures[f"{name}_wer"] = wer([a for a, _ in pairs], [b for _, b in pairs]).rate
        heard = [record for record in dev if record.heard]
        return figures | (self._hearing(heard, step) if heard else {})

    def _hearing(self, dev: Sequence[Record], step: int) -> dict[str, float]:
        """The four figures of `watch`, and a flag with a sentence when they say that it guesses."""
        pairs = watch.swapped(dev)
        if not pairs:
            return {}
        own, other = [a for a, _ in pairs], [b for _, b in pairs]
        slots = [watch.slots_of(record) for record in own]
        found = watch.Hearing(
            loss=self._reply_loss(own),
            swapped=self._reply_loss(other),
            slots=watch.share_found(slots, self._replies(own)),
            guessed=watch.share_found(slots, self._replies(other)),
        )
        sentence = watch.verdict(found, self.layout.vocab_size)
        if sentence and self.place.rank == 0:
            print(f"antiphon: run {self.run.name}, step {step}: {sentence}", file=sys.stderr, flush=True)
        return found.figures() | {"guessing": float(bool(sentence))}

    def _examples(self, records: Sequence[Record]) -> list[list[Example]]:
        """Held-out examples in batches; only the last reply is learned, and nothing varies."""
        real = {part.task for part in self.options.parts if part.pseudo < 0.5}
        made = [self.plain.build(r, f"dev {r.id}", pseudo=r.task not in real, learns="last") for r in records]
        return [made[n : n + DEV_BATCH] for n in range(0, len(made), DEV_BATCH)]

    def _reply_loss(self, records: Sequence[Record]) -> float:
        """Nats per token of text in the replies."""
        total, count = 0.0, 0.0
        for examples in self._examples(records):
            batch = self.collator.batch(examples, vary=False).to(self.place.device)
            total += float(self.model(batch).get("text", torch.zeros(())))
            count += self.model.counts(batch)["text"]
        return total / max(count, 1.0)

    def _replies(self, records: Sequence[Record]) -> list[str]:
        """What the model says to each record, as words."""
        said = []
        for examples in self._examples(records):
            batch = self.collator.batch(examples, vary=False).to(self.place.device)
            prompts = decode.prompts(self.model, examples, batch)
            limit = max(e.size - len(p) for e, p in zip(examples, prompts, strict=True)) * 5 // 4 + 8
            made = decode.greedy(self.model.lm, prompts, self.layout.eot, limit)
            aloud = [self.layout.starts_speaking(e.ids[: len(p)]) for e, p in zip(examples, prompts, strict=True)]
            said += [decode.words(m, self.tokenizer, self.layout, a) for m, a in zip(made, aloud, strict=True)]
        return said

    def _spelled(self, dev: Sequence[Record]) -> dict[str, float]:
        """What the rows of sound spell, where only the ears learn: word error rate by greedy CTC."""
        batches = [self.collator.batch(e, vary=False).to(self.place.device) for e in self._examples(dev)]
        pairs = [pair for batch in batches for pair in self.model.spell(batch)]
        texts = [(self.tokenizer.decode(a), self.tokenizer.decode(b)) for a, b in pairs]
        return {"reading_wer": wer([a for a, _ in texts], [b for _, b in texts]).rate} if texts else {}

    @torch.no_grad()
    def sample(self, step: int) -> Sequence[Sample]:
        dev = self._dev()[:4] if self.options.helps.decoder else []
        expected = [watch.reply_of(record) for record in dev]
        return [
            Sample(name=f"{n}-{r.task}", expected=e, text=t, error_rate=wer([e], [t]).rate if e else None)
            for n, (r, e, t) in enumerate(zip(dev, expected, self._replies(dev) if dev else (), strict=True))
        ]


def speech(run: Run, place: Place) -> SpeechStage:
    """The factory that runs name: `antiphon.train.speech:speech`."""
    return SpeechStage(run, place)


def grown(tensors: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors with as many embeddings as our own: those of words that were not known before are ours."""
    found = dict(tensors)
    for name, tensor in tensors.items():
        mine = own.get(name)
        if mine is not None and part_of(name) in ("embed", "head") and len(tensor) < len(mine):
            found[name] = torch.cat([tensor, mine[len(tensor) :].to(tensor)])
    return found


def _weights(options: SpeechOptions) -> dict[str, float]:
    helps = options.helps
    found = {name: getattr(options.weights, name) for name in MODALITIES}
    return found | {name: getattr(helps, name) for name in ("guide", "copy", "reading", "row_norm")}
