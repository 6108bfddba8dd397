"""One clip: planned, said, shaped, put into its surroundings, judged, and refused or kept.

    plan(spec, cast, 17, attempt=0)    who says what, how and where: a function of the seed and the number alone
    make(spec, cast, range(0, 100))    the clips of a shard; one that is refused is planned anew, as the next attempt
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from random import Random
from typing import Any

import numpy as np

from antiphon.data import filters, prosody, recogniser
from antiphon.data.engines import catalogue
from antiphon.data.engines.protocol import Controls, EngineVoice, Samples, Speech, Utterance, version
from antiphon.data.prosody import EMOTIONS, RHYTHMS
from antiphon.data.shaping import asked, finished
from antiphon.data.speakers import ESPEAK_HZ, Speaker, speaker
from antiphon.data.spec import CorpusSpec
from antiphon.data.store import to_int16
from antiphon.data.surroundings import surround
from antiphon.data.texts import Line, source
from antiphon.data.vocal import MAN, WOMAN, Person
from antiphon.errors import ConfigError

MOST_ATTEMPTS = 8
LEVEL_DB = (-14.0, -5.0)  # of the largest sample
LOUDEST = 0.95
EDGE_S = (0.05, 0.4)

Voices = Mapping[str, Sequence[EngineVoice]]
Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All that is decided about a clip before anything is said."""

    number: int
    attempt: int
    line: Line
    speaker: Speaker
    emotion: str
    rhythm: str
    surroundings: str
    spoken: str  # what the engine is given: the text with other commas
    controls: Controls  # the speaker's, changed by emotion and rhythm
    level_db: float
    edges_s: tuple[float, float]
    judged: bool


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A clip that was made and is not fit: which attempt, its words and voice, its sound and what is wrong with it."""

    attempt: int
    text: str
    voice: str
    audio: Samples
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A clip: its row without offsets, its sound, and the attempts before it."""

    row: Row
    audio: Samples
    refused: tuple[Refused, ...]


def voices_for(spec: CorpusSpec) -> dict[str, tuple[EngineVoice, ...]]:
    """The voices of this machine that can make a corpus; warns of those that it wishes for and that are not here."""
    return catalogue.available(tuple(spec.engines), spec.languages)


def plan(spec: CorpusSpec, voices: Voices, number: int, attempt: int) -> Plan:
    """Decide on a clip."""
    rng = Random(f"{spec.seed} {spec.name} clip {number} {attempt}")
    texts = rng.choices(spec.texts, [text.share for text in spec.texts])[0]
    line = source(texts.source)(Random(f"{spec.seed} {spec.name} text {number} {attempt}"))
    who = speaker(spec.seed, rng.randrange(spec.speakers), voices, spec.engines, texts.language)
    voice = catalogue.voice(who.engine, who.voice)
    able = {name: share for name, share in spec.emotions.items() if prosody.able(EMOTIONS[name], voice, who)}
    emotion = rng.choices(list(able), list(able.values()))[0] if sum(able.values()) > 0 else "neutral"
    rhythm = rng.choices(list(spec.rhythms), list(spec.rhythms.values()))[0]
    around = rng.choices(list(spec.surroundings), list(spec.surroundings.values()))[0]
    controls = prosody.apply(who.controls, EMOTIONS[emotion], RHYTHMS[rhythm])
    level = min(rng.uniform(*LEVEL_DB) + EMOTIONS[emotion].gain_db, 20 * np.log10(LOUDEST))
    return Plan(
        number=number,
        attempt=attempt,
        line=line,
        speaker=who,
        emotion=emotion,
        rhythm=rhythm,
        surroundings=around,
        spoken=prosody.marked(line.text, rhythm, rng),
        controls=controls,
        level_db=round(float(level), 2),
        edges_s=(round(rng.uniform(*EDGE_S), 3), round(rng.uniform(*EDGE_S), 3)),
        judged=rng.random() < spec.judged and around == "clean" and recogniser.fair(who.engine, who.voice),
    )


def make(spec: CorpusSpec, voices: Voices, numbers: Iterable[int]) -> list[Kept]:
    """Make clips; what is refused is replaced by the next attempt at the same number.

    Raises:
        ConfigError: a clip was refused too often.
    """
    waiting = {number: plan(spec, voices, number, 0) for number in numbers}
    order, refused = list(waiting), dict[int, list[Refused]]()
    kept = dict[int, Kept]()
    while waiting:
        for number, made in _attempt(spec, list(waiting.values())):
            before = refused.setdefault(number, [])
            if isinstance(made, Kept):
                kept[number] = replace(made, refused=tuple(before))
                kept[number].row["refused"] = [list(r.reasons) for r in before]
                del waiting[number]
                continue
            before.append(made)
            if len(before) == MOST_ATTEMPTS:
                raise ConfigError(f"clip {number} of {spec.name} was refused {MOST_ATTEMPTS} times, last because it is "
                                  f"{', '.join(made.reasons)}; change its texts or its engines.")  # fmt: skip
            waiting[number] = plan(spec, voices, number, len(before))
    return [kept[number] for number in order]


def _attempt(spec: CorpusSpec, plans: list[Plan]) -> list[tuple[int, Kept | Refused]]:
    """Say all plans, each engine's at one time; what became of each number."""
    made = list[tuple[int, Kept | Refused]]()
    for name in dict.fromkeys(p.speaker.engine for p in plans):
        mine = [p for p in plans if p.speaker.engine == name]
        wishes = [asked(p.controls, catalogue.voice(name, p.speaker.voice)) for p in mine]
        said = catalogue.find(name).speak(
            [Utterance(text=p.spoken, voice=p.speaker.voice, controls=wish)
             for p, (wish, _, _) in zip(mine, wishes, strict=True)]
        )  # fmt: skip
        for p, (_, faster, tilt), speech in zip(mine, wishes, said, strict=True):
            shaped = finished(speech, spec.rate, faster, tilt, 10 ** (p.level_db / 20), p.edges_s)
            made.append((p.number, _judged(spec, p, shaped)))
    return made


def _judged(spec: CorpusSpec, p: Plan, speech: Speech) -> Kept | Refused:
    """Judge what was said by itself, then in its surroundings."""
    reasons = filters.faults(speech.audio, spec.rate, p.line.text, p.speaker.language)
    if not reasons and p.judged:
        wrong = recogniser.word_errors(speech.audio, spec.rate, p.line.text)
        reasons = ["not understood"] if wrong > filters.MOST_WORD_ERRORS else []
    if reasons:
        return _refused(p, speech.audio, reasons)
    digest = hashlib.sha256(f"{spec.seed} {spec.name} sound {p.number} {p.attempt}".encode()).digest()
    heard = surround(p.surroundings, speech, np.random.default_rng(list(digest)), person(p.speaker))
    reasons = [r for r in filters.faults(heard.speech.audio, spec.rate, "", p.speaker.language)]
    if reasons:
        return _refused(p, heard.speech.audio, reasons)
    row = _row(spec, p, heard.speech) | {"events": [list(e) for e in heard.events], "around": heard.truth}
    return Kept(row=row, audio=heard.speech.audio, refused=())


def _refused(p: Plan, audio: Samples, reasons: Sequence[str]) -> Refused:
    voice = f"{p.speaker.engine}-{p.speaker.voice}"
    return Refused(attempt=p.attempt, text=p.line.text, voice=voice, audio=audio, reasons=tuple(reasons))


def person(who: Speaker) -> Person:
    """The speaker as the sounds of the voice know him: a pitch in Hz, and a length of tract, not of formants."""
    if catalogue.voice(who.engine, who.voice).gender == "any":
        return Person(hz=ESPEAK_HZ * who.controls.pitch, tract=1 / who.controls.tract)
    like = WOMAN if who.gender == "female" else MAN
    return Person(hz=like.hz * who.controls.pitch, tract=like.tract / who.controls.tract)


def _row(spec: CorpusSpec, p: Plan, speech: Speech) -> Row:
    """What the index says of a clip: the truth about it, and where it comes from."""
    who, voice = p.speaker, catalogue.voice(p.speaker.engine, p.speaker.voice)
    attributes = {name: value for name, value in asdict(who).items() if name not in ("controls", "engine", "voice")}
    return {
        "id": f"{spec.name}-{p.number:07d}",
        "number": p.number,
        "text": p.line.text,
        "task": p.line.task,
        "language": who.language,
        "fields": p.line.fields,
        "speaker": attributes,
        "emotion": p.emotion,
        "rhythm": p.rhythm,
        "surroundings": p.surroundings,
        "words": [list(span) for span in speech.words],
        "phones": [list(span) for span in speech.phones],
        "attempt": p.attempt,
        "provenance": {
            "engine": who.engine,
            "version": version(catalogue.find(who.engine).package),
            "voice": who.voice,
            "package": voice.package,
            "licence": voice.licence,
            "spoken": p.spoken,
            "controls": asdict(p.controls),
            "level_db": p.level_db,
        },
    }


def sha256(audio: Samples) -> str:
    """The digest of a clip's samples as they are stored."""
    return hashlib.sha256(to_int16(audio).tobytes()).hexdigest()
