"""A live conversation's figures: what is told is timed and counted, on its way to the client."""

from collections.abc import Callable
from dataclasses import dataclass

from antiphon.rates import SPOKEN_HZ
from antiphon.runtime import live_events as live
from antiphon.runtime.dialogue import Speculations
from antiphon.server.metrics import Metrics
from antiphon.tools.tool import TOOLS

OTHERS = "other"  # names of tools that clients make up are no labels


@dataclass
class Watching:
    """One conversation; `now` is a clock in seconds that never goes back."""

    metrics: Metrics
    now: Callable[[], float]
    ended_at: float | None = None  # the user's turn, until something is heard of the reply
    interrupted_at: float | None = None
    due_at: float | None = None  # when everything that was sent of an item has been played
    counts: Speculations = Speculations()

    def see(self, event: live.LiveEvent) -> None:
        """One event."""
        metrics, now = self.metrics, self.now()
        if isinstance(event, live.SpeechStopped | live.Committed):
            self.ended_at = now
        elif isinstance(event, live.AudioDelta):
            self._sound(event, now)
        elif isinstance(event, live.ItemStarted):
            self.due_at = None
        elif isinstance(event, live.Interrupted):
            self.interrupted_at = now
        elif isinstance(event, live.Called):
            name = event.name if event.name in TOOLS else OTHERS
            metrics.tool_calls.labels(name, "told" if event.by_client else "run").inc()
        elif isinstance(event, live.ReplyDone):
            used = event.usage
            metrics.prompt_tokens.inc(used.read_text + used.read_audio)
            metrics.reply_tokens.inc(used.written_text + used.written_audio)
            if self.interrupted_at is not None:
                metrics.barge_in.observe(now - self.interrupted_at)
                self.interrupted_at = None

    def speculations(self, counts: Speculations) -> None:
        """How speculation fares by now."""
        before, self.counts = self.counts, counts
        for name in ("started", "committed", "discarded"):
            self.metrics.speculations.labels(name).inc(getattr(counts, name) - getattr(before, name))
        self.metrics.wasted_tokens.inc(counts.wasted_tokens - before.wasted_tokens)

    def _sound(self, event: live.AudioDelta, now: float) -> None:
        seconds = len(event.samples) / SPOKEN_HZ
        self.metrics.spoken_seconds.inc(seconds)
        if self.ended_at is not None:
            self.metrics.first_audio.observe(now - self.ended_at)
            self.ended_at = None
        if self.due_at is not None and now > self.due_at:
            self.metrics.underruns.inc(now - self.due_at)
        self.due_at = max(now, self.due_at or now) + seconds
