"""A live conversation's figures: what is told is timed and counted, on its way to the client.

They are those of a client that plays sound as soon as it comes, and `tests/server/test_watching.py` holds them against
the recording of one.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from antiphon.rates import SPOKEN_HZ
from antiphon.runtime import live_events as live
from antiphon.runtime.dialogue import Speculations
from antiphon.server.metrics import Metrics
from antiphon.server.protocol.responses import Addition, Figures
from antiphon.server.stages import Stages
from antiphon.tools.tool import TOOLS

OTHERS = "other"  # names of tools that clients make up are no labels


@dataclass
class Watching:
    """One conversation; `now` is a clock in seconds that never goes back."""

    metrics: Metrics
    now: Callable[[], float]
    asked_at: float | None = None  # the user's turn ended or the client asked, and nothing is heard of the reply yet
    begun_at: float | None = None  # the reply, until its first word
    interrupted_at: float | None = None
    due_at: float | None = None  # when everything that was sent of an item has been played
    stages: Callable[[], Stages | None] = lambda: None  # of the spoken round that was begun last
    figures: Figures = Figures()  # of the reply under way, or of the last one
    thought: str = ""  # of it
    counts: Speculations = Speculations()
    _endpoint_ms: int | None = None  # of the turn that has ended, until its reply begins

    def see(self, event: live.LiveEvent) -> None:
        """One event."""
        now = self.now()
        if isinstance(event, live.AudioDelta):
            self._sound(event, now)
        elif isinstance(event, live.SpeechStarted | live.SpeechStopped | live.Committed):
            self._turn(event, now)
        elif isinstance(event, live.ReplyStarted | live.ItemStarted | live.TextDelta):
            self._reply(event, now)
        elif isinstance(event, live.ThoughtDelta):
            self.thought += event.text
        elif isinstance(event, live.Interrupted):
            self.interrupted_at = now
        elif isinstance(event, live.Called):
            name = event.name if event.name in TOOLS else OTHERS
            self.metrics.tool_calls.labels(name, "told" if event.by_client else "run").inc()
        elif isinstance(event, live.ReplyDone):
            self._done(event, now)
        elif isinstance(event, live.Compacted) and event.words:
            self.metrics.compression.set(event.sound / event.words)

    @property
    def addition(self) -> Addition:
        """What the client is told of the reply that has ended, beside the reply."""
        return Addition(figures=self.figures, thought=self.thought or None)

    def speculations(self, counts: Speculations) -> None:
        """How speculation fares by now."""
        before, self.counts = self.counts, counts
        for name in ("started", "committed", "discarded"):
            self.metrics.speculations.labels(name).inc(getattr(counts, name) - getattr(before, name))
        self.metrics.wasted_tokens.inc(counts.wasted_tokens - before.wasted_tokens)

    def _ms(self, at: float | None) -> int | None:
        """A moment, in milliseconds since the reply was due; before that it is negative."""
        return None if at is None or self.asked_at is None else round((at - self.asked_at) * 1000)

    def _turn(self, event: live.SpeechStarted | live.SpeechStopped | live.Committed, now: float) -> None:
        if isinstance(event, live.SpeechStarted):
            self.asked_at = None
        elif isinstance(event, live.SpeechStopped):
            self.asked_at = now
            self.metrics.endpoint_delay.observe(event.silent_ms / 1000)
            self._endpoint_ms = event.silent_ms
        elif self.asked_at is None:
            self.asked_at = now
        if isinstance(event, live.Committed):
            self.metrics.heard_seconds.inc(event.duration_ms / 1000)

    def _reply(self, event: live.ReplyStarted | live.ItemStarted | live.TextDelta, now: float) -> None:
        if isinstance(event, live.ReplyStarted):
            self.begun_at = now
            if event.tag is not None:  # the client asked for it, just now
                self.asked_at, self._endpoint_ms = now, None
            self.figures, self._endpoint_ms, self.thought = Figures(endpoint_ms=self._endpoint_ms), None, ""
        elif isinstance(event, live.ItemStarted):
            self.due_at = None
        elif self.begun_at is not None:
            self.metrics.first_token.observe(now - self.begun_at)
            self.begun_at = None
            self.figures = replace(self.figures, first_text_ms=self._ms(now))

    def _done(self, event: live.ReplyDone, now: float) -> None:
        used = event.usage
        self.metrics.prompt_tokens.inc(used.read_text + used.read_audio)
        self.metrics.reply_tokens.inc(used.written_text + used.written_audio)
        if self.interrupted_at is not None:
            self.metrics.barge_in.observe(now - self.interrupted_at)
            self.interrupted_at = None

    def _reached(self, now: float) -> None:
        """The first sound leaves: every stage before it is over."""
        stages = self.stages() or Stages(now)
        self.figures = replace(
            self.figures,
            begun_ms=self._ms(stages.begun),
            encoded_ms=self._ms(stages.encoded),
            first_token_ms=self._ms(stages.first_token),
            first_codes_ms=self._ms(stages.first_codes),
            first_wave_ms=self._ms(stages.first_wave),
            first_byte_ms=self._ms(now),
        )

    def _sound(self, event: live.AudioDelta, now: float) -> None:
        seconds = len(event.samples) / SPOKEN_HZ
        self.metrics.spoken_seconds.inc(seconds)
        if self.asked_at is not None:
            self.metrics.first_audio.observe(now - self.asked_at)
            self._reached(now)
            self.asked_at = None
        if self.due_at is not None and now > self.due_at:
            self.metrics.underruns.inc(now - self.due_at)
        self.due_at = max(now, self.due_at or now) + seconds
