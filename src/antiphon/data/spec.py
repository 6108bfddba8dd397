"""What a corpus shall be, as data: `CorpusSpec`, from Python or from a JSON file; unknown fields are refused."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from importlib import import_module
from pathlib import Path
from typing import Any

from antiphon.data.engines.catalogue import find
from antiphon.data.prosody import EMOTIONS, RHYTHMS
from antiphon.data.skills import spec as skills
from antiphon.data.skills.spec import SkillSpec
from antiphon.data.surroundings import SURROUNDINGS
from antiphon.data.texts import source
from antiphon.errors import ConfigError
from antiphon.rates import HEARD_HZ

WORDS = frozenset({"name", "source", "language"})
COUNTS = frozenset({"clips", "seed", "rate", "shard", "speakers"})
SHARED = ("engines", "emotions", "rhythms", "surroundings")


@dataclass(frozen=True, kw_only=True)
class Texts:
    """Texts of one source, the language they are in, and their share of the corpus."""

    source: str
    language: str
    share: float = 1.0


@dataclass(frozen=True, kw_only=True)
class CorpusSpec:
    """A corpus: how many clips, said by whom, from which texts, and what is heard besides."""

    name: str
    clips: int
    seed: int = 0
    rate: int = HEARD_HZ  # Hz
    shard: int = 100  # clips that are made at a time and lie in one file
    speakers: int = 2000  # of each language
    texts: tuple[Texts, ...] = (Texts(source="world", language="en"),)
    engines: Mapping[str, float] = field(default_factory=lambda: {"espeak": 0.6, "flite": 0.2, "festival": 0.2})
    emotions: Mapping[str, float] = field(default_factory=lambda: {"neutral": 1.0})
    rhythms: Mapping[str, float] = field(default_factory=lambda: {"even": 1.0})
    surroundings: Mapping[str, float] = field(default_factory=lambda: {"clean": 1.0})
    judged: float = 0.0  # share of clean English clips by recorded voices that a recogniser must understand (slow)

    def __post_init__(self) -> None:
        if not self.name.replace("-", "").replace("_", "").isalnum():
            raise ConfigError(f"name is {self.name!r}; use letters, digits, - and _, since clips are named after it.")
        for name in ("clips", "shard", "speakers", "rate"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; give at least 1.")
        if not 0 <= self.judged <= 1:
            raise ConfigError(f"judged is {self.judged}; give a share between 0 and 1.")
        if not self.texts:
            raise ConfigError("texts is empty; name at least one source of texts.")
        for text in self.texts:
            source(text.source)
        for name in self.engines:
            find(name)
        for what, known in (("emotions", EMOTIONS), ("rhythms", RHYTHMS), ("surroundings", SURROUNDINGS)):
            for name in getattr(self, what):
                if name not in known:
                    raise ConfigError(f"{what} has {name!r}; use some of {', '.join(known)}.")
        shares = {"texts": [text.share for text in self.texts]}
        for what in SHARED:
            shares[what] = list(getattr(self, what).values())
        for what, given in shares.items():
            if not given or min(given) < 0 or sum(given) <= 0:
                raise ConfigError(f"the shares of {what} are {given}; give shares of 0 or more that are not all 0.")

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(text.language for text in self.texts))

    @property
    def rates(self) -> dict[str, int]:
        """The sets of a corpus and their rates; the index of the last one is written last."""
        return {"shards": self.rate}

    @property
    def digest(self) -> str:
        """A short name of all that makes one corpus differ from another, save how long it is."""
        values = {name: value for name, value in to_json(self).items() if name != "clips"}
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


AnySpec = CorpusSpec | SkillSpec


def to_json(spec: AnySpec) -> dict[str, Any]:
    """The specification as plain values."""
    return skills.to_json(spec) if isinstance(spec, SkillSpec) else asdict(spec)


def from_json(values: object) -> AnySpec:
    """The specification that plain values describe: of conversations where their `kind` is "skills".

    Raises:
        ConfigError: a field is unknown, missing or of the wrong kind.
    """
    if not isinstance(values, dict):
        raise ConfigError(f"a corpus was described by a {type(values).__name__}; give an object of fields.")
    if values.get("kind") == skills.KIND:
        return skills.from_json(values)
    if "texts" in values:
        if not isinstance(values["texts"], list | tuple):
            raise ConfigError(f"texts is {values['texts']!r}; give a list of objects.")
        values = {**values, "texts": tuple(_checked(Texts, text, "texts: ") for text in values["texts"])}
    spec: CorpusSpec = _checked(CorpusSpec, values)
    return spec


def _plain(name: str, value: Any) -> Any:
    """A value of a field, checked: words are words, counts are whole, shares are numbers."""
    whole, shares = isinstance(value, int) and not isinstance(value, bool), name in SHARED
    if name in COUNTS and not whole:
        raise ConfigError(f"{name} is {value!r}; give a whole number.")
    if name in WORDS and not isinstance(value, str):
        raise ConfigError(f"{name} is {value!r}; give a word in quotes.")
    if name in ("share", "judged") or shares:
        given = value.values() if isinstance(value, dict) else [value]
        if shares != isinstance(value, dict) or not all(isinstance(x, int | float) for x in given):
            raise ConfigError(f"{name} is {value!r}; give {'names with their shares' if shares else 'a number'}.")
        return {key: float(x) for key, x in value.items()} if shares else float(value)
    return value


def _checked(kind: type[Any], values: object, place: str = "") -> Any:
    if not isinstance(values, dict):
        raise ConfigError(f"{place}found a {type(values).__name__}; give an object of fields.")
    known = {f.name for f in fields(kind)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise ConfigError(f"{place}the field {unknown[0]!r} is unknown; use some of {', '.join(sorted(known))}.")
    try:
        return kind(**{name: _plain(name, value) for name, value in values.items()})
    except TypeError as error:
        wrong = str(error).split("__init__() ")[-1]
        raise ConfigError(f"{place}{wrong}; check the description of the corpus.") from error


def load(name: str) -> AnySpec:
    """A specification by the path of a JSON file, or by `module:function`, whose function returns it.

    Raises:
        ConfigError: there is nothing of that name, or it is no specification.
    """
    module, found, function = name.partition(":")
    if found and not Path(name).exists():
        try:
            made = getattr(import_module(module), function)()
        except (ImportError, AttributeError) as error:
            raise ConfigError(f"the corpus {name!r} cannot be had ({error}); check the name.") from error
        if not isinstance(made, CorpusSpec | SkillSpec):
            raise ConfigError(f"{name} returned a {type(made).__name__}; it must return a CorpusSpec or SkillSpec.")
        return made
    try:
        return from_json(json.loads(Path(name).read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(f"{name} cannot be read ({error.strerror}); give a JSON file or module:function.") from error
    except ValueError as error:
        raise ConfigError(f"{name} is not JSON ({error}); correct it there.") from error
