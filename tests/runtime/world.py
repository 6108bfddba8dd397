"""A made-up world around a live conversation: a clock that only events turn, a user, a client, a model of no weights.

The model is a function of the messages it is told; so what it should say can be computed beside the conversation.
"""

import heapq
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

from antiphon.rates import SAMPLES_PER_CODE, num_rows
from antiphon.runtime import live_events as told
from antiphon.runtime.dialect import Dialect
from antiphon.runtime.events import AudioOut, Text, ToolResult, Utterance
from antiphon.runtime.live import Live
from antiphon.runtime.mind import Finished, Progress, Request, Told
from antiphon.runtime.vad import FRAME, FRAME_MS, Vad, VadState
from antiphon.text.chat import AudioItem
from antiphon.text.parse import Parser
from antiphon.text.toolcall import ToolCall
from antiphon.text.variants import VARIANTS
from antiphon.tools.tool import Tool
from tests import random_folder

TOKENIZER = random_folder.tokenizer()
LAYOUT = TOKENIZER.layout()
DIALECT = Dialect(VARIANTS["nano"], TOKENIZER, LAYOUT)
GROUP_MS = 160
WORDS = "the quick brown fox hears a question and answers it aloud".split()


class Hands:
    """A clock, turned by hand."""

    def __init__(self) -> None:
        self.time = 0
        self._queue: list[tuple[int, int, Alarm]] = []
        self._number = count()

    def now_ms(self) -> int:
        return self.time

    def at(self, time_ms: int, wake: Callable[[], None]) -> "Alarm":
        alarm = Alarm(wake)
        heapq.heappush(self._queue, (max(time_ms, self.time), next(self._number), alarm))
        return alarm

    def until(self, time_ms: int) -> None:
        """Everything that happens up to a moment."""
        while self._queue and self._queue[0][0] <= time_ms:
            self.time, _, alarm = heapq.heappop(self._queue)
            alarm.ring()
        self.time = time_ms


class Alarm:
    """Something that the clock will do; also a job that can be cancelled."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake: Callable[[], None] | None = wake

    def ring(self) -> None:
        if self._wake is not None:
            self._wake()

    def cancel(self) -> None:
        self._wake = None


@dataclass
class Names:
    """Names in the order in which they are drawn."""

    drawn: int = 0

    def _next(self, kind: str) -> str:
        self.drawn += 1
        return f"{kind}{self.drawn}"

    def item(self) -> str:
        return self._next("item")

    def response(self) -> str:
        return self._next("reply")

    def call(self) -> str:
        return self._next("call")


class Loudness(Vad):
    """Speech is what is loud."""

    def __init__(self) -> None:
        super().__init__(Path("nowhere"))

    def init_state(self) -> VadState:
        return VadState(np.zeros((2, 1, 128), np.float32), np.zeros(0, np.float32), np.zeros(0, np.float32))

    def step(self, chunk: ndarray, state: VadState) -> tuple[ndarray, VadState]:
        sound = np.concatenate([state.rest, chunk])
        whole = len(sound) // FRAME * FRAME
        speech = (np.abs(sound[:whole].reshape(-1, FRAME)).mean(1) > 0.1).astype(np.float32)
        return speech, VadState(state.recurrent, state.context, sound[whole:])


@dataclass(frozen=True)
class Pace:
    """How long things take."""

    first_ms: int = 100
    group_ms: int = 70  # 160 ms of sound
    tool_ms: int = 200


@dataclass(frozen=True)
class Said:
    """One round as the model says it: progress, each with the groups that it took."""

    progress: tuple[Progress, ...]
    finished: Finished


def say(request: Request) -> Said:
    """A round: a function of what is asked. Two groups of sound at a time, as a vocoder gives them; a call at most."""
    chance = zlib.crc32(repr((request.messages, request.form)).encode())
    num_words, num_groups = chance % 7, chance % 17
    progress, ids, text = list[Progress](), list[int](), ""
    words = [WORDS[(chance >> n) % len(WORDS)] + f"{n} " for n in range(num_words)]
    tokens = TOKENIZER.encode("".join(words))[: None if request.form == "text" else num_groups]
    if request.form == "text":
        for token in tokens:
            text += (piece := TOKENIZER.decode([token]))
            progress.append(Progress((token,), Text(piece)))
        ids = tokens
    else:
        waiting: list[int] = []
        for group in range(num_groups):
            codes = [LAYOUT.id_of((chance + group * 4 + n) % LAYOUT.num_codes) for n in range(4)]
            word = tokens[group] if group < len(tokens) else LAYOUT.tts_pad
            event = None if word == LAYOUT.tts_pad else Text(TOKENIZER.decode([word]), spoken=True)
            text += "" if event is None else event.text
            progress += [Progress((word,), event), Progress(tuple(codes))]
            ids += [word, *codes]
            waiting += codes
            if group % 2 == 1 or group == num_groups - 1:
                progress.append(Progress((), AudioOut(torch.cat([tone(code) for code in waiting]))))
                waiting = []
        ids.append(LAYOUT.tts_end)
        progress.append(Progress((LAYOUT.tts_end,)))
    calls: tuple[ToolCall, ...] = ()
    is_after_tool = request.messages[-1].role == "input"
    if request.tools and not is_after_tool and chance % 3 == 0:
        call = ToolCall(request.tools[chance % len(request.tools)].name, json.dumps({"n": chance % 100}))
        tail = tuple(TOKENIZER.encode(f"<tool_call>{call.body}</tool_call>"))
        progress.append(Progress(tail, call))
        ids, calls = [*ids, *tail], (call,)
    return Said(tuple(progress), Finished(Utterance(tuple(ids), text, calls=calls), prompt_tokens=100))


def tone(code: int) -> Tensor:
    """The sound of a code: which it is can be told."""
    return torch.full((SAMPLES_PER_CODE,), (code % 97) / 97)


class Scripted:
    """A mind that says what `say` says, at its pace."""

    limit = 4096
    dialect = DIALECT

    def __init__(self, clock: Hands, pace: Pace = Pace()) -> None:  # noqa: B008
        self.clock, self.pace = clock, pace
        self.sounds: dict[str, Tensor] = {}
        self.encoded: list[str] = []
        self.asked: list[Request] = []

    def hear(self, piece: Tensor) -> AudioItem:
        key = sha256(piece.numpy().tobytes()).hexdigest()
        if key not in self.sounds:
            self.sounds[key] = piece
            self.encoded.append(key)
        return AudioItem((num_rows(len(piece)),), key)

    def keep(self, keys: frozenset[str]) -> None:
        self.sounds = {key: sound for key, sound in self.sounds.items() if key in keys}

    def close(self) -> None:
        self.sounds = {}

    def begin(self, request: Request, tell: Callable[[Told], None]) -> "Script":
        contents = [m.content for m in request.messages if isinstance(m.content, tuple)]
        assert all(i.key in self.sounds for c in contents for i in c if isinstance(i, AudioItem))
        self.asked.append(request)
        said, time = say(request), self.clock.now_ms() + self.pace.first_ms
        script = Script()
        for news in [*said.progress, said.finished]:
            if isinstance(news, Progress) and len(news.ids) == 4:
                time += self.pace.group_ms
            script.alarms.append(self.clock.at(time, lambda news=news: tell(news)))
        return script

    def run(self, tool: Tool, call: ToolCall, tell: Callable[[ToolResult], None], seed: int = 0) -> Alarm:
        result = ToolResult(call.name, f"result of {call.arguments}")
        return self.clock.at(self.clock.now_ms() + self.pace.tool_ms, lambda: tell(result))


@dataclass
class Script:
    """A round under way."""

    alarms: list[Alarm] = field(default_factory=list)

    def cancel(self) -> None:
        for alarm in self.alarms:
            alarm.cancel()


def parsed(ids: tuple[int, ...]) -> str:
    """The words of a spoken turn, read by the parser."""
    events = Parser(TOKENIZER, LAYOUT).parse(ids, [LAYOUT.tts_start])
    return "".join(event.text for event in events if isinstance(event, Text) and event.spoken)


class Client:
    """Records what it is told, and plays sound as it comes."""

    def __init__(self, clock: Hands) -> None:
        self.clock = clock
        self.events: list[told.LiveEvent] = []
        self.times: list[int] = []
        self.sounds: list[tuple[str, int, int, Tensor]] = []  # item, when it begins, when it ends, what it is

    def tell(self, event: told.LiveEvent) -> None:
        self.events.append(event)
        self.times.append(self.clock.now_ms())
        if isinstance(event, told.AudioDelta):
            begin = max(self.clock.now_ms(), self.sounds[-1][2] if self.sounds else 0)
            self.sounds.append((event.item, begin, begin + len(event.samples) // 24, event.samples))
        if isinstance(event, told.Interrupted):
            now = self.clock.now_ms()
            self.sounds = [(i, a, min(b, now), s) for i, a, b, s in self.sounds if a < now]

    def heard_ms(self, item: str) -> int:
        return sum(end - begin for i, begin, end, _ in self.sounds if i == item)

    def of(self, *kinds: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kinds)]


def frames(*stretches: tuple[int, int]) -> Iterator[bool]:
    """A user: frames of silence, then frames of voice."""
    for silent, voiced in stretches:
        yield from [False] * silent
        yield from [True] * voiced


def sound_of(voiced: bool, number: int) -> Tensor:
    """A frame of the user's sound; no two are the same."""
    level = 0.5 if voiced else 0.0
    return torch.full((FRAME,), level) + 1e-4 * (number % 500)


def talk(live: Live, clock: Hands, user: Iterator[bool]) -> None:
    """The user's frames, each when it has sounded."""
    start = live.heard_ms // FRAME_MS
    begun = clock.now_ms()
    for number, voiced in enumerate(user):
        clock.until(begun + (number + 1) * FRAME_MS)
        live.hear(sound_of(voiced, start + number))
