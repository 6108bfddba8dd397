"""What a training of the speech LM is told, as data: sizes, records, what learns and how fast. Loads no torch."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from antiphon.config import ModelConfig, SpeechLMConfig, from_dict, read_json
from antiphon.errors import ConfigError
from antiphon.rates import PIECE_S
from antiphon.train.helps import Helps
from antiphon.train.tasks import WEIGHTS

PRESETS = Path(__file__).parent.parent / "presets"


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of a mixture: a task, its file of records, how much of it, and which share is heard as pseudo-sound.

    `slots` False: words that only hearing tells are learned as all others are, so that those of other parts weigh more.
    """

    task: str
    tokens: float  # billions, or any unit that all parts share
    records: str = ""
    pseudo: float = 0.0
    slots: bool = True

    def __post_init__(self) -> None:
        if self.tokens <= 0 or not 0 <= self.pseudo <= 1:
            raise ConfigError(
                f"the part {self.task} has {self.tokens} tokens and pseudo {self.pseudo};"
                " expected more than none, and a share from 0 to 1."
            )


def total(parts: tuple[Part, ...]) -> float:
    """All tokens of a mixture."""
    return sum(part.tokens for part in parts)


@dataclass(frozen=True, kw_only=True)
class Rates:
    """The peak learning rate of each part of the model; None: it is frozen."""

    encoder: float | None = None
    adaptor: float | None = None
    llm: float | None = None
    embed: float | None = None
    head: float | None = None

    def __post_init__(self) -> None:
        if not dict(self.moving()):
            raise ConfigError("no part of the model has a learning rate; give at least one of encoder to head.")

    def moving(self) -> Iterator[tuple[str, float]]:
        """The parts that learn, and how fast."""
        for f in fields(self):
            rate = getattr(self, f.name)
            if rate is not None:
                yield f.name, rate


@dataclass(frozen=True, kw_only=True)
class Weights:
    """The weight of each modality's loss; see `antiphon.train.tasks`."""

    text: float = WEIGHTS["text"]
    speech: float = WEIGHTS["speech"]
    text_pad: float = WEIGHTS["text_pad"]
    speech_pad: float = WEIGHTS["speech_pad"]
    tool: float = WEIGHTS["tool"]
    think: float = WEIGHTS["think"]
    slot: float = WEIGHTS["slot"]  # 0: such words are text like the others


@dataclass(frozen=True, kw_only=True)
class SpeechOptions:
    """One training of the speech LM."""

    model: str = "nano"  # a preset, whose sizes it has; or a folder
    tokenizer: str = ""  # a folder; "": the model's own. Another vocabulary changes the number of embeddings
    data: str = ""  # the folder of all that follows; "": `data` beside the runs
    prepare: str = ""  # module:function(folder, small) that makes what is missing there
    small: bool = False  # a smoke run: `prepare` makes very little
    sounds: str = "corpus"  # the shards that records refer to
    codes: str = "codes"  # the speech codes that records refer to, where they are already written; else
    coder: str = ""  # the run or model whose speech tokenizer writes them when they are first asked for
    judge: str = ""  # the run whose reader judges the codes of replies aloud; "": the coder, if it is a run
    voice: str = ""  # the model or export in whose voice samples are written; "": samples are text alone
    lexicon: str = "lexicon.json"  # how words are said, where phones are learned
    traits: str = "traits.jsonl"  # how sounds sound, where traits are learned
    parts: tuple[Part, ...]
    by_tokens: bool = True  # amounts of the parts are tokens; False: numbers of examples
    rates: Rates
    weights: Weights = field(default_factory=Weights)
    helps: Helps = field(default_factory=Helps)
    batch: int = 1600  # positions of a step
    pack: int = 0  # positions of a row that is filled with several examples; 0: a row for each
    piece_s: tuple[float, float] = (float(PIECE_S), float(PIECE_S))  # sounds are cut at a random length within
    learns: str = ""  # "last": the last reply of a conversation only; "": as each task says
    dev: str = ""  # held-out records; without them nothing is decoded, and nobody sees whether it listens
    dev_count: int = 48
    ears: str = ""  # the run whose encoder to begin with

    def smoke(self) -> "SpeechOptions":
        """The same with a handful of everything."""
        batch = min(self.batch, 800)
        return replace(self, data="", small=True, batch=batch, pack=min(self.pack, batch), dev_count=4)

    def sizes(self) -> ModelConfig:
        """The sizes of the model, with the vocabulary that belongs to the tokenizer. Raises ConfigError."""
        found = sizes_of(self.model)
        if not self.tokenizer:
            return found
        from antiphon.text.tokenizer import Tokenizer

        decoder = replace(found.lm.decoder, vocab_size=Tokenizer.load(self.tokenizer).num_ids)
        return replace(found, lm=replace(found.lm, decoder=decoder))


def sizes_of(model: str) -> ModelConfig:
    """The sizes of a preset, or of a folder in either layout."""
    if (Path(model) / "config.json").is_file():
        from antiphon.weights.folder import open_folder

        return open_folder(Path(model)).config
    places = (PRESETS / f"{model}.json", PRESETS / model / f"{model}.json", *sorted(Path(model).glob("*.json")))
    for place in places:
        if place.is_file() and "lm" in (held := read_json(place)):
            return from_dict(ModelConfig, held)
    raise ConfigError(f"there are no sizes of {model!r}; name a preset, or the folder of a model.")


def lm_sizes(model: str) -> SpeechLMConfig:
    """The sizes of a model's language-model side."""
    return sizes_of(model).lm
