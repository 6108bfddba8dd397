"""How the sounds of the skills' corpus sound: as labels for the head of `antiphon.train.traits`, and as captions.

A trait of the voice is known where all who speak in a turn share it, what sounds besides where there is one such thing
or none. A caption names all that is known, in the words that nano answers with: English where one asks for what happens
in a clip, Chinese where one asks for an analysis of the voice.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from antiphon.data.skills.classes import DIMENSIONS
from antiphon.data.skills.exchange import Language
from antiphon.data.store import read_index, shard_numbers
from antiphon.text.prompts import task_prompt
from antiphon.train.records import Heard, Record, Said

OF_VOICE = ("gender", "age", "timbre", "pitch", "speed", "style", "emotion", "rhythm")
OF_SOUND = {"scene": "scene", "event": "event", "vocal": "vocal", "instrument": "music"}  # and the kind of such a part
NONE = "none"
ASKED: dict[Language, str] = {"en": "caption", "zh": "analyse"}

Part = dict[str, Any]


def traits_of(parts: Sequence[Part]) -> dict[str, str]:
    """What is known of a turn, by the parts that it was made of."""
    found = {name: _only([str(p[name]) for p in parts if p["kind"] == "speech"]) for name in OF_VOICE}
    for name, kind in OF_SOUND.items():
        found[name] = _only([str(p.get("what", "")) for p in parts if p["kind"] == kind], NONE)
    found["tempo"] = _only([str(p.get("tempo", "")) for p in parts if p["kind"] == "music"], NONE)
    return {n: value for n, value in found.items() if value == NONE or value in DIMENSIONS[n].classes}


def _only(values: Sequence[str], nothing: str = "") -> str:
    """The one value that all are, `nothing` where there is none, "" where they differ."""
    return nothing if not values else values[0] if len(set(values)) == 1 else ""


def turns(corpus: Path, name: str) -> Iterator[tuple[Heard, dict[str, str]]]:
    """Every turn that is heard in a corpus, and what is known of it."""
    for shard in shard_numbers(corpus / name / "shards"):
        for n, row in enumerate(read_index(corpus / name / "shards", shard)):
            for turn in row["turns"]:
                span = (int(turn["span"][0]), int(turn["span"][1]))
                yield Heard(audio=f"{name}/shards/{shard:05d}:{n}", span=span), traits_of(turn["parts"])


def write_traits(corpus: Path, names: Sequence[str], path: Path) -> int:
    """Write the labels of some corpora; how many turns have one."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for name in names:
            for heard, told in turns(corpus, name):
                if told:
                    file.write(json.dumps({"audio": heard.audio, "span": heard.span, "is": told}) + "\n")
                    count += 1
    return count


def captions(corpus: Path, name: str) -> Iterator[Record]:
    """Turns to be described; every second one in Chinese."""
    for number, (heard, told) in enumerate(turns(corpus, name)):
        language: Language = "zh" if number % 2 else "en"
        text = caption(told, language)
        if text:
            system = Said(role="system", items=(task_prompt(ASKED[language]).system,))
            said = (Said(role="human", items=(heard,)), Said(role="assistant", items=(text,)))
            yield Record(id=f"caption {name} {number}", task="caption", messages=(system, *said), slots=(text,))


def caption(told: dict[str, str], language: Language) -> str:
    """All that is known of a turn in words, always in the same order; what is not there is not named."""
    named = [DIMENSIONS[n].says(told[n], language) for n in DIMENSIONS if told.get(n, NONE) != NONE]
    return ("，".join(named) + "。" if language == "zh" else ", ".join(named) + ".") if named else ""
