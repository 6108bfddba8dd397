"""What the index says of a conversation and of what nano says in it: the truth, where it comes from, its licences."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from antiphon.data.clips import Row, person
from antiphon.data.engines import catalogue
from antiphon.data.engines.protocol import Speech, version
from antiphon.data.skills import voices
from antiphon.data.skills.cast import Performance
from antiphon.data.skills.exchange import Conversation, to_json
from antiphon.data.skills.replying import Saying

MEANT = ("silent", "too long", "mostly silent")  # what a conversation may be, and a clip may not
ATTRIBUTES = ("id", "language", "accent", "gender", "age", "timbre", "pitch", "speed", "style")
OURS: Row = {"engine": "antiphon", "version": "0", "voice": "sounds", "package": "antiphon", "licence": "Apache-2.0",
             "controls": {"models": "antiphon.data"}}  # fmt: skip


def conversation(made: Conversation, performances: dict[tuple[int, int], Performance], turns: Sequence[Row],
                 rate: int) -> Row:  # fmt: skip
    """A conversation: its words, the voice of its user, what happened when, and the truth of each turn."""
    users = [how for (t, p), how in performances.items() if made.turns[t].heard[p].who.name == "user"]
    main = next(iter([*users, *performances.values()]), None)
    return {
        "text": " ".join(turn.user for turn in made.turns if turn.user),
        "task": made.task,
        "language": made.language,
        "fields": {"conversation": to_json(made)},
        "speaker": {name: getattr(main.speaker, name) if main else "" for name in ATTRIBUTES},
        "emotion": main.emotion if main else "neutral",
        "rhythm": main.rhythm if main else "even",
        "events": [event for turn in turns for event in _events(turn, rate)],
        "turns": list(turns),
        "allowed": list(MEANT),
        "provenance": _provenance(main, performances.values()),
    }


def _events(turn: Row, rate: int) -> Iterable[list[Any]]:
    """The sounds of a turn that nobody says, in seconds of the whole conversation."""
    late = turn["span"][0] / rate
    for part in turn["parts"]:
        if part["kind"] != "speech" and part.get("what"):
            yield [part["what"], round(part["start_s"] + late, 4), round(part["end_s"] + late, 4)]


def voice_truth(how: Performance) -> Row:
    """What is known of a stretch that is said: whose voice it is, how it is said, and at what pitch, in Hz."""
    who = {name: getattr(how.speaker, name) for name in ATTRIBUTES}
    hz = person(how.speaker).hz * how.controls.pitch / how.speaker.controls.pitch
    return {"speaker": who.pop("id"), "engine": how.speaker.engine, "voice": how.speaker.voice, **who,
            "emotion": how.emotion, "rhythm": how.rhythm, "hz": round(hz, 1)}  # fmt: skip


def voice_id(said: Saying) -> str:
    """Whose voice it is: the name of one of nano's own, or what tells one found voice from another."""
    if said.name != voices.FOUND:
        return said.name
    controls = {**asdict(said.voice.controls), "speed": 1.0}
    made = f"{said.voice.engine} {said.voice.voice} {sorted(controls.items())}"
    return f"{said.name}-{hashlib.sha256(made.encode()).hexdigest()[:8]}"


def saying(said: Saying, speech: Speech) -> Row:
    """One thing that nano says."""
    how = voices.mannered(said.voice, said.manner)
    nobody = dict.fromkeys(ATTRIBUTES, "")
    return {
        "text": said.text,
        "task": "speak",
        "language": said.language,
        "fields": {"manner": said.manner, "preset": said.name},
        "speaker": {**nobody, "id": voice_id(said), "language": said.language, "accent": said.voice.made.accent},
        "emotion": said.manner if said.manner in ("happy", "sad") else "neutral",
        "rhythm": "even",
        "surroundings": "clean",
        "events": [],
        "words": [list(span) for span in speech.words],
        "phones": [list(span) for span in speech.phones],
        "refused": [],
        "provenance": _source(said.voice.engine, said.voice.voice, asdict(how.controls)),
    }


# --- where it comes from ---------------------------------------------------------------------------------------------


def _source(engine: str, voice: str, controls: Row) -> Row:
    made = catalogue.voice(engine, voice)
    return {"engine": engine, "version": version(catalogue.find(engine).package), "voice": voice,
            "package": made.package, "licence": made.licence, "controls": controls}  # fmt: skip


def _provenance(main: Performance | None, every: Iterable[Performance]) -> Row:
    """The source of the main voice, and the `others`; sounds that nobody says are this package's own."""
    if main is None:
        return {**OURS, "others": []}
    sources = {how.speaker.id: _source(how.speaker.engine, how.speaker.voice, asdict(how.controls))
               for how in every if how.speaker.id != main.speaker.id}  # fmt: skip
    mine = _source(main.speaker.engine, main.speaker.voice, asdict(main.controls))
    return {**mine, "others": [*sources.values(), OURS]}
