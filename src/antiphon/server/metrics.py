"""What a server counts and measures, as Prometheus reads it. One registry for each server; seconds everywhere."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from antiphon.runtime.engine import Stats

FAST = (0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0)
SLOW = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)
RATIOS = (0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0)


@dataclass
class Metrics:
    """Every figure by its name; the names begin with `antiphon_`."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        self.requests = self._counter("http_requests", "requests answered", "route", "status")
        self.request_seconds = self._histogram("http_request_seconds", "from request to last byte", SLOW, "route")
        self.running = self._gauge("num_requests_running", "requests that the model works on")
        self.waiting = self._gauge("num_requests_waiting", "requests that wait for the model")
        self.sessions = self._gauge("sessions_active", "realtime sessions that are open")
        self.sessions_total = self._counter("sessions", "realtime sessions opened")
        self.session_seconds = self._histogram("session_seconds", "how long sessions lasted", SLOW)
        self.errors = self._counter("errors", "errors told to clients", "code")
        self.prompt_tokens = self._counter("prompt_tokens", "positions read")
        self.reply_tokens = self._counter("generation_tokens", "tokens generated")
        self.heard_seconds = self._counter("audio_heard_seconds", "sound taken in")
        self.spoken_seconds = self._counter("audio_spoken_seconds", "sound sent out")
        self.first_audio = self._histogram("ttfa_seconds", "from the end of speech to the first sound sent", FAST)
        self.first_token = self._histogram("lm_ttft_seconds", "from the question to the first token", FAST)
        self.endpoint_delay = self._histogram("vad_endpoint_delay_seconds", "from the last voiced frame on", FAST)
        self.real_time = self._histogram("audio_rtf", "seconds of work for a second of sound", RATIOS)
        self.underruns = self._counter("audio_underrun_seconds", "silence where sound was due")
        self.barge_in = self._histogram("barge_in_stop_seconds", "from the decision to the last sound", FAST)
        self.speculations = self._counter("speculation", "replies begun at a pause", "outcome")
        self.wasted_tokens = self._counter("speculation_wasted_tokens", "tokens of those thrown away")
        self.tool_calls = self._counter("tool_calls", "tools called", "name", "outcome")
        self.compression = self._gauge("context_compression_ratio", "positions before and after, of the last one")

    def page(self) -> bytes:
        """Everything, in the text form of Prometheus."""
        return generate_latest(self.registry)

    def watch(self, stats: Callable[[], Stats]) -> None:
        """Ask an engine for its figures whenever the page is asked for."""
        self.registry.register(_Engine(stats))

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(f"antiphon_{name}", what, labels, registry=self.registry)

    def _gauge(self, name: str, what: str) -> Gauge:
        return Gauge(f"antiphon_{name}", what, registry=self.registry)

    def _histogram(self, name: str, what: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"antiphon_{name}", what, labels, buckets=buckets, registry=self.registry)


class _Engine(Collector):
    """The figures of an engine, as they are at the moment."""

    def __init__(self, stats: Callable[[], Stats]) -> None:
        self.stats = stats

    def collect(self) -> Iterator[Metric]:
        """One metric for each."""
        for name, value in self.stats().metrics().items():
            what = name.removeprefix("antiphon_engine_").replace("_", " ")
            kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
            yield kind(name, f"of the engine: {what}", value=value)
