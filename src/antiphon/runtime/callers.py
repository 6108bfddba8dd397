"""Conversations held in real time: recorded users talk to a model by the clock, and what they hear is timed.

    user      ── question ──|··· silence ···            a tenth of a second is a tenth of a second
    model                   |     decided       first sound        last sound
              true end ─────┘ ─ silence ─┘ ─ compute ─┘

Every user has a microphone that never stops and a loudspeaker without a buffer: sound is played from the moment that
its first piece has come, and what is late is silence, an underrun.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from antiphon.rates import HEARD_HZ, SPOKEN_HZ
from antiphon.runtime import live_events as told
from antiphon.runtime.apart import ApartVoices, can_be_apart
from antiphon.runtime.batch import bucket_for
from antiphon.runtime.clock import AsyncClock
from antiphon.runtime.conversing import Counted
from antiphon.runtime.dialogue import Speculations
from antiphon.runtime.engine_mind import EngineMind
from antiphon.runtime.listening import Cutting
from antiphon.runtime.live import Live
from antiphon.runtime.loaded import Loaded
from antiphon.runtime.local import LocalEngine
from antiphon.runtime.manner import Settings
from antiphon.runtime.mind import Mind
from antiphon.runtime.mouths import LocalVoices
from antiphon.runtime.vad import Vad
from antiphon.runtime.worker import Worker, beside

SLICE_MS = 20
SLICE = SLICE_MS * HEARD_HZ // 1000
LOUD = 0.03  # of a recording's peak: what is quieter is silence
REST_S, PATIENCE_S = 0.6, 20.0


@dataclass(frozen=True, eq=False)
class Said:
    """Something that a user says; times are seconds from its beginning. `goes_on_s`: behind a pause, if it has one."""

    wave: Tensor
    end_s: float
    goes_on_s: float | None = None


@dataclass
class Heard:
    """What came of it, in seconds of the loop's clock; None: it did not happen."""

    ended_s: float
    goes_on_s: float | None = None
    decided_s: list[float] = field(default_factory=list)
    first_sound_s: float | None = None
    cpu_s: float = 0.0  # of all processes, from the last decision to the first sound
    was_guessed: bool = False  # the reply was a speculation
    underrun_s: float = 0.0
    longest_gap_s: float = 0.0
    sound_s: float = 0.0
    silenced_s: float | None = None  # spoken over: from when the deciding sound was due to the last word
    onset_to_silence_s: float | None = None

    @property
    def was_cut_off(self) -> bool:
        """Whether a turn was taken to be over before it went on."""
        return self.goes_on_s is not None and any(decided < self.goes_on_s for decided in self.decided_s)


def ends_at(wave: Tensor) -> float:
    """When the voice of a recording at 16 kHz falls silent for good, in seconds."""
    loud = (wave.abs() > LOUD * wave.abs().max()).nonzero()
    return float(loud[-1]) / HEARD_HZ


def plain(wave: Tensor) -> Said:
    """A recording as it is."""
    return Said(wave, ends_at(wave))


def with_pause(wave: Tensor, pause_s: float) -> Said:
    """The same with silence at the quietest place of its middle half."""
    size = HEARD_HZ // 50
    frames = wave[: len(wave) // size * size].reshape(-1, size).square().mean(1)
    first, last = len(frames) // 4, 3 * len(frames) // 4
    at = (first + int(frames[first:last].argmin())) * size + size // 2
    whole = torch.cat([wave[:at], torch.zeros(int(pause_s * HEARD_HZ)), wave[at:]])
    return Said(whole, ends_at(whole), at / HEARD_HZ + pause_s)


class Caller:
    """One user: says things, each when the answer to the last has been played; writes down what is heard."""

    def __init__(
        self, mind: Mind, settings: Settings, vad: Vad, cutting: Cutting, cpu_s: Callable[[], float]
    ) -> None:
        """`cpu_s`: processor time that the model has used."""
        self.loop, self._used_s = asyncio.get_running_loop(), cpu_s
        self.heard: list[Heard] = []
        self._due_s = 0.0  # when everything that has come will have been played
        self._cpu_s = 0.0
        self._slices = 0
        self._begun_s = self._heard_s = self.loop.time()
        self.live = Live(mind, AsyncClock(), Counted(), self._told, settings, vad, cutting)

    async def talk(self, turns: Sequence[Said], over: Said | None = None) -> None:
        """Say each of the turns; `over` is spoken into every reply."""
        for said in turns:
            committed = self.live.counts.committed
            await self._say(said)
            if over is not None:
                await self._speak_over(over)
            until = self.loop.time() + PATIENCE_S
            quiet = 0.0
            while quiet < REST_S and self.loop.time() < until:
                await self._hear(torch.zeros(SLICE))
                busy = self.live.phase != "listening" or self.live.active is not None or self.loop.time() < self._due_s
                quiet = 0.0 if busy else quiet + SLICE_MS / 1000
            self.heard[-1].was_guessed = self.live.counts.committed > committed
        self.live.leave()

    async def _say(self, said: Said) -> None:
        begun = self._begun_s + self._slices * SLICE_MS / 1000
        goes_on = None if said.goes_on_s is None else begun + said.goes_on_s
        self.heard.append(Heard(begun + said.end_s, goes_on))
        for samples in torch.split(said.wave, SLICE):
            await self._hear(samples)

    async def _speak_over(self, over: Said) -> None:
        heard, until = self.heard[-1], self.loop.time() + PATIENCE_S
        while (heard.first_sound_s is None or self.loop.time() < heard.first_sound_s + REST_S / 2) and (
            self.loop.time() < until
        ):
            await self._hear(torch.zeros(SLICE))
        loud = (over.wave.abs() > LOUD * over.wave.abs().max()).nonzero()
        onset = self._begun_s + self._slices * SLICE_MS / 1000 + float(loud[0]) / HEARD_HZ
        for samples in torch.split(over.wave, SLICE):
            await self._hear(samples)
            if heard.silenced_s is not None and heard.onset_to_silence_s is None:
                heard.onset_to_silence_s = self.loop.time() - onset

    async def _hear(self, samples: Tensor) -> None:
        """One slice, when it has sounded."""
        self._slices += 1
        due = self._begun_s + self._slices * SLICE_MS / 1000
        await asyncio.sleep(max(due - self.loop.time(), 0))
        self._heard_s = due
        self.live.hear(samples)

    def _told(self, event: told.LiveEvent) -> None:
        now, heard = self.loop.time(), self.heard[-1]
        if isinstance(event, told.SpeechStopped):
            heard.decided_s.append(now)
            self._cpu_s = self._used_s()
        elif isinstance(event, told.ReplyStarted):
            self._due_s = 0.0
        elif isinstance(event, told.Interrupted):
            heard.silenced_s, self._due_s = now - self._heard_s, now
        elif isinstance(event, told.AudioDelta):
            self._sound(event, heard, now)

    def _sound(self, event: told.AudioDelta, heard: Heard, now: float) -> None:
        seconds = len(event.samples) / SPOKEN_HZ
        if heard.first_sound_s is None or (heard.goes_on_s is not None and heard.first_sound_s < heard.goes_on_s):
            heard.first_sound_s, heard.cpu_s = now, self._used_s() - self._cpu_s
        if event.start_ms and now > self._due_s:
            heard.underrun_s += now - self._due_s
            heard.longest_gap_s = max(heard.longest_gap_s, now - self._due_s)
        self._due_s = max(now, self._due_s) + seconds
        heard.sound_s += seconds


@dataclass(frozen=True)
class House:
    """A model with everything that conversations share."""

    model: Loaded
    engine: LocalEngine
    voices: LocalVoices | ApartVoices
    vad: Vad

    def cpu_s(self) -> float:
        """Processor time that the model has used, in this process and in that of the sound."""
        return time.process_time() + (self.voices.cpu_s if isinstance(self.voices, ApartVoices) else 0.0)

    async def hold(
        self, num: int, settings: Settings, turns: Sequence[Said], apart_s: float = 0.7, over: Said | None = None
    ) -> tuple[list[list[Heard]], Speculations]:
        """So many conversations at once, begun one after another; what each heard, and how speculation fared."""
        callers: list[Caller] = []

        async def call(number: int) -> None:
            await asyncio.sleep(number * apart_s)
            mind = EngineMind(self.model, self.engine, self.voices, f"caller-{id(callers)}-{number}")
            caller = Caller(mind, settings, self.vad, Cutting.of(self.model.variant), self.cpu_s)
            callers.append(caller)
            await caller.talk([turns[(at + number) % len(turns)] for at in range(len(turns))], over)

        await asyncio.gather(*map(call, range(num)))
        counts = [caller.live.counts for caller in callers]
        total = Speculations(
            *(sum(getattr(c, name) for c in counts) for name in ("started", "committed", "discarded", "wasted_tokens"))
        )
        return [caller.heard for caller in callers], total


@asynccontextmanager
async def open_house(model: Loaded, streams: int = 8) -> AsyncIterator[House]:
    """Engine, voices and ears as a server has them, warm."""
    worker, vad = Worker("model"), Vad.find()
    engine = LocalEngine(model, bucket_for(streams), worker=worker)
    voices, sound = await _open_voices(model, engine, worker)
    vad.step(torch.zeros(HEARD_HZ).numpy(), vad.init_state())
    try:
        yield House(model, engine, voices, vad)
    finally:
        await voices.close()
        await engine.close()
        for thread in {worker, sound}:
            await asyncio.to_thread(thread.close)


async def _open_voices(
    model: Loaded, engine: LocalEngine, worker: Worker
) -> tuple[LocalVoices | ApartVoices, Worker]:
    """Who makes the sound, by default, and the last thread to be closed."""
    if can_be_apart(model.device):
        apart = ApartVoices(model, engine=engine)
        await asyncio.to_thread(apart.warm)
        return apart, worker
    model.opened(model.default_voice(), 0)
    sound = beside(worker)
    return LocalVoices(model, worker=sound, engine=engine), sound


def without_speculation(settings: Settings) -> Settings:
    """The same, where a reply is begun when the turn has ended and not before."""
    return replace(settings, manners=replace(settings.manners, max_speculations=0))
