"""Who speaks: a voice for everybody of a conversation, with the attributes that it asks for known by construction.

    seen      the voices that training hears: recorded ones, and made ones but for an eighth
    unseen    the others of those that are made: cells of (accent, gender, age, timbre, style, tract, pitch), found by a
              stable hash as wordings are, and a whole accent
    strange   a recorded speaker that training never hears, where there is one in the language and he can do it

What a conversation does not ask for is drawn, but never so that it hides what it asks for (`SUITS`). Ages are further
apart here than in the table of speakers, since they are meant to be told apart; and a pitch that is asked for is one in
Hz, not one against others of that age and gender.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import log
from random import Random
from typing import Literal

from antiphon.data import prosody
from antiphon.data.engines import catalogue
from antiphon.data.engines.protocol import Controls, EngineVoice
from antiphon.data.grammar import fraction
from antiphon.data.prosody import EMOTIONS, RHYTHMS, Manner
from antiphon.data.skills.exchange import Who
from antiphon.data.speakers import ESPEAK_HZ, STYLE_SHARES, STYLES, Speaker, designed, recorded
from antiphon.errors import ConfigError

Cast = Literal["seen", "unseen", "strange"]
CASTS: tuple[Cast, ...] = ("seen", "unseen", "strange")
Voices = Mapping[str, Sequence[EngineVoice]]

HELD_CELLS = 0.125
HELD_ACCENT = "en-gb-westmidlands"
STRANGER = ("flite", "awb")
MADE = "espeak"
WIDTH_OF_TRACT, WIDTH_OF_PITCH = 0.03, 0.06  # of a cell; of the pitch, in natural logarithms

PITCH_HZ = {"low": (78.0, 102.0), "medium": (138.0, 172.0), "high": (235.0, 310.0)}
OLD_ENOUGH, GROWN = ("young", "middle-aged", "elderly"), ("young", "middle-aged")
SUITS: dict[str, dict[str, tuple[str, ...]]] = {  # where one thing is asked for: what else lets it be heard
    "gender": {"age": OLD_ENOUGH, "style": ("modal",)},
    "age": {"pitch": ("medium",), "speed": ("normal",), "timbre": ("neutral",), "style": ("modal",)},
    "timbre": {"age": GROWN, "style": ("modal",)},
    "speed": {"age": GROWN, "style": ("modal",)},
    "rhythm": {"speed": ("normal",), "style": ("modal",)},
    "style": {"timbre": ("neutral",), "age": GROWN, "speed": ("normal",)},
    "emotion": {"timbre": ("neutral",), "pitch": ("medium",), "age": GROWN, "speed": ("normal",), "style": ("modal",)},
}
AGE_MANNER = {
    "child": Manner(speed=1.04),
    "young": Manner(speed=1.05, pitch=1.06),
    "middle-aged": Manner(speed=0.97, pitch=0.92, tilt=-3.0),
    "elderly": Manner(speed=0.86, breath=0.08, rough=0.15),
}
MADE_ONLY = frozenset({"age", "timbre", "pitch"})  # no recorded voice has all classes of these
FREE_EMOTION, FREE_RHYTHM = 0.2, 0.15  # shares of those who are not neutral or even, where nothing depends on it


@dataclass(frozen=True, kw_only=True)
class Performance:
    """How one stretch is said: by whom, feeling what, in which rhythm, and the controls that make it so."""

    speaker: Speaker
    emotion: str = "neutral"
    rhythm: str = "even"
    controls: Controls
    gain_db: float = 0.0

    @property
    def voice(self) -> EngineVoice:
        return catalogue.voice(self.speaker.engine, self.speaker.voice)


def speaker(rng: Random, who: Who, language: str, cast: Cast, voices: Voices, shares: Mapping[str, float],
            free: bool) -> Speaker:  # fmt: skip
    """Draw a speaker of a language, of the classes that `who` names. With `free`, styles vary where none is named.

    Raises:
        ConfigError: nobody here speaks the language.
    """
    wish = _wish(rng, who, free)
    able = _able(who, language, cast, voices, shares)
    while True:
        engine = rng.choices(list(able), [shares.get(name, 0.0) for name in able])[0]
        voice = rng.choice(able[engine])
        found = _made(rng, who, wish) if voice.gender == "any" else recorded(rng, voice, wish)
        found = replace(found, engine=engine, voice=voice.name, language=language, accent=voice.accent)
        if voice.gender != "any" or is_held(found) == (cast != "seen"):
            return replace(found, id=identity(found))


def _able(who: Who, language: str, cast: Cast, voices: Voices, shares: Mapping[str, float]) -> dict[str, list[EngineVoice]]:  # noqa: E501
    """The voices of a cast that can be of the classes that are asked for."""
    made_only = any(getattr(who, name) for name in MADE_ONLY) or who.style not in ("", "modal")
    made_only |= bool(who.style and who.emotion) or who.emotion not in ("", "neutral") or cast == "unseen"
    found = dict[str, list[EngineVoice]]()
    for engine, theirs in voices.items():
        for voice in theirs:
            if voice.language != language or shares.get(engine, 0) <= 0 or (voice.gender != "any" and made_only):
                continue
            if voice.gender not in ("any", who.gender or voice.gender) or (engine, voice.name) == STRANGER:
                continue
            if cast == "seen" and voice.name == HELD_ACCENT:
                continue
            found.setdefault(engine, []).append(voice)
    if cast == "strange" and not made_only and language == "en" and who.gender in ("", "male"):
        strange = [voice for voice in voices.get(STRANGER[0], ()) if voice.name == STRANGER[1]]
        found = {STRANGER[0]: strange} if strange else found
    if not found:
        raise ConfigError(f"nobody of the cast {cast!r} speaks {language!r} here; give the engine {MADE!r} a share.")
    return found


def _wish(rng: Random, who: Who, free: bool) -> dict[str, str]:
    """The classes that a speaker must be of: those that are asked for, and those that let them be heard."""
    wish = {name: value for name in ("gender", "age", "timbre", "pitch", "speed", "style")
            if (value := getattr(who, name))}  # fmt: skip
    for name, suits in SUITS.items():
        for other, classes in suits.items() if getattr(who, name) else ():
            wish.setdefault(other, rng.choice(classes))
    style = rng.choices(STYLES, STYLE_SHARES)[0] if free else "modal"
    wish.setdefault("style", style)
    if wish["style"] != "modal" and wish.get("timbre") == "hoarse":
        wish["style"] = "modal"
    return wish


def _made(rng: Random, who: Who, wish: Mapping[str, str]) -> Speaker:
    """A made speaker whose age is plain, and whose pitch is in Hz where it is asked for."""
    if who.pitch:
        wish = {**wish, **_of_pitch(rng, who)}
    found = designed(rng, wish)
    assert found.age is not None
    controls = prosody.apply(found.controls, AGE_MANNER[found.age])
    if who.pitch:
        controls = replace(controls, pitch=round(rng.uniform(*PITCH_HZ[who.pitch]) / ESPEAK_HZ, 3))
    return replace(found, controls=controls)


def _of_pitch(rng: Random, who: Who) -> dict[str, str]:
    """Who may have such a pitch."""
    may = {"low": ("male",), "medium": ("male", "female"), "high": ("female",)}[who.pitch]
    return {"gender": who.gender or rng.choice(may), "age": who.age or rng.choice(GROWN), "style": "modal"}


def is_held(who: Speaker) -> bool:
    """Whether training never hears a made speaker: his accent is held out, or his cell is."""
    return who.voice == HELD_ACCENT or fraction("voice", *_cell(who)) < HELD_CELLS


def _cell(who: Speaker) -> tuple[str, ...]:
    tract, pitch = who.controls.tract / WIDTH_OF_TRACT, log(who.controls.pitch) / WIDTH_OF_PITCH
    return (who.voice, who.gender, str(who.age), who.timbre, who.style, str(round(tract)), str(round(pitch)))


def identity(who: Speaker) -> str:
    """A name for a voice: who has the same one sounds the same."""
    how = who.controls
    numbers = (how.pitch, how.tract, how.range, how.breath, how.rough, how.tilt)
    return f"{who.engine}-{who.voice}-{int(fraction(*_cell(who), *map(str, numbers)) * 16**8):08x}"


def performance(rng: Random, speaker: Speaker, who: Who, free: bool) -> Performance:
    """How a speaker says one stretch: as `who` asks for; where he asks for nothing, plainly, or freely."""
    voice = catalogue.voice(speaker.engine, speaker.voice)
    emotion, rhythm = who.emotion or "neutral", who.rhythm or "even"
    if free and not who.emotion and rng.random() < FREE_EMOTION:
        emotion = rng.choice([name for name in EMOTIONS if prosody.able(EMOTIONS[name], voice, speaker)])
    if free and not who.rhythm and rng.random() < FREE_RHYTHM:
        rhythm = rng.choice([name for name in RHYTHMS if prosody.able(RHYTHMS[name], voice, speaker)])
    for what, manner in ((emotion, EMOTIONS[emotion]), (rhythm, RHYTHMS[rhythm])):
        if not prosody.able(manner, voice, speaker):
            raise ConfigError(f"{speaker.engine}-{speaker.voice} cannot be {what}; cast another voice.")
    controls = prosody.apply(speaker.controls, EMOTIONS[emotion], RHYTHMS[rhythm])
    return Performance(speaker=speaker, emotion=emotion, rhythm=rhythm, controls=controls,
                       gain_db=EMOTIONS[emotion].gain_db)  # fmt: skip
