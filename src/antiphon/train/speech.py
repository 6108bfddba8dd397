"""The speech LM as a stage: every training of the curriculum in which the language model takes part.

    records ─Mixture─> examples of a step ─Collator─> batch ─Learner─> sums of each modality

What learns is named by part (adaptor, llm, ...), each with its rate; the rest is frozen. Every run that hears decodes
held-out records with their own sound and with that of others (`antiphon.train.watch`), and says so when it guesses.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from antiphon.errors import ConfigError
from antiphon.rates import PIECE_S
from antiphon.text.tokenizer import Tokenizer
from antiphon.text.variants import Variant, variant
from antiphon.train import watch
from antiphon.train.codec import tokenizer
from antiphon.train.codec.judge import judge_of
from antiphon.train.collate import Collator
from antiphon.train.examine import Examiner, rows_of_silence
from antiphon.train.examples import Builder, Example, packed
from antiphon.train.features import Feature, codes_by
from antiphon.train.learner import Batch, Learner
from antiphon.train.lexicon import Lexicon
from antiphon.train.mixture import Mixture
from antiphon.train.options import PRESETS, Rates, SpeechOptions
from antiphon.train.pack import first_fit
from antiphon.train.prepare import data_folder
from antiphon.train.records import Record, RecordFile, of_every_task
from antiphon.train.run import Run
from antiphon.train.sounds import Sounds
from antiphon.train.stage import Group, Losses, Place, Sample, Stage, Turn
from antiphon.train.tasks import MODALITIES, task
from antiphon.train.traits import Traits
from antiphon.weights.find import find

HEADS = ("phone.", "traits.")  # learned beside the model, and thrown away behind it
NUM_SILENT = 32  # examples in which a model's silence is looked for
PREFIXES = {
    "encoder": ("lm.encoder.", "phone.", "traits."),
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
        self.tokenizer = Tokenizer.load(options.tokenizer or _folder_of(options.model))
        self.layout = self.tokenizer.layout(config.lm.decoder.vocab_size)
        sounds = Sounds(self.data / options.sounds, self.data / options.codes, self._coder())
        longest = config.lm.decoder.max_positions
        self.builder, self.plain = self._builders(sounds, variant(config.variant), longest)
        torch.manual_seed(run.seed)
        lexicon = Lexicon.load(self.data / options.lexicon) if options.helps.phones or options.helps.aligned else None
        phones = len(lexicon.phones) if lexicon else 0
        traits = Traits.load(self.data / options.traits) if options.helps.traits else None
        weights = [traits.weights[name] for name in traits.classes] if traits else []
        self.model: Learner = Learner(config.lm, self.layout.pad, options.helps, phones, weights).to(place.device)
        self._begin_ears()
        freeze(self.model, options.rates)
        self.hears = any(task(part.task).hears for part in options.parts)
        self.collator = Collator(
            self.layout,
            config.lm.decoder.width,
            options.helps,
            sounds.wave,
            lexicon,
            traits,
        )
        judge = judge_of(options.judge or options.coder, place.runs)
        spoken = replace(options, voice=place.find(options.voice)) if options.voice else options
        self.examiner = Examiner(self.model, self.plain, self.collator, spoken, place.device, judge)
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
        items = self.mixture.items(step)
        if not self.options.pack:
            return items
        long = [item for item in items if len(item.ids) > self.options.pack]  # dropped and counted by the loop
        short = [replace(item, row=0) for item in items if len(item.ids) <= self.options.pack]
        return [*(packed(row) for row in first_fit(short, self.options.pack)), *long]

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
        """From an earlier run, or from the files of a model: fewer embeddings than ours are the first of ours.

        A model does not know the vector of nothing said, which only training has: its own ears tell what it is.
        """
        is_model = not any(name.startswith("lm.") for name in tensors)
        if is_model:
            tensors = {f"lm.{name}": tensor for name, tensor in tensors.items()} | {"blank": self.model.blank.data}
        own = self.model.state_dict()
        heads = {n: t for n, t in own.items() if n.startswith(HEADS)}
        rest = {n: t for n, t in tensors.items() if not n.startswith(HEADS)}
        kept = {n: tensors[n] for n, t in heads.items() if n in tensors and tensors[n].shape == t.shape}
        super().start_from(grown(rest, own) | heads | kept)
        if is_model:
            self._hear_silence()
        self._begin_ears()

    @torch.no_grad()
    def _hear_silence(self) -> None:
        records = [r for held in self.mixture.records for r in (held[n] for n in range(min(len(held), NUM_SILENT)))]
        spoken = [r for r in records if any(heard.audio for heard in r.heard)][:NUM_SILENT]
        examples = [self.plain.build(record, "silence") for record in spoken]
        if examples:
            self.model.eval()
            silent = rows_of_silence(self.model, self.collator, examples, self.place.device)
            if len(silent):
                self.model.blank.data.copy_(silent.mean(0))

    def _coder(self) -> Feature | None:
        """What writes the codes of replies. Raises ConfigError if its codes are not this model's."""
        if not self.options.coder:
            return None
        tokens = tokenizer.trained(self.place.find(self.options.coder))
        if tokens.config.num_codes != self.layout.num_codes:
            raise ConfigError(
                f"the coder {self.options.coder} has {tokens.config.num_codes} codes and the vocabulary of"
                f" {self.options.model} {self.layout.num_codes}; name the tokenizer whose codes this model speaks."
            )
        return codes_by(tokens)

    def _begin_ears(self) -> None:
        if self.options.ears:
            held = self.place.weights(self.options.ears)
            self.model.lm.encoder.load_state_dict({k[8:]: v for k, v in held.items() if k.startswith("encoder.")})
            if self.model.phone is not None and held["phone.weight"].shape == self.model.phone.weight.shape:
                self.model.phone.load_state_dict({k[6:]: v for k, v in held.items() if k.startswith("phone.")})

    # --- data --------------------------------------------------------------------------------------------------------

    def _builders(self, sounds: Sounds, asked: Variant, longest: int) -> tuple[Builder, Builder]:
        """What makes examples to learn from, and those to be looked at, which nothing varies."""
        options = self.options
        word_ids = sorted(set(range(self.layout.pad)) - set(range(256)))  # what may be misread: tokens of several bytes
        make = partial(Builder, self.tokenizer, asked, sounds, layout=self.layout, longest=longest, misread=word_ids)
        learnt = make(piece_s=options.piece_s, cut=options.helps.cut, slots=options.weights.slot > 0)
        return learnt, make(piece_s=(float(PIECE_S), float(PIECE_S)))

    def _build(self, record: Record, seed: str, pseudo: bool) -> Example:
        last = self.options.learns == "last" and task(record.task).learns == "assistant"
        return self.builder.build(record, seed, pseudo=pseudo, learns="last" if last else None)

    def _dev(self) -> list[Record]:
        if not self.options.dev:
            return []
        known = {part.task for part in self.options.parts}
        held = [r for r in RecordFile(self.data / self.options.dev) if r.task in known and task(r.task).learns != "all"]
        return of_every_task(held, self.options.dev_count)

    # --- what the losses do not tell ---------------------------------------------------------------------------------

    @torch.no_grad()
    def evaluate(self, step: int) -> dict[str, float]:
        dev = self._dev()
        if not dev or not self.options.helps.decoder:
            return self.examiner.spelled(dev)
        figures, heard = self.examiner.figures(dev), [record for record in dev if record.heard]
        return figures | (self._watched(heard, step) if heard else {})

    def _watched(self, heard: Sequence[Record], step: int) -> dict[str, float]:
        """Does it listen? A flag, and a sentence when it guesses."""
        found = self.examiner.hearing(heard)
        if found is None:
            return {}
        sentence = watch.verdict(found, self.layout.vocab_size)
        if sentence and self.place.rank == 0:
            print(f"antiphon: run {self.run.name}, step {step}: {sentence}", file=sys.stderr, flush=True)
        return found.figures() | {"guessing": float(bool(sentence))}

    @torch.no_grad()
    def sample(self, step: int) -> Sequence[Sample]:
        return self.examiner.samples(self._dev()) if self.options.helps.decoder else []


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


def _folder_of(model: str) -> Path:
    """Where a model's tokenizer lies: of a preset in the package, of a folder, or of what the hub holds."""
    shipped = PRESETS / model
    return shipped if shipped.is_dir() else find(model).folder


def _weights(options: SpeechOptions) -> dict[str, float]:
    helps = options.helps
    found = {name: getattr(options.weights, name) for name in MODALITIES}
    names = ("guide", "copy", "about", "reading", "row_norm", "phones", "aligned", "traits")
    return found | {name: getattr(helps, name) for name in names}
