"""Held-out conversations, and what a model makes of them.

    row of a set ─> Case (turns, sounds, truth) ─ hold ─> Held: of each turn the words, the call, the thought, the sound
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from antiphon.audio.wave import Audio
from antiphon.data.engines.protocol import Samples
from antiphon.data.skills.exchange import Conversation, Turn, from_json
from antiphon.data.store import Row, cut, read_index, shard_numbers
from antiphon.errors import AntiphonError, InputError
from antiphon.rates import SPOKEN_HZ
from antiphon.runtime.events import AudioOut, End, Event, Think, ToolCall
from antiphon.runtime.loaded import Loaded
from antiphon.runtime.sample import Sampling
from antiphon.runtime.session import Session
from antiphon.text.prompts import task_prompt
from antiphon.tools.tool import Tool

MAX_TOKENS = 1024  # of a reply: over 30 s of speech
LEAD_S = 0.1  # kept before a question that is asked alone


@dataclass(frozen=True)
class Case:
    """One held-out conversation: what is right, and the recording of each turn."""

    made: Conversation
    sounds: tuple[Audio, ...]
    row: Row

    def alone(self) -> "Case":
        """The same without what is asked about: the last speaker's question is all that is heard."""
        sounds = []
        for sound, turn in zip(self.sounds, self.row["turns"], strict=True):
            asked = [part for part in turn["parts"] if part.get("who") == "user" and part["kind"] == "speech"]
            begin = max(0, round((asked[-1]["start_s"] - LEAD_S) * sound.rate)) if asked else 0
            sounds.append(Audio(sound.samples[:, begin:], sound.rate))
        return Case(self.made, tuple(sounds), self.row)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came of one turn. `failed` is the sentence of an error, where there was one."""

    text: str = ""
    after_call: str = ""  # what was said since the last call
    thought: str = ""
    calls: tuple[ToolCall, ...] = ()
    audio: Samples | None = None
    finish: str = ""
    cpu_s: float = 0.0
    audio_s: float = 0.0
    joints: tuple[int, ...] = ()  # the first samples of later stretches of sound
    failed: str = ""


def cases(folder: Path, name: str, limit: int | None = None) -> Iterator[Case]:
    """The conversations of a set.

    Raises:
        InputError: the set is not there.
    """
    place, count = folder / name / "shards", 0
    numbers = shard_numbers(place)
    if not numbers:
        make = f"python -m recipes.nano.skills evaluation {folder}"
        raise InputError(f"{folder / name} holds no set; make it with `{make}`.")
    for number in numbers:
        sound = np.load(place / f"{number:05d}.npy", mmap_mode="r")
        for row in read_index(place, number):
            if count == limit:
                return
            wave = torch.from_numpy(cut(sound, row["offset"], row["length"]))[None]
            sounds = tuple(Audio(wave[:, a:b], row["rate"]) for a, b in (turn["span"] for turn in row["turns"]))
            yield Case(from_json(row["fields"]["conversation"]), sounds, row)
            count += 1


def tools_of(made: Conversation) -> list[Tool]:
    """The tools on offer, which answer as the conversation says they do."""
    results = {turn.call.name: turn.result for turn in made.turns if turn.call}

    def tool(definition: Mapping[str, Any]) -> Tool:
        return Tool(definition, lambda arguments: results.get(str(definition["name"]), "error"), "read")

    return [tool(json.loads(text)["function"]) for text in made.tools]


def hold(model: Loaded, case: Case, *, aloud: bool = False, prompt: str = "") -> list[Reply]:
    """Hold a conversation greedily; `prompt` names another instruction than its own."""
    system = task_prompt(prompt or case.made.prompt).system
    session = Session(model, system=system, tools=tools_of(case.made), sampling=Sampling())
    found = []
    for turn, sound in zip(case.made.turns, case.sounds, strict=True):
        said = sound if turn.heard else turn.written
        found.append(answer(session.reply(said, speech=aloud, max_tokens=MAX_TOKENS)))
    return found


def answer(events: Iterator[Event]) -> Reply:
    """Everything that came of one turn; what the model cannot do is a failed reply, not the end of a measurement."""
    pieces, calls, thought, end = list[Samples](), list[ToolCall](), "", None
    try:
        for event in events:
            if isinstance(event, AudioOut):
                pieces.append(event.samples.numpy())
            elif isinstance(event, ToolCall) and not event.fault:
                calls.append(event)
            elif isinstance(event, Think):
                thought += event.text
            elif isinstance(event, End):
                end = event
    except AntiphonError as error:
        return Reply(failed=str(error))
    assert end is not None
    joints = np.cumsum([len(piece) for piece in pieces])[:-1] if pieces else np.zeros(0, np.int64)
    return Reply(
        text=end.text,
        after_call=end.utterances[-1].text.strip() if end.utterances else "",
        thought=thought or " ".join(u.thought for u in end.utterances),
        calls=tuple(calls),
        audio=np.concatenate(pieces) if pieces else None,
        finish=end.finish,
        cpu_s=end.timings.cpu_s,
        audio_s=sum(len(piece) for piece in pieces) / SPOKEN_HZ,
        joints=tuple(int(joint) for joint in joints),
    )


def final(turn: Turn, reply: Reply) -> str:
    """The words that a turn is judged by: with a tool, those after its result came."""
    return reply.after_call if turn.call else reply.text
