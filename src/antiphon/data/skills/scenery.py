"""One turn as it is heard: its parts laid out in time, then a room, noise or a narrow line around all of it.

    speech ───────            a part follows the part before it, after a pause,
                 speech ─     unless it is `over` that one and begins with it;
    bed    ───────            a part that is `under` lies below the next, as long as that lasts

Every part keeps its truth: when it begins and ends, and how it was mixed. The draws of sounds hang on a name in which
the split stands, so a sound that was held out cannot come again in any training, whatever its seed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from antiphon.data.augment import CODECS, COLOURS, add_noise, background, code, limit_band, reverberate
from antiphon.data.engines.protocol import Samples
from antiphon.data.events import event
from antiphon.data.grains import Wave, rms
from antiphon.data.instruments import INSTRUMENTS, TEMPI, music
from antiphon.data.rooms import room
from antiphon.data.scenes import SCENES, scene
from antiphon.data.skills.exchange import Part
from antiphon.data.vocal import Person, vocal

EDGE_S, PAUSE_S, OVER_S = (0.08, 0.4), (0.2, 0.5), (0.0, 0.25)
EVENT_S, UNDER_S, MUSIC_S, SILENCE_S = (1.3, 2.4), 0.8, (3.5, 5.0), (0.6, 3.0)
SHORTEST_SCENE_S = 2.0
ALONE_SCENE_S = (2.5, 4.5)
LOUDNESS_DB = (-4.0, 1.0)  # of the peak of a sound beside speech, against that of the speech
SCENE_BELOW_DB, EVENT_BELOW_DB = (3.0, 13.0), (-3.0, 8.0)  # mean power against that of the speech above it
FAINT_DB = (-70.0, -46.0)  # noise of a silence that is not digital
NOISE_DB, HARD_DB = (8.0, 25.0), 10.0
ROOM_SHARES = {"booth": 0.25, "room": 0.45, "hall": 0.22, "church": 0.08}
HARD_ROOMS = ("room", "hall")
PEAK = 0.95


@dataclass(frozen=True, kw_only=True)
class Voiced:
    """A part that somebody says: its sound at the rate of the turn, and what is known of it."""

    audio: Samples
    truth: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Laid:
    """A turn: float32 mono [n], and the truth about each of its parts in the order of the turn."""

    audio: Samples
    parts: tuple[dict[str, Any], ...]


def lay(parts: Sequence[Part], voiced: Sequence[Voiced | None], people: Mapping[str, Person], level: float,
        rng: np.random.Generator, rate: int) -> Laid:  # fmt: skip
    """Lay the parts of a turn out; `voiced` holds the sound of those that are said, `level` is the peak of a voice."""
    placed: list[tuple[int, Samples]] = []
    truths: list[dict[str, Any]] = [{} for _ in parts]
    cursor, begin = _seconds(rng, EDGE_S, rate), 0
    below: list[int] = []
    for number, part in enumerate(parts):
        if part.under and number + 1 < len(parts):
            below.append(number)
            continue
        said = voiced[number]
        audio, truth = (said.audio, dict(said.truth)) if said else sound(part, people, level, rng, rate)
        if part.over and number:
            begin += _seconds(rng, OVER_S, rate)
        else:
            begin = cursor + (_seconds(rng, PAUSE_S, rate) if placed else 0)
        for under in below:
            bed, how = _bed(parts[under], audio, rng, rate)
            placed.append((begin, bed))
            truths[under] = _truth(parts[under], begin, len(bed), rate) | how
        below = []
        placed.append((begin, audio))
        truths[number] = _truth(part, begin, len(audio), rate) | truth
        cursor = max(at + len(piece) for at, piece in placed)
    canvas = np.zeros(cursor + _seconds(rng, EDGE_S, rate))
    for at, piece in placed:
        canvas[at : at + len(piece)] += piece
    return Laid(audio=_within(canvas), parts=tuple(truths))


def sound(part: Part, people: Mapping[str, Person], level: float, rng: np.random.Generator,
          rate: int) -> tuple[Samples, dict[str, Any]]:  # fmt: skip
    """A part that nobody says, alone."""
    if part.kind == "silence":
        n, faint = _seconds(rng, SILENCE_S, rate), bool(rng.random() < 0.7)
        floor = 10 ** (float(rng.uniform(*FAINT_DB)) / 20) if faint else 0.0
        return (floor * rng.standard_normal(n)).astype(np.float32), {}
    truth: dict[str, Any] = {}
    if part.kind == "vocal":
        made = vocal(part.what, rng, people.get(part.who.name), rate)
    elif part.kind == "event":
        made = event(part.what, rng, float(rng.uniform(*EVENT_S)), rate)
    elif part.kind == "scene":
        whole = scene(part.what, rng, float(rng.uniform(*ALONE_SCENE_S)), rate)
        made, truth = whole.audio, {"happened": [[s.what, s.start_s, s.end_s] for s in whole.happened]}
    else:
        instrument = part.what or _one(rng, tuple(INSTRUMENTS))
        played = music(instrument, part.tempo or _one(rng, tuple(TEMPI)), rng, float(rng.uniform(*MUSIC_S)), rate)
        made, truth = played.audio, {"instrument": instrument, "tempo": played.tempo, "bpm": played.bpm}
    loud = level * 10 ** (float(rng.uniform(*LOUDNESS_DB)) / 20)
    return (made * (loud / max(float(np.abs(made).max()), 1e-6))).astype(np.float32), truth


def _bed(part: Part, above: Samples, rng: np.random.Generator, rate: int) -> tuple[Samples, dict[str, Any]]:
    """A sound that lies below another, as long as that lasts."""
    seconds = len(above) / rate
    if part.kind == "scene":
        made, reach = scene(part.what, rng, max(seconds, SHORTEST_SCENE_S), rate).audio, SCENE_BELOW_DB
    else:
        made, reach = event(part.what, rng, max(seconds, UNDER_S), rate), EVENT_BELOW_DB
    made, ratio_db = made[: len(above)], round(float(rng.uniform(*reach)), 1)
    scale = rms(above) / max(rms(made), 1e-6) * 10 ** (-ratio_db / 20)
    return (made * scale).astype(np.float32), {"ratio_db": ratio_db}


def _truth(part: Part, begin: int, count: int, rate: int) -> dict[str, Any]:
    known = {"kind": part.kind, "what": part.what, "text": part.text, "who": part.who.name}
    return {**{name: value for name, value in known.items() if value}, "start_s": round(begin / rate, 4),
            "end_s": round((begin + count) / rate, 4)}  # fmt: skip


# --- what is around a whole turn -------------------------------------------------------------------------------------


def around(kind: str, audio: Samples, rng: np.random.Generator, rate: int) -> tuple[Samples, dict[str, Any]]:
    """A turn in its surroundings: "hard" is noise of a scene or a colour at 10 dB in a room that echoes."""
    if kind == "clean":
        return audio, {}
    if kind == "channel":
        if rng.random() < 0.5:
            return limit_band(audio, rate, _one(rng, ("telephone", "wideband")))
        return code(audio, rate, _one(rng, tuple(CODECS)))
    if kind in ("noise", "scene"):
        return _noisy(audio, _one(rng, tuple(COLOURS if kind == "noise" else SCENES)), NOISE_DB, rng, rate)
    kinds = HARD_ROOMS if kind == "hard" else tuple(ROOM_SHARES)
    shares = None if kind == "hard" else list(ROOM_SHARES.values())
    wet, truth = reverberate(audio, room(str(rng.choice(kinds, p=shares)), rng, rate))
    if kind == "room":
        return wet, truth
    noisy, more = _noisy(wet, _one(rng, (*COLOURS, *SCENES)), (HARD_DB, HARD_DB), rng, rate)
    return noisy, {"room": truth, **more}


def _noisy(audio: Samples, what: str, reach: tuple[float, float], rng: np.random.Generator,
           rate: int) -> tuple[Samples, dict[str, Any]]:  # fmt: skip
    behind = background(what, rng, len(audio) / rate, rate)
    noisy, truth = add_noise(audio, behind, round(float(rng.uniform(*reach)), 1), rng)
    return noisy, {**truth, "background": what}


def _within(wave: Wave) -> Samples:
    loudest = float(np.abs(wave).max(initial=0.0))
    return (wave * min(1.0, PEAK / max(loudest, 1e-9))).astype(np.float32)


def _seconds(rng: np.random.Generator, ends: tuple[float, float], rate: int) -> int:
    return round(float(rng.uniform(*ends)) * rate)


def _one(rng: np.random.Generator, names: Sequence[str]) -> str:
    return names[int(rng.integers(len(names)))]


