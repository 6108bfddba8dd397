"""How nano itself speaks: its own voice, fifteen others that it can take on, and what a manner does to each of them.

Its own voice is recorded in English and made in Chinese, where no recorded voice is free. Of the others three are
recorded (men, in English) and twelve are made, one of each kind; the made ones speak both languages alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from random import Random

from antiphon.data import prosody
from antiphon.data.engines import catalogue
from antiphon.data.engines.protocol import Controls, EngineVoice
from antiphon.data.prosody import EMOTIONS
from antiphon.data.skills import cast
from antiphon.data.skills.exchange import Language, Manner, Who

OWN, FOUND = "own", "found"
WHISPER_DB = -9.0


@dataclass(frozen=True, kw_only=True)
class Sung:
    """A voice of nano's in one language: an engine's voice and the controls that make it this one."""

    engine: str
    voice: str
    controls: Controls = Controls()

    @property
    def made(self) -> EngineVoice:
        return catalogue.voice(self.engine, self.voice)


@dataclass(frozen=True, kw_only=True)
class Manners:
    """What a manner does: to a voice that obeys everything, or to a recorded one; and how loud it is."""

    controls: Controls
    gain_db: float = 0.0
    whispers: bool = False  # the tone is taken out afterwards


RECORDED: dict[str, tuple[str, str]] = {OWN: ("festival", "slt"), "rms": ("flite", "rms"),
                                        "kal": ("festival", "kal"), "ked": ("festival", "ked")}  # fmt: skip
KINDS: tuple[Who, ...] = (
    Who(gender="male", age="child"), Who(gender="female", age="child"),
    Who(gender="male", age="young", timbre="bright"), Who(gender="male", age="young", timbre="neutral"),
    Who(gender="female", age="young", timbre="bright"), Who(gender="female", age="young", timbre="dark"),
    Who(gender="male", age="middle-aged", timbre="dark"), Who(gender="male", age="middle-aged", timbre="hoarse"),
    Who(gender="female", age="middle-aged", timbre="neutral"),
    Who(gender="female", age="middle-aged", timbre="hoarse"),
    Who(gender="male", age="elderly"), Who(gender="female", age="elderly"),
)  # fmt: skip
CHINESE_OWN = Controls(pitch=1.9, tract=1.15)
CHINESE_MEN = {"rms": Controls(pitch=1.0, tract=0.98), "kal": Controls(pitch=1.08, tract=1.03),
               "ked": Controls(pitch=0.92, tract=0.96)}  # fmt: skip


@cache
def presets() -> Mapping[str, Mapping[Language, Sung]]:
    """All voices by name, nano's own first; each speaks both languages."""
    found: dict[str, Mapping[Language, Sung]] = {}
    for name, (engine, voice) in RECORDED.items():
        chinese = CHINESE_MEN.get(name, CHINESE_OWN)
        found[name] = {"en": Sung(engine=engine, voice=voice),
                       "zh": Sung(engine="espeak", voice="cmn", controls=chinese)}  # fmt: skip
    every = {cast.MADE: tuple(catalogue.find(cast.MADE).voices)}
    for number, who in enumerate(KINDS):
        speaker = cast.speaker(Random(f"preset {number}"), replace(who, speed="normal", style="modal"), "en", "seen",
                               every, {cast.MADE: 1.0}, free=False)  # fmt: skip
        controls = replace(speaker.controls, speed=1.0)
        name = "-".join(part for part in (who.age, who.gender, who.timbre) if part)
        found[name] = {"en": Sung(engine="espeak", voice=speaker.voice, controls=controls),
                       "zh": Sung(engine="espeak", voice="cmn", controls=controls)}  # fmt: skip
    return found


def of_who(rng: Random, who: Who, language: Language) -> Sung:
    """A voice that fits a description, as a search for voices finds it."""
    every = {cast.MADE: tuple(catalogue.find(cast.MADE).voices)}
    wish = replace(who, speed="normal", style="modal", emotion="", rhythm="")
    speaker = cast.speaker(rng, wish, language, "seen", every, {cast.MADE: 1.0}, free=False)
    return Sung(engine=speaker.engine, voice=speaker.voice, controls=replace(speaker.controls, speed=1.0))


def mannered(voice: Sung, manner: Manner) -> Manners:
    """A voice in a manner.

    A made voice feels by the rules of `prosody`. A recorded one is played faster and so higher for happiness, lower and
    duller for sadness, which moves its formants a little too; its whisper is made of its own words without their tone.
    """
    own, whole = voice.controls, voice.made.gender == "any"
    if manner == "fast":
        return Manners(controls=replace(own, speed=own.speed * 1.4))
    if manner == "slow":
        return Manners(controls=replace(own, speed=own.speed * 0.68))
    if manner == "whisper":
        controls = replace(own, breath=1.0, rough=0.0) if whole else own
        return Manners(controls=controls, gain_db=WHISPER_DB, whispers=not whole)
    if manner in ("happy", "sad"):
        rule = EMOTIONS[manner]
        if whole:
            return Manners(controls=prosody.apply(own, rule), gain_db=rule.gain_db)
        higher = 1.12 if manner == "happy" else 0.91
        controls = replace(own, speed=own.speed * rule.speed, tract=own.tract * higher, pitch=own.pitch * higher,
                           tilt=own.tilt + rule.tilt)  # fmt: skip
        return Manners(controls=controls, gain_db=rule.gain_db)
    return Manners(controls=own)
