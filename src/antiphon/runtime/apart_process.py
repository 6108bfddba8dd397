"""The process that makes the sound (`apart.py` starts it): opened voices and codes come in, pieces of sound go out.

    Keeps ─┬─ Begins  Says  Says  Finishes ──>                 of many utterances at once, by their numbers
           └─────────────────── <── Ready  Sound  Sound  Over

It has no model of language, no microphone and no keys, and it ends with the line. What ends a server from a terminal or
by a signal is for the server to carry out, which finishes what it says: both signals are ignored here.
"""

import asyncio
import io
import signal
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from antiphon.errors import AntiphonError
from antiphon.model.voice import Voice, VoiceState
from antiphon.runtime.engine import Mouth
from antiphon.runtime.memory import give_back
from antiphon.runtime.mouths import Renderer
from antiphon.runtime.speech import Utterer
from antiphon.weights.parts import load_voice

REST_S, PATIENCE = 30.0, 4  # seconds between two looks, and looks until memory is given back in any case


@dataclass(frozen=True)
class Keeps:
    """An opened voice, as `packed`, by whose number utterances begin; the one of the number `instead` is dropped."""

    number: int
    opened: bytes
    instead: int | None = None


@dataclass(frozen=True)
class Begins:
    """An utterance in an opened voice."""

    utterance: int
    voice: int


@dataclass(frozen=True)
class Says:
    """Codes of an utterance, and how many seconds a code takes just now where they are made; None: not known."""

    utterance: int
    codes: tuple[int, ...]
    code_s: float | None


@dataclass(frozen=True)
class Finishes:
    """No more codes come."""

    utterance: int


@dataclass(frozen=True)
class Stops:
    """Nothing more is wanted."""

    utterance: int


@dataclass(frozen=True)
class Ready:
    """Voices are there and have been tried."""


@dataclass(frozen=True)
class Sound:
    """A piece of an utterance at 24 kHz, full scale 1."""

    utterance: int
    samples: NDArray[np.float32]
    cpu_s: float  # that the process has used since it began


@dataclass(frozen=True)
class Over:
    """The end of an utterance, and the error that it ended by, if any."""

    utterance: int
    error: Exception | None = None


def packed(opened: VoiceState) -> bytes:
    """An opened voice as bytes, for `unpacked` in a process of our own."""
    buffer = io.BytesIO()
    torch.save(opened, buffer)
    return buffer.getvalue()


def unpacked(data: bytes) -> VoiceState:
    """What was packed. Only for what came over our own line: it could hold any object."""
    opened: VoiceState = torch.load(io.BytesIO(data), weights_only=False)
    return opened


class _Sounding:
    """The work, on an event loop; the sound itself is made on the renderer's thread."""

    def __init__(self, line: Connection, voice: Voice, together: int) -> None:
        self.line, self.voice, self.renderer = line, voice, Renderer(together=together)
        self._opened: dict[int, VoiceState] = {}
        self._mouths: dict[int, Mouth] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, message: object) -> None:
        """Do what one message says."""
        match message:
            case Keeps(number, opened, instead):
                self._keep(number, unpacked(opened), instead)
            case Begins(utterance, voice):
                self._begin(utterance, voice)
            case Says(utterance, codes, code_s):
                self.renderer.code_s = None if code_s is None else lambda: code_s
                if utterance in self._mouths:
                    self._mouths[utterance].push(codes)
            case Finishes(utterance):
                if utterance in self._mouths:
                    self._mouths[utterance].finish()
            case Stops(utterance):
                if utterance in self._mouths:
                    self._mouths[utterance].stop()

    def _keep(self, number: int, opened: VoiceState, instead: int | None) -> None:
        is_first, self._opened[number] = not self._opened, opened
        if instead is not None:
            self._opened.pop(instead, None)
        if is_first:  # what the first sound would wait for: kernels that are made when they are first asked for
            utterer = Utterer(self.voice, opened)
            list(utterer.push([0] * utterer.wanted))
            self.line.send(Ready())

    def _begin(self, utterance: int, voice: int) -> None:
        opened = self._opened[voice]
        mouth = self._mouths[utterance] = self.renderer.begin(lambda: Utterer(self.voice, opened))
        task = asyncio.ensure_future(self._play(utterance, mouth))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _play(self, utterance: int, mouth: Mouth) -> None:
        error: Exception | None = None
        try:
            async for wave in mouth:
                self.line.send(Sound(utterance, wave.numpy(), time.process_time()))
        except AntiphonError as caught:
            error = caught
        except Exception as caught:  # of a library: not every one of them can be sent
            error = RuntimeError(f"{type(caught).__name__}: {caught}")
        del self._mouths[utterance]
        with suppress(OSError):
            self.line.send(Over(utterance, error))

    async def tidy(self) -> None:
        """Give memory back now and then, while nobody speaks if that comes soon: sound made next is slower by it."""
        for rests in count(1):
            await asyncio.sleep(REST_S)
            if not self._mouths or rests % PATIENCE == 0:
                await asyncio.to_thread(give_back)


async def _serve(line: Connection, voice: Voice, together: int) -> None:
    """Until the line ends. A message that cannot be carried out ends the process: the other side tells who waits."""
    loop, inbox, sounding = asyncio.get_running_loop(), asyncio.Queue[object](), _Sounding(line, voice, together)

    def listen() -> None:
        message: object = ""
        while message is not None:
            try:
                message = line.recv()
            except (EOFError, OSError):
                message = None
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(inbox.put_nowait, message)

    threading.Thread(target=listen, name="line", daemon=True).start()
    tidying = asyncio.ensure_future(sounding.tidy())
    while (message := await inbox.get()) is not None:
        sounding.take(message)
    tidying.cancel()
    await sounding.renderer.close()


def main() -> None:
    """The process: its end of the line, utterances in one call, threads of a product, the model's folder and device."""
    line, together, threads = map(int, sys.argv[1:4])
    for ignored in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    torch.set_num_threads(threads)
    parts = load_voice(Path(sys.argv[4]), device=sys.argv[5])
    assert parts is not None, "the process is for a model that speaks"
    asyncio.run(_serve(Connection(line), Voice(parts.tokenizer, parts.flow, parts.hift).eval(), together))
