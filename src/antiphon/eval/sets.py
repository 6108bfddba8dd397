"""The sets that nano is measured with: held-out wordings and fillings, by name, seed and size, made by the data engine.

    FOLDER/asr-seen-en/       a corpus of `antiphon data synth` for each set

Nothing in them is heard in training: their splits are held out by stable hashes, their sounds by the names of those
splits, and of their voices the unseen ones too. A set that is there is not made again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from antiphon.data.corpus import synthesise
from antiphon.data.grammar import Split
from antiphon.data.queue import Done
from antiphon.data.skills import catalogue
from antiphon.data.skills.cast import Cast
from antiphon.data.skills.classes import ELEVEN
from antiphon.data.skills.spec import SkillSpec
from antiphon.errors import ConfigError

SEED, SHARD = 90210, 50
CLEAN: Mapping[str, float] = {"clean": 1.0}
STRANGE = ("gender", "speed", "rhythm", "event", "scene", "vocal")  # what a recorded stranger can show
TOOLS = ("clock", "weather", "web search", "voice search")
PLAIN = {"en": ("greet", "fact", "say", "story"), "zh": ("greetings", "facts", "say")}


def _set(name: str, clips: int, task: str, split: Split, *, language: str = "", only: Sequence[str] = (),
         cast: Cast = "seen", around: Mapping[str, float] = CLEAN, aloud: bool = False) -> SkillSpec:  # fmt: skip
    """A set of some skills; those that hold nothing out of that kind are left out."""
    able = {s.name for s in catalogue.skills() if s.task == task and split in s.splits and language in ("", s.language)}
    only = [one for one in only if one in able]
    return SkillSpec(name=name, clips=clips, seed=SEED, shard=SHARD, tasks={task: 1.0}, only=tuple(only), split=split,
                     language=language, cast=cast, around=around, aloud=aloud)  # fmt: skip


@cache
def sets() -> dict[str, SkillSpec]:
    """Every set by its name."""
    found = [
        _set("asr-seen-en", 200, "transcribe", "slots", language="en"),
        _set("asr-unseen-en", 200, "transcribe", "slots", language="en", cast="unseen"),
        _set("asr-strange-en", 200, "transcribe", "slots", language="en", cast="strange"),
        _set("asr-seen-zh", 200, "transcribe", "slots", language="zh"),
        _set("arithmetic-en", 400, "talk", "slots", language="en", only=("arithmetic",)),
        _set("arithmetic-zh", 100, "talk", "slots", language="zh", only=("sums",)),
        _set("speech-en", 200, "speak", "slots", language="en", aloud=True),
        _set("tools-unseen", 100, "call", "slots", language="en", only=("described tool",)),
        _set("manner", 120, "manner", "slots", only=("say in a manner",)),
        _set("outside", 120, "outside", "slots"),
        *(_set(f"hear-{name}-strange", 60, "hear", "slots", language="en", only=(name,), cast="strange")
          for name in STRANGE),
    ]  # fmt: skip
    hard = replace(next(s for s in found if s.name == "asr-seen-en"), around={"hard": 1.0})
    splits: tuple[Split, ...] = ("template", "slots")
    for split in splits:
        found += [
            *(_set(f"answers-{lang}-{split}", 120 if lang == "en" else 60, "talk", split, language=lang, only=names)
              for lang, names in PLAIN.items()),
            _set(f"memory-{split}", 100, "talk", split, only=("memory",)),
            *(_set(f"{task}-{lang}-{split}", 60, task, split, language=lang, only=(f"{lang} to {other}",))
              for task in ("translate", "interpret") for lang, other in (("en", "zh"), ("zh", "en"))),
            *(_set(f"hear-{name}-{split}", 60, "hear", split, only=(name,)) for name in ELEVEN),
            _set(f"tools-yes-{split}", 120, "call", split, only=TOOLS),
            _set(f"tools-no-{split}", 100, "call", split, language="en", only=("no tool",)),
            _set(f"think-{split}", 60, "think", split),
            _set(f"react-{split}", 60, "react", split),
        ]  # fmt: skip
    return {spec.name: spec for spec in found} | {"asr-hard-en": hard}  # the same words and voices, in another place


def chosen(only: Sequence[str]) -> dict[str, SkillSpec]:
    """The sets whose names begin with one of some words; all without any.

    Raises:
        ConfigError: no set begins so.
    """
    for word in only:
        if not any(name.startswith(word) for name in sets()):
            raise ConfigError(f"no set begins with {word!r}; the sets are {', '.join(sets())}.")
    return {name: spec for name, spec in sets().items() if not only or name.startswith(tuple(only))}


def build(
    folder: Path, limit: int | None = None, only: Sequence[str] = (), workers: int = 1
) -> Iterator[tuple[str, Done]]:
    """Make what is missing; `limit` keeps each set short, and its first conversations the same."""
    for name, spec in chosen(only).items():
        wanted = spec if limit is None else replace(spec, clips=min(limit, spec.clips))
        yield name, synthesise(wanted, folder / name, workers)
