"""A model in this process: a preset, a folder or a hub id.

It is asked turn by turn, exactly as the server asks it for a chat completion, so that a score is the same in process
and over HTTP. Earlier turns of the assistant that an item gives are its words; those that the model said itself stand
in the history as the server keeps them.
"""

import hashlib
import io
import itertools
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch

from antiphon.audio.wave import Audio
from antiphon.errors import InputError, ToolError
from antiphon.eval.answerers import Reply
from antiphon.eval.items import Item, Turn
from antiphon.eval.sounds import audio_of, wav_of
from antiphon.metrics.toolcall import read_calls
from antiphon.rates import SPOKEN_HZ
from antiphon.runtime.events import AudioOut, Utterance
from antiphon.runtime.generate import Hearing, Stream
from antiphon.runtime.model import load
from antiphon.runtime.sample import Sampling
from antiphon.runtime.speech import Utterer
from antiphon.runtime.turn import Turn as Generation
from antiphon.runtime.turn import Watch, remembered
from antiphon.text import chat
from antiphon.text.chat import Message
from antiphon.text.toolcall import CLOSE, OPEN
from antiphon.tools.tool import Tool, schema
from antiphon.weights.find import find

__all__ = ["Own", "fingerprint", "offered", "words_and_calls"]

_WHOLE = 1 << 26  # files up to this many bytes are hashed whole, longer ones by their ends
_END = 1 << 20


def fingerprint(folder: Path) -> str:
    """Hash of a model's files; of a large one its size and both ends, since weights fill it evenly."""
    made = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")):
        size = path.stat().st_size
        made.update(f"{path.relative_to(folder).as_posix()} {size}\n".encode())
        with path.open("rb") as file:
            made.update(file.read() if size <= _WHOLE else file.read(_END))
            if size > _WHOLE:
                file.seek(-_END, io.SEEK_END)
                made.update(file.read())
    return made.hexdigest()


class Own:
    """A model of ours, one item after another."""

    workers = 1

    def __init__(self, name: str) -> None:
        self.name = name
        self.fingerprint = fingerprint(find(name).folder)
        self.model = load(name)

    def answer(self, item: Item, seed: int) -> Reply:
        """Every turn that is to be answered, in order. Raises what the model raises."""
        if item.ask.speech and not self.model.speaks:
            raise InputError(f"{self.name} does not speak.")
        hearing, messages, first_s = Hearing(self.model.limit), self._opening(item), None
        given, audio_s, joints = list[tuple[Utterance, bytes | None]](), 0.0, list[tuple[int, ...]]()
        for index, turn in enumerate(item.turns):
            if turn.who == "voice":
                continue
            messages.append(self._message(turn, hearing))
            if index not in item.asked:
                continue
            watch, pieces = Watch(), list[torch.Tensor]()
            said = yield_to(self._generate(item, messages, hearing, seed, watch), pieces)
            given.append((said, wav_of(Audio(torch.cat(pieces)[None], SPOKEN_HZ)) if pieces else None))
            messages.append(self._remembered(said, item.ask.speech))
            first_s = watch.first_audio_s if item.ask.speech else watch.first_token_s
            audio_s += watch.audio_s
            joints.append(tuple(itertools.accumulate(len(piece) for piece in pieces[:-1])))
        return Reply(texts=tuple(written(said) for said, _ in given), sounds=tuple(sound for _, sound in given),
                     finish="stop" if all(said.stopped for said, _ in given) else "length", first_s=first_s,
                     audio_s=audio_s, joints=tuple(joints))  # fmt: skip

    def _opening(self, item: Item) -> list[Message]:
        told = [Message("system", item.ask.system)] if item.ask.system else []
        if item.ask.tools and self.model.variant.style == "chat":
            told.append(Message("tool_json_schemas", schema(offered(item))))
        return told

    def _message(self, turn: Turn, hearing: Hearing) -> Message:
        if turn.who == "tool":
            return Message("input", turn.text + self.model.variant.after_tool)
        if turn.who == "assistant":
            words, calls = words_and_calls(turn.text)
            return Message("assistant", (*([chat.Words(words)] if words else []), *calls))
        heard = (hearing.add(audio_of(turn.sound)),) if turn.sound else ()
        if not heard:
            return Message("human", turn.text)
        return Message("human", (*heard, turn.text) if turn.text else heard)

    def _remembered(self, said: Utterance, is_spoken: bool) -> Message:
        if is_spoken:
            return remembered(said, "speech", self.model.parts.layout)
        return Message("assistant", (chat.Words(written(said)),))

    def _generate(
        self, item: Item, messages: list[Message], hearing: Hearing, seed: int, watch: Watch
    ) -> Iterator[object]:
        ask, model = item.ask, self.model
        sampling = Sampling(temperature=ask.temperature, top_p=ask.top_p, repetition_penalty=ask.repetition_penalty,
                            seed=seed)  # fmt: skip
        clip = next((audio_of(turn.sound) for turn in item.turns if turn.who == "voice" and turn.sound), None)
        speak = partial(self._utterer, clip, seed) if ask.speech else None
        stream = Stream(model.parts.lm, hearing)
        generation = Generation(model, stream, sampling, offered(item), speak, watch)
        return generation.run(messages, "speech" if ask.speech else "text", ask.max_tokens)

    def _utterer(self, clip: Audio | None, seed: int) -> Utterer:
        assert self.model.voice is not None
        return Utterer(self.model.voice, self.model.opened(clip or self.model.default_voice(), seed))


def offered(item: Item) -> tuple[Tool, ...]:
    """The tools that an item offers; nobody runs them."""
    return tuple(Tool(json.loads(text), _not_run) for text in item.ask.tools)


def _not_run(arguments: object) -> str:
    raise ToolError("a tool is called, never run, in an evaluation.")


def yield_to(events: Iterator[object], pieces: list[torch.Tensor]) -> Utterance:
    """Take all events; the sound goes to `pieces`, the utterance comes back."""
    while True:
        try:
            event = next(events)
        except StopIteration as end:
            assert isinstance(end.value, Utterance)
            return end.value
        if isinstance(event, AudioOut):
            pieces.append(event.samples)


def written(said: Utterance) -> str:
    """The words of an utterance, and its calls as the model writes them."""
    return said.text.strip() + "".join(f"{OPEN}{call.body}{CLOSE}" for call in said.calls)


def words_and_calls(text: str) -> tuple[str, tuple[chat.Item, ...]]:
    """A written turn taken apart: its words, and its calls."""
    calls, malformed = read_calls(text)
    return (text, ()) if malformed else (text.split(OPEN)[0].strip(), calls)
