"""What a corpus of conversations shall be, as data; in JSON it is the one whose `kind` is "skills"."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar

from antiphon.data.engines.catalogue import find
from antiphon.data.grammar import Split
from antiphon.data.skills import catalogue
from antiphon.data.skills.cast import CASTS, Cast
from antiphon.data.skills.exchange import LANGUAGES, SPLITS, Skill
from antiphon.errors import ConfigError
from antiphon.rates import HEARD_HZ, SPOKEN_HZ

KIND = "skills"
AROUND = ("clean", "room", "noise", "scene", "channel", "hard")
FOREIGN = ("fr", "de", "es", "it")
SHARED = ("tasks", "around", "engines")


@dataclass(frozen=True, kw_only=True)
class SkillSpec:
    """A corpus of conversations: of which tasks, in which languages, by which voices, in which surroundings."""

    name: str
    clips: int  # conversations
    seed: int = 0
    shard: int = 50
    tasks: Mapping[str, float] = field(default_factory=lambda: dict(catalogue.TASKS))
    only: tuple[str, ...] = ()  # skills of the tasks, by name; none: all
    language: str = ""  # en or zh; "": both
    split: Split = "train"
    cast: Cast = "seen"
    around: Mapping[str, float] = field(
        default_factory=lambda: {"clean": 0.55, "room": 0.15, "noise": 0.1, "scene": 0.1, "channel": 0.05, "hard": 0.05}
    )
    engines: Mapping[str, float] = field(default_factory=lambda: {"espeak": 0.7, "flite": 0.2, "festival": 0.1})
    aloud: bool = True  # whether the replies are spoken too
    presets: float = 0.0  # share of the conversations in which nano speaks in another of its voices than its own

    rate: ClassVar[int] = HEARD_HZ
    rates: ClassVar[Mapping[str, int]] = {"spoken": SPOKEN_HZ, "shards": HEARD_HZ}  # the index of `shards` comes last
    judged: ClassVar[float] = 0.0

    def __post_init__(self) -> None:
        if not self.name.replace("-", "").replace("_", "").isalnum():
            raise ConfigError(f"name is {self.name!r}; use letters, digits, - and _, since clips are named after it.")
        for name in ("clips", "shard"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; give at least 1.")
        if not 0 <= self.presets <= 1:
            raise ConfigError(f"presets is {self.presets}; give a share between 0 and 1.")
        for name in self.engines:
            find(name)
        known = (("split", (self.split,), SPLITS), ("cast", (self.cast,), CASTS), ("around", self.around, AROUND),
                 ("language", (self.language,), ("", *LANGUAGES)), ("tasks", self.tasks, catalogue.TASKS))  # fmt: skip
        for what, given, able in known:
            if wrong := [name for name in given if name not in able]:
                raise ConfigError(f"{what} has {wrong[0]!r}; use some of {', '.join(map(repr, able))}.")
        for what in SHARED:
            shares = list(getattr(self, what).values())
            if not shares or min(shares) < 0 or sum(shares) <= 0:
                raise ConfigError(f"the shares of {what} are {shares}; give shares of 0 or more that are not all 0.")
        if not self.skills or (lost := sorted(set(self.only) - {skill.name for skill in self.skills})):
            named = f"called {lost[0]!r}" if self.skills else "asked for"
            raise ConfigError(f"no skill of {', '.join(self.tasks)} is {named} and has the split {self.split!r} in "
                              f"{self.language or 'any language'}; choose others.")  # fmt: skip

    @property
    def skills(self) -> tuple[Skill, ...]:
        """The skills that are drawn from."""
        return tuple(
            skill
            for skill in catalogue.skills()
            if self.tasks.get(skill.task, 0) > 0
            and self.split in skill.splits
            and self.language in ("", skill.language)
            and (not self.only or skill.name in self.only)
        )

    @property
    def languages(self) -> tuple[str, ...]:
        """All languages that may be heard."""
        spoken = dict.fromkeys(skill.language for skill in self.skills)
        return (*spoken, *(FOREIGN if any(skill.name == "foreign" for skill in self.skills) else ()))

    @property
    def digest(self) -> str:
        """A short name of all that makes one corpus differ from another, save how long it is."""
        values = {name: value for name, value in to_json(self).items() if name != "clips"}
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]


def to_json(spec: SkillSpec) -> dict[str, Any]:
    """The specification as plain values."""
    return {"kind": KIND, **asdict(spec)}


def from_json(values: Mapping[str, Any]) -> SkillSpec:
    """The specification that plain values describe, `kind` among them.

    Raises:
        ConfigError: a field is unknown, missing or of the wrong kind.
    """
    kinds = {f.name: f.type for f in fields(SkillSpec)}
    given = {name: value for name, value in values.items() if name != "kind"}
    if unknown := sorted(set(given) - set(kinds)):
        raise ConfigError(f"the field {unknown[0]!r} is unknown; use some of {', '.join(sorted(kinds))}.")
    if missing := [name for name in ("name", "clips") if name not in given]:
        raise ConfigError(f"the field {missing[0]!r} is missing; add it to the description of the corpus.")
    return SkillSpec(**{name: _checked(name, value) for name, value in given.items()})


def _checked(name: str, value: Any) -> Any:
    if name in ("clips", "seed", "shard") and (not isinstance(value, int) or isinstance(value, bool)):
        raise ConfigError(f"{name} is {value!r}; give a whole number.")
    if name == "only":
        if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
            raise ConfigError(f"only is {value!r}; give a list of names of skills.")
        return tuple(value)
    if name in ("name", "language", "split", "cast") and not isinstance(value, str):
        raise ConfigError(f"{name} is {value!r}; give a word in quotes.")
    if name == "aloud" and not isinstance(value, bool):
        raise ConfigError(f"aloud is {value!r}; give true or false.")
    if name == "presets" and not isinstance(value, int | float):
        raise ConfigError(f"presets is {value!r}; give a number.")
    if name in SHARED:
        if not isinstance(value, dict) or not all(isinstance(x, int | float) for x in value.values()):
            raise ConfigError(f"{name} is {value!r}; give names with their shares.")
        return {key: float(x) for key, x in value.items()}
    return value
