"""The table of speakers: who they are is known, because they were made so.

A speaker is a voice of an engine and numbers that change it; `speaker(seed, n, ...)` makes as many as one likes.
espeak-ng makes speakers of any gender, age, timbre and style. A recorded voice keeps the gender of its speaker and has
no age that we could know; its speakers differ by the length of the vocal tract, the pitch, the pace and the tilt of
the spectrum.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from types import MappingProxyType

from antiphon.data.engines.protocol import Controls, EngineVoice
from antiphon.errors import ConfigError

GENDERS = ("female", "male")
AGES = ("child", "young", "middle-aged", "elderly")
TIMBRES = ("neutral", "bright", "dark", "hoarse")
PITCHES = {"low": (0.78, 0.90), "medium": (0.94, 1.07), "high": (1.12, 1.28)}  # against others of that age and gender
SPEEDS = {"slow": (0.72, 0.86), "normal": (0.93, 1.08), "fast": (1.18, 1.40)}
STYLES = ("modal", "whisper", "creak", "soft")

AGE_SHARES = (0.15, 0.35, 0.30, 0.20)
STYLE_SHARES = (0.79, 0.07, 0.07, 0.07)
ESPEAK_HZ = 102
MEAN_HZ = {"male": (280, 112, 104, 118), "female": (285, 212, 195, 176)}  # of the ages in turn
TRACT = {"male": (1.27, 1.02, 1.0, 0.98), "female": (1.28, 1.16, 1.14, 1.11)}
NO_WISH: Mapping[str, str] = MappingProxyType({})
RECORDED_REACH = 0.09  # how far a recorded voice may be bent before it is nobody's


@dataclass(frozen=True, kw_only=True)
class Speaker:
    """One speaker; `age` is None where nobody can know it."""

    id: str = ""
    engine: str = ""
    voice: str = ""
    language: str = ""
    accent: str = ""
    gender: str
    age: str | None
    timbre: str
    pitch: str
    speed: str
    style: str
    controls: Controls


def speaker(seed: int, number: int, voices: Mapping[str, Sequence[EngineVoice]], shares: Mapping[str, float],
            language: str) -> Speaker:  # fmt: skip
    """Speaker `number` of a language: a function of the seed and of the voices that there are."""
    rng = Random(f"{seed} speaker {language} {number}")
    able = {name: [v for v in found if v.language == language] for name, found in voices.items()}
    able = {name: found for name, found in able.items() if found and shares.get(name, 0) > 0}
    if not able:
        raise ConfigError(f"no engine with a share above 0 speaks {language!r}; give one a share.")
    engine = rng.choices(list(able), [shares[name] for name in able])[0]
    voice = rng.choice(able[engine])
    made = designed(rng) if voice.gender == "any" else recorded(rng, voice)
    return replace(made, id=f"{language}-{number:05d}", engine=engine, voice=voice.name, language=language,
                   accent=voice.accent)  # fmt: skip


def designed(rng: Random, wish: Mapping[str, str] = NO_WISH) -> Speaker:
    """A speaker made of nothing but numbers; `wish` names classes that it must be of, such as {"age": "child"}."""
    gender, age = rng.choice(GENDERS), rng.choices(range(len(AGES)), AGE_SHARES)[0]
    gender, age = wish.get("gender", gender), AGES.index(wish["age"]) if "age" in wish else age
    style = wish.get("style", rng.choices(STYLES, STYLE_SHARES)[0])
    timbre = wish.get("timbre", rng.choice(TIMBRES if style == "modal" else TIMBRES[:3]))
    pitch, speed = wish.get("pitch", rng.choice(list(PITCHES))), wish.get("speed", rng.choice(list(SPEEDS)))
    elderly = AGES[age] == "elderly"
    rough = {"hoarse": rng.uniform(0.5, 0.75)}.get(timbre, rng.uniform(0.0, 0.12)) + (0.2 if elderly else 0.0)
    breath = rng.uniform(0.0, 0.08)
    height = MEAN_HZ[gender][age] / ESPEAK_HZ * rng.uniform(*PITCHES[pitch])
    movement = rng.uniform(0.8, 1.5)
    if style == "whisper":
        breath, rough = 1.0, 0.0
    elif style == "creak":
        height, rough, movement = 0.68 * height, 1.0, 0.6
    elif style == "soft":
        breath = rng.uniform(0.35, 0.5)
    controls = Controls(
        speed=round(rng.uniform(*SPEEDS[speed]) * (0.95 if elderly else 1.0), 3),
        pitch=round(height, 3),
        range=round(movement, 3),
        tract=round(TRACT[gender][age] * rng.uniform(0.95, 1.05), 3),
        breath=round(breath, 3),
        rough=round(min(rough, 1.0), 3),
        tilt=round(_tilt(rng, timbre), 1),
    )
    return Speaker(gender=gender, age=AGES[age], timbre=timbre, pitch=pitch, speed=speed, style=style,
                   controls=controls)  # fmt: skip


def recorded(rng: Random, voice: EngineVoice, wish: Mapping[str, str] = NO_WISH) -> Speaker:
    """A relative of a recorded voice; where the pitch cannot be asked for, it goes with the length of the tract.

    Of `wish` timbre (but hoarse) and speed are obeyed.
    """
    timbre = wish.get("timbre", rng.choice(TIMBRES[:3]))
    speed = wish.get("speed", rng.choice(list(SPEEDS)))
    tract = rng.uniform(1 - RECORDED_REACH, 1 + RECORDED_REACH)
    pitch = rng.choice(list(PITCHES))
    height = rng.uniform(*PITCHES[pitch])
    if "pitch" not in voice.obeys:
        height = tract
        pitch = "low" if tract < 0.95 else "high" if tract > 1.05 else "medium"
    controls = Controls(speed=round(rng.uniform(*SPEEDS[speed]), 3), pitch=round(height, 3), tract=round(tract, 3),
                        tilt=round(_tilt(rng, timbre), 1))  # fmt: skip
    return Speaker(gender=voice.gender, age=None, timbre=timbre, pitch=pitch, speed=speed, style="modal",
                   controls=controls)  # fmt: skip


def _tilt(rng: Random, timbre: str) -> float:
    return {"bright": rng.uniform(9, 15), "dark": -rng.uniform(9, 15)}.get(timbre, rng.uniform(-2, 2))
