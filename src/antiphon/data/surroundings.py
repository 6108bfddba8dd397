"""What is heard besides the speaker: a scene or noise behind, an event or a sound of the voice beside, a room around.

Every sound keeps its truth: what happened, and from when to when in the finished clip.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from antiphon.data.augment import (
    BANDS,
    CODECS,
    COLOURS,
    add_noise,
    background,
    code,
    limit_band,
    mix,
    reverberate,
)
from antiphon.data.engines.protocol import Samples, Span, Speech
from antiphon.data.events import EVENTS, event
from antiphon.data.rooms import ROOMS, room
from antiphon.data.scenes import SCENES, scene
from antiphon.data.vocal import VOCAL_SOUNDS, Person, vocal

SCENE_DB = (6.0, 20.0)  # how much louder than its scene a speaker is
EVENT_DB = (-3.0, 12.0)  # than an event beside it
PEAK = 0.95
SHORTEST_S = 2.0
EVENT_S = (0.8, 2.0)


@dataclass(frozen=True, kw_only=True)
class Heard:
    """Speech in its surroundings; `events` are (what, start s, end s), `truth` what else is known, as JSON has it."""

    speech: Speech
    events: tuple[tuple[str, float, float], ...] = ()
    truth: dict[str, Any]


Surround = Callable[[Speech, np.random.Generator, Person | None], Heard]


def surround(kind: str, speech: Speech, rng: np.random.Generator, who: Person | None) -> Heard:
    """Put speech into surroundings; `who` speaks, where that is known, and coughs with the same voice."""
    heard = SURROUNDINGS[kind](speech, rng, who)
    loudest = float(np.abs(heard.speech.audio).max(initial=0.0))
    if loudest <= PEAK:
        return heard
    return replace(heard, speech=_sounding(heard.speech, heard.speech.audio * np.float32(PEAK / loudest)))


def _clean(speech: Speech, rng: np.random.Generator, who: Person | None) -> Heard:
    return Heard(speech=speech, truth={})


def _scene(speech: Speech, rng: np.random.Generator, who: Person | None) -> Heard:
    kind, seconds = _one(rng, SCENES), len(speech.audio) / speech.rate
    bed = scene(kind, rng, max(seconds, SHORTEST_S), speech.rate)
    audio, done = mix(speech.audio, bed.audio[: len(speech.audio)], _db(rng, SCENE_DB), 0.0, speech.rate)
    events = [(s.what, s.start_s, min(s.end_s, seconds)) for s in bed.happened if s.start_s < seconds]
    return Heard(speech=_sounding(speech, audio), events=_rounded(events), truth={"scene": kind, **done})


def _event(speech: Speech, rng: np.random.Generator, who: Person | None) -> Heard:
    """An event that begins anywhere, and may go on after the last word."""
    kind = _one(rng, EVENTS)
    sound = event(kind, rng, float(rng.uniform(*EVENT_S)), speech.rate)
    at_s = round(float(rng.uniform(0, len(speech.audio) / speech.rate)), 3)
    audio, done = mix(speech.audio, sound, _db(rng, EVENT_DB), at_s, speech.rate)
    span = (kind, at_s, at_s + len(sound) / speech.rate)
    return Heard(speech=_sounding(speech, audio), events=_rounded([span]), truth=done)


def _vocal(speech: Speech, rng: np.random.Generator, who: Person | None) -> Heard:
    """A cough, a laugh, a sigh: before the words or after them."""
    kind = _one(rng, VOCAL_SOUNDS)
    sound = vocal(kind, rng, who, speech.rate)
    loud = np.abs(speech.audio).max() / np.abs(sound).max() * 10 ** (-float(rng.uniform(0.0, 6.0)) / 20)
    sound = (sound * loud).astype(np.float32)
    before = bool(rng.random() < 0.5)
    pieces = [sound, speech.audio] if before else [speech.audio, sound]
    start_s = 0.0 if before else len(speech.audio) / speech.rate
    later = len(sound) / speech.rate if before else 0.0
    words, phones = ([(what, a + later, b + later) for what, a, b in spans] for spans in (speech.words, speech.phones))
    joined = Speech(audio=np.concatenate(pieces), rate=speech.rate, words=_rounded(words), phones=_rounded(phones))
    span = (kind, start_s, start_s + len(sound) / speech.rate)
    return Heard(speech=joined, events=_rounded([span]), truth={})


def _room(speech: Speech, rng: np.random.Generator, who: Person | None) -> Heard:
    audio, done = reverberate(speech.audio, room(_one(rng, ROOMS), rng, speech.rate))
    return Heard(speech=_sounding(speech, audio), truth=done)


def _noise(speech: Speech, rng: np.random.Generator, who: Person | None) -> Heard:
    kind = _one(rng, COLOURS)
    behind = background(kind, rng, len(speech.audio) / speech.rate, speech.rate)
    audio, done = add_noise(speech.audio, behind, _db(rng, SCENE_DB), rng)
    return Heard(speech=_sounding(speech, audio), truth={"colour": kind, **done})


def _channel(speech: Speech, rng: np.random.Generator, who: Person | None) -> Heard:
    """A narrow band, or a codec."""
    if rng.random() < 0.5:
        audio, done = limit_band(speech.audio, speech.rate, _one(rng, BANDS))
    else:
        audio, done = code(speech.audio, speech.rate, _one(rng, CODECS))
    return Heard(speech=_sounding(speech, audio), truth=done)


def _sounding(speech: Speech, audio: Samples) -> Speech:
    return replace(speech, audio=audio)


def _one(rng: np.random.Generator, names: Iterable[str]) -> str:
    found = list(names)
    return found[int(rng.integers(len(found)))]


def _db(rng: np.random.Generator, ends: tuple[float, float]) -> float:
    return round(float(rng.uniform(*ends)), 1)


def _rounded(spans: Iterable[Span]) -> tuple[Span, ...]:
    return tuple((what, round(start, 4), round(end, 4)) for what, start, end in spans)


SURROUNDINGS: dict[str, Surround] = {
    "clean": _clean, "scene": _scene, "event": _event, "vocal": _vocal, "room": _room, "noise": _noise,
    "channel": _channel,
}  # fmt: skip
