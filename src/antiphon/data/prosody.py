"""Rules of emotion and rhythm: how a feeling changes pace, pitch, its movement, loudness and quality of a voice.

They are caricatures, and are meant to be told apart. A rule is used only with a voice whose engine obeys what the rule
needs (`able`), so a label never promises what was not done: festival's slt, for one, can be slowed and no more. Whisper
carries no pitch, so whisperers stay neutral.
"""

from dataclasses import dataclass, replace
from random import Random

from antiphon.data.engines.protocol import Control, Controls, EngineVoice
from antiphon.data.speakers import Speaker


@dataclass(frozen=True, kw_only=True)
class Manner:
    """What a feeling or a rhythm does to a speaker's own way of speaking: factors, and for the rest what is added."""

    speed: float = 1.0
    pitch: float = 1.0
    range: float = 1.0
    gain_db: float = 0.0
    tilt: float = 0.0
    breath: float = 0.0
    rough: float = 0.0
    gaps: float = 0.0
    needs: frozenset[Control] = frozenset({"speed", "pitch", "range"})


EMOTIONS = {
    "neutral": Manner(needs=frozenset()),
    "happy": Manner(speed=1.10, pitch=1.18, range=1.9, gain_db=2.0, tilt=3.0),
    "sad": Manner(speed=0.80, pitch=0.90, range=0.35, gain_db=-5.0, tilt=-4.0, breath=0.12),
    "angry": Manner(speed=1.16, pitch=1.08, range=1.5, gain_db=5.0, tilt=6.0, rough=0.25),
    "calm": Manner(speed=0.90, pitch=0.95, range=0.7, gain_db=-2.0, tilt=-2.0),
    "excited": Manner(speed=1.24, pitch=1.30, range=2.3, gain_db=4.0, tilt=4.0),
    "tired": Manner(speed=0.70, pitch=0.84, range=0.3, gain_db=-6.0, tilt=-5.0, breath=0.2, gaps=0.04),
    "afraid": Manner(speed=1.18, pitch=1.34, range=0.6, gain_db=-1.0, breath=0.15, rough=0.3),
}
RHYTHMS = {
    "even": Manner(needs=frozenset()),
    "halting": Manner(speed=0.95, needs=frozenset({"speed"})),
    "rushed": Manner(speed=1.28, needs=frozenset({"speed"})),
    "dragging": Manner(speed=0.70, needs=frozenset({"speed"})),
}
SLOWEST, FASTEST = 0.55, 1.9


def able(manner: Manner, voice: EngineVoice, speaker: Speaker) -> bool:
    """Whether this speaker can show it."""
    return manner.needs <= voice.obeys and ("pitch" not in manner.needs or speaker.style in ("modal", "soft"))


def apply(controls: Controls, *manners: Manner) -> Controls:
    """The speaker's controls, changed by each manner in turn."""
    for manner in manners:
        controls = replace(
            controls,
            speed=controls.speed * manner.speed,
            pitch=controls.pitch * manner.pitch,
            range=controls.range * manner.range,
            tilt=controls.tilt + manner.tilt,
            breath=min(1.0, controls.breath + manner.breath),
            rough=min(1.0, controls.rough + manner.rough),
            gaps=controls.gaps + manner.gaps,
        )
    speed = min(FASTEST, max(SLOWEST, controls.speed))
    return replace(controls, speed=round(speed, 3), pitch=round(controls.pitch, 3), range=round(controls.range, 3))


def marked(text: str, rhythm: str, rng: Random) -> str:
    """The text as the engine gets it: halting speakers have commas in it, rushed ones none. Needs spaces to act on."""
    words = text.split()
    if rhythm == "rushed":
        return " ".join([word.rstrip(",;:") or word for word in words[:-1]] + words[-1:])
    if rhythm != "halting" or len(words) < 3:
        return text
    stops = set(rng.sample(range(len(words) - 1), max(1, len(words) // 3)))
    return " ".join(f"{word}," if n in stops and word[-1].isalnum() else word for n, word in enumerate(words))
