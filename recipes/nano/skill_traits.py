"""How the sounds of the skills' corpus sound: as labels for the head of `antiphon.train.traits`, and as captions.

A trait of the voice is known where it can be heard: where nothing else about the speaker hides it (`cast.SUITS`, as for
those who are asked about), and its pitch in Hz, not against others of that age and gender. A label is of the stretch in
which one speaks, a caption of a turn in which all share what it names. What sounds besides is known where there is one
such thing or none. A caption is in the words that nano answers with: English where one asks for what happens in a clip,
Chinese where one asks for an analysis of the voice.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from antiphon.data.skills.cast import PITCH_HZ, SUITS
from antiphon.data.skills.classes import DIMENSIONS
from antiphon.data.skills.exchange import Language
from antiphon.data.store import read_index, shard_numbers
from antiphon.rates import HEARD_HZ
from antiphon.text.prompts import task_prompt
from antiphon.train.records import Heard, Record, Said

OF_VOICE = ("gender", "age", "timbre", "pitch", "speed", "style", "emotion", "rhythm")
OF_SOUND = {"scene": "scene", "event": "event", "vocal": "vocal", "instrument": "music"}  # and the kind of such a part
NONE = "none"
FIRM: dict[str, str] = {"emotion": "neutral", "rhythm": "even"}  # else they move pace, loudness and quality of a voice
MOVED = ("age", "timbre", "speed", "style", "emotion", "rhythm")  # what they move, or is taken for them
REACH = 1.06  # how far beyond the bounds of a class of pitch one still hears it
ASKED: dict[Language, str] = {"en": "caption", "zh": "analyse"}

Part = dict[str, Any]
Span = tuple[int, int]


def traits_of(parts: Sequence[Part]) -> dict[str, str]:
    """What is known of a turn, by the parts that it was made of."""
    found = {name: _only([_audible(p, name) for p in parts if p["kind"] == "speech"]) for name in OF_VOICE}
    for name, kind in OF_SOUND.items():
        found[name] = _only([str(p.get("what", "")) for p in parts if p["kind"] == kind], NONE)
    found["tempo"] = _only([str(p.get("tempo", "")) for p in parts if p["kind"] == "music"], NONE)
    return {n: value for n, value in found.items() if value == NONE or value in DIMENSIONS[n].classes}


def _audible(part: Part, name: str) -> str:
    """The class of a speaker that one can hear, or "": where something else hides it."""
    if name == "pitch":
        high = part["hz"] if part["style"] == "modal" else 0.0
        return next((kind for kind, (least, most) in PITCH_HZ.items() if least / REACH <= high <= most * REACH), "")
    firm = {other: (value,) for other, value in FIRM.items() if name in MOVED and other != name}
    suits = SUITS.get(name, {}) | firm
    return str(part[name]) if all(part[other] in classes for other, classes in suits.items()) else ""


def _only(values: Sequence[str], nothing: str = "") -> str:
    """The one value that all are, `nothing` where there is none, "" where they differ."""
    return nothing if not values else values[0] if len(set(values)) == 1 else ""


def lines(parts: Sequence[Part]) -> Iterator[tuple[Span | None, dict[str, str]]]:
    """What is known of each stretch of a turn: of all of it what sounds besides, of each speaker how they speak."""
    people = [part for part in parts if part["kind"] == "speech"]
    yield None, {name: value for name, value in traits_of(parts).items() if name not in OF_VOICE}
    for part in people:
        begin, end = (round(part[name] * HEARD_HZ) for name in ("start_s", "end_s"))
        alone = all(other is part or other["end_s"] <= part["start_s"] or other["start_s"] >= part["end_s"]
                    for other in people)  # fmt: skip
        told = traits_of([part]) if alone else {}
        yield (begin, end), {name: value for name, value in told.items() if name in OF_VOICE}


def turns(corpus: Path, name: str) -> Iterator[tuple[Heard, Sequence[Part]]]:
    """Every turn that is heard in a corpus, and what it was made of."""
    for shard in shard_numbers(corpus / name / "shards"):
        for n, row in enumerate(read_index(corpus / name / "shards", shard)):
            for turn in row["turns"]:
                span = (int(turn["span"][0]), int(turn["span"][1]))
                yield Heard(audio=f"{name}/shards/{shard:05d}:{n}", span=span), turn["parts"]


def write_traits(corpus: Path, names: Sequence[str], path: Path) -> int:
    """Write the labels of some corpora; how many stretches have one."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for name in names:
            for heard, parts in turns(corpus, name):
                for at, told in lines(parts):
                    if told:
                        where = {"audio": heard.audio, "span": heard.span} | ({"at": at} if at else {})
                        file.write(json.dumps(where | {"is": told}) + "\n")
                        count += 1
    return count


def captions(corpus: Path, name: str, least: int = 1) -> Iterator[Record]:
    """Turns to be described, of which `least` things are known; every second one in Chinese."""
    for number, (heard, parts) in enumerate(turns(corpus, name)):
        language: Language = "zh" if number % 2 else "en"
        told = traits_of(parts)
        text = caption(told, language)
        if sum(value != NONE for value in told.values()) >= least:
            system = Said(role="system", items=(task_prompt(ASKED[language]).system,))
            said = (Said(role="human", items=(heard,)), Said(role="assistant", items=(text,)))
            yield Record(id=f"caption {name} {number}", task="caption", messages=(system, *said), slots=(text,))


def caption(told: dict[str, str], language: Language) -> str:
    """All that is known of a turn in words, always in the same order; what is not there is not named."""
    named = [DIMENSIONS[n].says(told[n], language) for n in DIMENSIONS if told.get(n, NONE) != NONE]
    return ("，".join(named) + "。" if language == "zh" else ", ".join(named) + ".") if named else ""
