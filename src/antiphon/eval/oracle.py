"""A stub that knows what is right, so that the whole suite runs without weights, and errs on demand.

It hears by the hash of a recording, so a recording that does not arrive is not answered. It speaks by writing its
words into the samples of a WAV file, behind a short tone, and `oracle_ears` reads them there.
"""

import hashlib
import io
import math
import wave
from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from antiphon.errors import ConfigError, InputError
from antiphon.eval.answerers import Reply
from antiphon.eval.items import Item, digest
from antiphon.eval.rows import read_rows
from antiphon.eval.sounds import bytes_of

__all__ = ["WAYS", "Oracle", "open_oracle", "oracle_ears", "spoken"]

RATE = 16_000
_MAGIC = (1201, -1307, 1409, -1511)  # then a length and bytes, one sample each
_STEP = 16
_TONE_S = 0.25
CALL = '<tool_call>function\nweb_search\n{"query": "x"}</tool_call>'

Way = Callable[[Item, str], str]

WAYS: Mapping[str, Way] = MappingProxyType(
    {
        "perfect": lambda item, gold: gold,
        "drop-last-word": lambda item, gold: " ".join(gold.split()[:-1]),
        "first-char-wrong": lambda item, gold: ("错" if gold[:1] != "错" else "对") + gold[1:],
        "first-choice": lambda item, gold: str(item.fields["choices"][0]) if "choices" in item.fields else gold,
        "web-search": lambda item, gold: CALL,
        "digits": lambda item, gold: gold.replace("fifty", "50"),
        "deaf": lambda item, gold: "I am sorry, I did not get that.",
        "silent": lambda item, gold: "",
        "source": lambda item, gold: str(item.fields.get("source", gold)),
        "failing": lambda item, gold: gold,
    }
)


@dataclass
class Oracle:
    """Answers with what is right, in some way."""

    way: str = "perfect"
    known: Mapping[str, str] = field(default_factory=dict)  # sha256 of a recording: what is to be said
    workers: int = 1

    @property
    def name(self) -> str:
        return "oracle" if self.way == "perfect" else f"oracle#{self.way}"

    @property
    def fingerprint(self) -> str:
        return digest([self.name, dict(self.known)])

    def answer(self, item: Item, seed: int) -> Reply:
        """What is right, spoken if it was to be spoken."""
        if self.way == "failing" and digest([item.id])[0] in "01":
            raise InputError("the oracle was asked to fail now and then.")
        texts = [self._heard(item, index) for index in item.asked]
        said = tuple(WAYS[self.way](item, text) for text in texts)
        sounds = tuple(spoken(text) if item.ask.speech else None for text in said)
        return Reply(texts=said, sounds=sounds if self.way != "silent" else tuple(None for _ in said))

    def _heard(self, item: Item, index: int) -> str:
        """Gold of one turn: the last one's own, else what the recording is known to be answered by."""
        turn, is_last = item.turns[index], index == item.asked[-1]
        if turn.sound is None:
            return turn.text
        found = hashlib.sha256(bytes_of(turn.sound)).hexdigest()
        if found != turn.sound.sha256:
            raise InputError(f"{turn.sound.path} is another recording than when the run began.")
        if is_last and "gold" in item.fields:
            return str(item.fields["gold"])
        if turn.sound.end_s is None and found in self.known:
            return self.known[found]
        return item.references[0] if is_last and item.references else "ok"


def open_oracle(spec: str) -> Oracle:
    """The oracle of `oracle[:FILE][#WAY]`.

    Raises:
        ConfigError: there is no such way.
    """
    place, _, way = spec.removeprefix("oracle").lstrip(":").partition("#")
    if way and way not in WAYS:
        raise ConfigError(f"the oracle has no way {way!r}; its ways are {', '.join(WAYS)}.")
    rows, _ = read_rows(Path(place)) if place else ([], "")
    return Oracle(way or "perfect", {str(row["sha256"]): str(row["gold"]) for row in rows})


def spoken(text: str) -> bytes | None:
    """A WAV file that holds a text in its samples; None for no text."""
    if not text:
        return None
    data = text.encode()
    tone = [round(3000 * math.sin(2 * math.pi * 220 * i / RATE)) for i in range(round(_TONE_S * RATE))]
    rest = [0] * 400
    samples = array("h", [*tone, *rest, *_MAGIC, len(data), *(_STEP * (byte - 128) for byte in data), *rest])
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return made.getvalue()


def oracle_ears(data: bytes) -> str:
    """The text in the samples of a WAV file; "" where there is none."""
    with wave.open(io.BytesIO(data)) as file:
        samples = array("h", file.readframes(file.getnframes()))
    for at in range(len(samples) - len(_MAGIC)):
        if tuple(samples[at : at + len(_MAGIC)]) == _MAGIC:
            begin = at + len(_MAGIC) + 1
            return bytes(samples[i] // _STEP + 128 for i in range(begin, begin + samples[begin - 1])).decode()
    return ""
