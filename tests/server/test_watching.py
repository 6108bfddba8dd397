"""The figures of a conversation are those of what its client recorded, to within a frame: on a virtual clock."""

import re
from itertools import pairwise

import pytest

from antiphon.runtime import live_events as told
from antiphon.runtime.manner import How, Settings
from antiphon.server.metrics import Metrics
from antiphon.server.watching import Watching
from antiphon.tools.tool import Tool
from tests.runtime.stage import SPOKEN, TURN, VAD, Stage, without_speculation
from tests.runtime.world import Pace

FRAME_S = 0.02
LOOKUP = Tool({"name": "lookup"}, lambda arguments: "found", "read")


class Watched(Stage):
    """A conversation whose figures are kept."""

    def __init__(self, settings: Settings, pace: Pace) -> None:
        super().__init__(settings, pace)
        self.metrics = Metrics()
        watching, tell = Watching(self.metrics, lambda: self.clock.now_ms() / 1000), self.client.tell

        def both(event: told.LiveEvent) -> None:
            watching.see(event)
            tell(event)

        self.live._conductor.outbox._tell = self.live._conductor.tell_client = both
        self.watching = watching

    def figure(self, name: str) -> float:
        self.watching.speculations(self.live.counts)
        (value,) = re.findall(rf"^antiphon_{name} (\S+)", self.metrics.page().decode(), re.M)
        return float(value)

    def first_sounds(self) -> list[float]:
        """From the end of each turn to the first sound that was heard of its answer, if any was."""
        found, at = list[float](), None
        for event, time in zip(self.client.events, self.client.times, strict=True):
            if isinstance(event, told.SpeechStopped):
                at = time
            elif isinstance(event, told.SpeechStarted):
                at = None
            elif isinstance(event, told.AudioDelta) and at is not None:
                found.append((time - at) / 1000)
                at = None
        return found

    def gaps(self) -> float:
        """Silence inside of what was recorded of an item."""
        pairs = [(one, other) for one, other in pairwise(self.client.sounds) if one[0] == other[0]]
        return sum(other[1] - one[2] for one, other in pairs) / 1000


@pytest.mark.parametrize("pace", [Pace(), Pace(group_ms=220), Pace(first_ms=700, group_ms=180)])
@pytest.mark.parametrize("settings", [SPOKEN, without_speculation(SPOKEN)])
def test_figures_are_those_of_the_recording(settings: Settings, pace: Pace) -> None:
    stage = Watched(settings, pace)
    for _ in range(6):
        stage.talk(*TURN).wait(20_000)
    first = stage.first_sounds()
    assert len(first) >= 3 and stage.figure("ttfa_seconds_count") == len(first)
    assert abs(stage.figure("ttfa_seconds_sum") - sum(first)) <= FRAME_S
    recorded = sum(len(samples) for *_, samples in stage.client.sounds) / 24_000
    assert abs(stage.figure("audio_spoken_seconds_total") - recorded) <= FRAME_S and recorded > 2
    assert abs(stage.figure("audio_underrun_seconds_total") - stage.gaps()) <= FRAME_S
    assert (stage.gaps() > 0.1) == (pace.group_ms > 160)
    turns = stage.of(told.SpeechStopped)
    assert stage.figure("vad_endpoint_delay_seconds_count") == len(turns) == 6
    assert 0.5 <= stage.figure("vad_endpoint_delay_seconds_sum") / len(turns) <= 0.5 + 2 * FRAME_S
    counts = stage.live.counts
    assert (stage.figure('speculation_total{outcome="committed"}') > 0) == (counts.committed > 0)


def test_who_cuts_in_is_timed_and_what_was_played_before_is_no_gap() -> None:
    stage = Watched(Settings(detector=VAD, how=How(tools=(LOOKUP,))), Pace())
    interrupted = 0
    while interrupted < 2:
        stage.talk(*TURN).wait(200)
        if stage.live.phase == "speaking":
            interrupted += 1
            stage.talk((0, 20), (20, 0))
        stage.wait(20_000)
    assert len(stage.of(told.Interrupted)) >= 2 and stage.gaps() == 0
    assert stage.figure("audio_underrun_seconds_total") == 0
    done = [event for event in stage.of(told.ReplyDone) if event.reason == "turn_detected"]
    assert stage.figure("barge_in_stop_seconds_count") >= len(done)
    assert stage.figure("barge_in_stop_seconds_sum") <= FRAME_S
    calls = sum(isinstance(event, told.Called) for event in stage.client.events)
    assert not calls or stage.figure('tool_calls_total{name="other",outcome="run"}') == calls
