"""What all requests share: the model and its thread, who may come, what is counted, what is kept of replies.

    sockets ── Live ──────┐
    HTTP ───── one turn ──┴─ EngineMind ──> engine · voices ──> the one thread
"""

import random
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from typing import Protocol

from antiphon.runtime.apart import ApartVoices
from antiphon.runtime.batch import bucket_for
from antiphon.runtime.clock import Clock
from antiphon.runtime.engine import Engine
from antiphon.runtime.engine_mind import EngineMind
from antiphon.runtime.listening import Cutting
from antiphon.runtime.live import Live
from antiphon.runtime.live_events import LiveEvent
from antiphon.runtime.local import LocalEngine
from antiphon.runtime.manner import Settings as LiveSettings
from antiphon.runtime.mind import Mind
from antiphon.runtime.model import Model
from antiphon.runtime.mouths import LocalVoices
from antiphon.runtime.vad import Vad
from antiphon.runtime.vllm import VllmEngine
from antiphon.runtime.worker import Worker, beside
from antiphon.server.cast import Cast
from antiphon.server.keys import Keyring
from antiphon.server.limits import Places, Rates
from antiphon.server.metrics import Metrics
from antiphon.server.protocol.ids import Ids
from antiphon.server.protocol.refusal import Refusal
from antiphon.server.settings import Settings
from antiphon.server.stages import Rounds, WatchedEngine, WatchedVoices
from antiphon.server.trace import TracedMind
from antiphon.text.chat import Message
from antiphon.tools.tool import Tool


class OpenSession(Protocol):
    """A socket that is open."""

    @property
    def is_speaking(self) -> bool:
        """Whether a reply is under way."""
        ...

    def end(self, refusal: Refusal, code: int) -> None:
        """Tell the client why, and close."""
        ...


MOST_KEPT = 64  # replies aloud of one key that may still be named
TOGETHER = 4  # utterances rendered in one call, where their sound need not be the same in any company


@dataclass
class Service:
    """One server around one model."""

    model: Model
    settings: Settings
    tools: tuple[Tool, ...] = ()  # that run here, offered in every session beside the client's own
    worker: Worker = field(default_factory=lambda: Worker("model"))
    metrics: Metrics = field(default_factory=Metrics)
    ids: Ids = field(default_factory=lambda: Ids(random.SystemRandom()))
    created: int = field(default_factory=lambda: int(time.time()))
    is_draining: bool = False

    def __post_init__(self) -> None:
        settings, model = self.settings, self.model
        most, each = settings.max_sessions, settings.sessions_per_key
        self.keyring = Keyring(self.settings.keys, time.time)
        self.rates = Rates(self.settings.requests_per_minute, time.monotonic)
        self.sessions = Places("sessions", most, each)
        self.requests = Places("requests", self.settings.max_requests, self.settings.max_requests)
        self.kept = Kept(self.settings.audio_ttl_s)
        self.open: set[OpenSession] = set()
        self.cast = Cast(model, settings.voices)
        self.engine = self._make_engine()
        self.sound = self.worker if settings.apart else beside(self.worker)
        self.voices = self._make_voices() if model.speaks else None
        self.metrics.watch(self.engine.stats)
        self._conversations = count()

    def _make_engine(self) -> Engine:
        """Who makes the tokens. ConfigError for an engine that is not installed."""
        settings = self.settings
        queue = 2 * settings.max_sessions + settings.max_requests
        if settings.engine == "vllm":
            options = settings.engine_options
            return VllmEngine(self.model, streams=settings.streams, queue=queue, worker=self.worker, **options)
        bucket = bucket_for(settings.streams, deterministic=settings.deterministic)
        return LocalEngine(self.model, bucket, queue=queue, worker=self.worker)

    def _make_voices(self) -> LocalVoices | ApartVoices:
        """Who makes the sound."""
        together = 1 if self.settings.deterministic else TOGETHER
        local = self.engine if isinstance(self.engine, LocalEngine) else None
        if self.settings.apart:
            return ApartVoices(self.model, together=together, engine=local)
        return LocalVoices(self.model, together=together, worker=self.sound, engine=local)

    def close(self) -> None:
        """End the threads behind what they do, and the process."""
        if isinstance(self.voices, ApartVoices):
            self.voices.end()
        for worker in {self.worker, self.sound}:
            worker.close()

    def warm(self) -> None:
        """Load and open what the first request would wait for."""
        if self.model.speaks:
            self.model.opened(self.model.default_voice(), 0)
        if isinstance(self.voices, ApartVoices):
            self.voices.warm()
        _ = self.vad.network

    @cached_property
    def vad(self) -> Vad:
        """Hears whether somebody speaks; one for all sessions. ConfigError where its network is not installed."""
        return Vad.find()

    def open_live(self, clock: Clock, tell: Callable[[LiveEvent], None], rounds: Rounds) -> Live:
        """A new conversation; `tell` hears of it, and `rounds` of when it was spoken."""
        engine = WatchedEngine(self.engine, rounds)
        voices = None if self.voices is None else WatchedVoices(self.voices, rounds)
        mind: Mind = EngineMind(self.model, engine, voices, self._name())
        if self.settings.trace is not None:
            mind = TracedMind(mind, self.settings.trace)
        return Live(mind, clock, self.ids, tell, LiveSettings(), self.vad, Cutting.of(self.model.variant))

    def open_mind(self) -> EngineMind:
        """The model for one request, in a conversation of its own."""
        return EngineMind(self.model, self.engine, self.voices, self._name())

    def _name(self) -> str:
        """Of a conversation that no other has had."""
        return f"conversation-{next(self._conversations)}"

    @property
    def is_idle(self) -> bool:
        """Whether nothing is generated just now."""
        return not self.engine.stats().requests_running and not self.requests.taken.total()

    def is_speaking(self) -> bool:
        """Whether any session says something just now."""
        return any(session.is_speaking for session in self.open)


@dataclass
class Kept:
    """Replies aloud, by whose they are and by their ids: what the model said, so that it can be told of it again."""

    ttl_s: float
    replies: dict[str, "OrderedDict[str, tuple[float, Message]]"] = field(default_factory=dict)

    def put(self, owner: str, audio_id: str, message: Message, now: float) -> int:
        """Keep a reply; until when, in seconds of the day. The oldest of the same owner go."""
        mine = self.replies.setdefault(owner, OrderedDict())
        for stale in [name for name, (until, _) in mine.items() if until < now]:
            del mine[stale]
        while len(mine) >= MOST_KEPT:
            mine.popitem(last=False)
        mine[audio_id] = now + self.ttl_s, message
        return int(now + self.ttl_s)

    def get(self, owner: str, audio_id: str, now: float, param: str) -> Message:
        """A reply that `owner` has had.

        Raises:
            Refusal: there is none of this id, any more or ever.
        """
        until, message = self.replies.get(owner, OrderedDict()).get(audio_id, (0.0, None))
        if message is None or until < now:
            what = f"There is no reply aloud with the id {audio_id!r}, or it is too long ago; send its text."
            raise Refusal(what, code="audio_not_found", param=param, status=404)
        return message
