"""Voices in a process of their own: sound is made beside the tokens, and neither waits for the other's Python.

    event loop     utter  push  finish            pieces of sound
                      │     │     │                     ▲
    thread "line"  opens the voice, writes        a reader, one for each process
                      └─────┴─────┴──> process ─────────┘

Two threads of one process take turns at the interpreter: a model of many small products then has hardly more of two
cores than of one, and each is as slow again. What is said is the same to the bit wherever it is rendered.

A process that ends before its time ends what it was saying, with one error each; the next utterance starts another.
"""

import asyncio
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from multiprocessing.connection import Connection
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from antiphon.audio.wave import Audio
from antiphon.errors import CapacityError, InputError
from antiphon.model.voice import VoiceState
from antiphon.nn.state import fork
from antiphon.runtime.apart_process import (
    Begins,
    Finishes,
    Keeps,
    Over,
    Ready,
    Says,
    Sound,
    Stops,
    packed,
)
from antiphon.runtime.loaded import KEPT_VOICES, Loaded
from antiphon.runtime.local import LocalEngine
from antiphon.runtime.mouths import Heard, code_time
from antiphon.runtime.worker import num_cores

PROGRAM = "from antiphon.runtime.apart_process import main; main()"
END_S = 5.0  # that the process is given to end by itself
START_S = 60.0
logger = logging.getLogger("antiphon.runtime")


class ApartMouth:
    """See `Mouth`."""

    def __init__(self, voices: "ApartVoices", number: int) -> None:
        self.number, self.is_stopped = number, False
        self.process: _Process | None = None  # the line thread's: where it is said
        self._voices, self._loop, self._inbox = voices, asyncio.get_running_loop(), asyncio.Queue[Heard]()

    def push(self, codes: Iterable[int]) -> None:
        """See `Mouth.push`."""
        self._voices.send(self, Says(self.number, tuple(codes), self._voices.code_s()))

    def finish(self) -> None:
        """See `Mouth.finish`."""
        self._voices.send(self, Finishes(self.number))

    def stop(self) -> None:
        """See `Mouth.stop`."""
        if not self.is_stopped:
            self.is_stopped = True
            self._voices.send(self, Stops(self.number))
            self._inbox.put_nowait(None)

    def tell(self, heard: Heard) -> None:
        """What came of it; called by other threads."""
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._inbox.put_nowait, heard)

    async def __aiter__(self) -> AsyncIterator[Float[Tensor, " n"]]:
        """See `Mouth.__aiter__`."""
        try:
            while (heard := await self._inbox.get()) is not None and not self.is_stopped:
                if isinstance(heard, Exception):
                    raise heard
                yield heard
        finally:
            self.stop()


class _Process:
    """One life of the process. It is written to by one thread; another reads, and tells the mouths."""

    def __init__(self, model: Loaded, together: int) -> None:
        ours, theirs = socket.socketpair()
        given = theirs.fileno(), together, torch.get_num_threads(), model.parts.folder, model.device
        command = [sys.executable, "-c", PROGRAM, *map(str, given)]
        try:
            self.process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
            )
        except OSError as error:
            ours.close()
            raise CapacityError(
                f"the process that makes the sound cannot be started ({error}); make room, or serve with --no-apart."
            ) from error
        finally:
            theirs.close()
        self.is_ready, self.cpu_s = threading.Event(), 0.0
        self._line = Connection(ours.detach())
        self.is_over = False
        self._lock, self._mouths = threading.Lock(), dict[int, ApartMouth]()
        self._kept: list[tuple[int, VoiceState]] = []
        self._numbers = count()
        threading.Thread(target=self._listen, name="sound", daemon=True).start()

    def keep(self, opened: VoiceState) -> int:
        """The number of an opened voice there; it is sent if it is not known."""
        for number, kept in self._kept:
            if kept is opened:
                return number
        number, instead = next(self._numbers), self._kept.pop(0)[0] if len(self._kept) >= KEPT_VOICES else None
        self._kept.append((number, opened))
        self.send(Keeps(number, packed(fork(opened)), instead))
        return number

    def begin(self, mouth: ApartMouth, voice: int) -> None:
        """Say something there, by the mouth's number. Raises CapacityError where the process has ended."""
        with self._lock:
            if self.is_over:
                raise self._gone()
            self._mouths[mouth.number] = mouth
        self.send(Begins(mouth.number, voice))

    def send(self, message: object) -> None:
        """Tell it something; one that has ended is told nothing, and its mouths have heard of it."""
        with suppress(OSError):
            self._line.send(message)

    def end(self) -> None:
        """No more is said."""
        self.send(None)
        try:
            self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _listen(self) -> None:
        with suppress(EOFError, OSError):
            while True:
                self._hear(self._line.recv())
        with self._lock:
            self.is_over = True
        for mouth in self._mouths.values():
            mouth.tell(self._gone())
        self.is_ready.set()
        if (code := self.process.wait()) != 0:
            logger.error("the process that makes the sound has ended with %d; the next utterance starts another", code)

    def _hear(self, message: object) -> None:
        match message:
            case Sound(utterance, samples, cpu_s):
                self.cpu_s = cpu_s
                self._mouths[utterance].tell(torch.from_numpy(samples))
            case Over(utterance, error):
                self._mouths.pop(utterance).tell(error)
            case Ready():
                self.is_ready.set()

    def _gone(self) -> CapacityError:
        return CapacityError("the process that makes the sound has ended; ask again.")


class ApartVoices:
    """See `Voices`. `together`: chunks rendered in one call at the most; 1 for the same sound in any company."""

    def __init__(self, model: Loaded, *, together: int = 1, engine: LocalEngine | None = None) -> None:
        """`engine`: whose tokens become the codes; a first sound is then held back until the next is sure to come."""
        if not model.speaks:
            raise InputError(f"{model.name} answers in text only; ask for text.")
        self.model, self.together = model, together
        self.code_s = _unknown if engine is None else code_time(engine)
        self._numbers, self._is_closed = count(), False
        self._mouths: list[ApartMouth] = []
        self._process: _Process | None = None
        self._thread = ThreadPoolExecutor(1, "line")
        self._started = self._thread.submit(self._start)

    def utter(self, clip: Audio | None = None, seed: int = 0) -> ApartMouth:
        """See `Voices.utter`; the voice is opened at once, so that it is ready when the first codes are."""
        if self._is_closed:
            raise InputError("the voices are closed; open others.")
        mouth = ApartMouth(self, next(self._numbers))
        self._mouths = [*(m for m in self._mouths if not m.is_stopped), mouth]
        self._post(self._begin, mouth, clip, seed)
        return mouth

    def send(self, mouth: ApartMouth, message: object) -> None:
        """Have something written to where a mouth is."""
        self._post(self._send, mouth, message)

    def warm(self) -> None:
        """Wait until what is said can sound at once; not on an event loop. Raises what it cannot be started by."""
        self._started.result(START_S).is_ready.wait(START_S)

    @property
    def cpu_s(self) -> float:
        """Processor time that the process had used when it last said something."""
        return 0.0 if self._process is None else self._process.cpu_s

    async def close(self) -> None:
        """See `Voices.close`."""
        self._is_closed = True
        for mouth in self._mouths:
            mouth.stop()
        await asyncio.get_running_loop().run_in_executor(None, self.end)

    def end(self) -> None:
        """End the process and the thread, from another one; who still speaks is told."""
        self._is_closed = True
        self._thread.shutdown(cancel_futures=True)  # behind what it does
        if self._process is not None:
            self._process.end()

    def _post(self, work: Callable[..., None], *arguments: Any) -> None:
        """Have the line's thread do something; nothing, once it has ended."""
        with suppress(RuntimeError):
            self._thread.submit(work, *arguments)

    # --- on the thread "line" -----------------------------------------------------------------------------------------

    def _start(self) -> _Process:
        """The process, with the default voice in it."""
        if self._process is None or self._process.is_over:
            self._process = _Process(self.model, self.together)
            self._process.keep(self.model.opened(self.model.default_voice(), 0))
        return self._process

    def _begin(self, mouth: ApartMouth, clip: Audio | None, seed: int) -> None:
        try:
            opened = self.model.opened(self.model.default_voice() if clip is None else clip, seed)
            mouth.process = process = self._start()
            process.begin(mouth, process.keep(opened))
        except Exception as error:  # of this utterance: whoever waits for it is told
            mouth.tell(error)

    def _send(self, mouth: ApartMouth, message: object) -> None:
        if mouth.process is not None:
            mouth.process.send(message)


def _unknown() -> float | None:
    return None


def can_be_apart(device: torch.device | str = "cpu") -> bool:
    """Whether a process of its own has a core of its own, on a system where a line can be handed on."""
    return os.name == "posix" and torch.device(device).type == "cpu" and num_cores() > 1
