"""Random live conversations on a virtual clock: what holds, whoever speaks, pauses, interrupts or vanishes when."""

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from antiphon.runtime import live_events as told
from antiphon.runtime.dialogue import Manners
from antiphon.runtime.manner import How, Settings
from antiphon.runtime.vad import FRAME_MS
from antiphon.tools.tool import Tool
from tests.runtime.stage import VAD, Stage, check_all, check_answered, without_speculation
from tests.runtime.world import Pace

GUARD_MS, END = 250, 17  # voice that interrupts; frames of silence that end a turn for sure
LOOKUP = Tool({"name": "lookup"}, lambda arguments: "found", "read")
MANNERS = Manners(barge_in_ms=GUARD_MS, tool_timeout_ms=900)
OFFERED = Settings(detector=VAD, how=How(tools=(LOOKUP,)), manners=MANNERS)

stretch = st.tuples(st.one_of(st.integers(1, 15), st.integers(16, 70)), st.integers(1, 20))
paces = st.builds(
    Pace, first_ms=st.integers(10, 500), group_ms=st.integers(1, 220), tool_ms=st.sampled_from([30, 300, 5_000])
)


def voices(stretches: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """When the user's voice sounds."""
    at, found = 0, list[tuple[int, int]]()
    for silent, voiced in stretches:
        found.append((at + silent * FRAME_MS, at + (silent + voiced) * FRAME_MS))
        at = found[-1][1]
    return found


def check_quiet(stage: Stage, stretches: list[tuple[int, int]]) -> None:
    """Of each stretch of voice no more than the guard is spoken over, and a turn's worth of short ones."""
    over_all = 0
    for a, b in voices(stretches):
        over = sum(max(0, min(b, end) - max(a, begin)) for _, begin, end, _ in stage.client.sounds)
        assert over <= GUARD_MS + 2 * FRAME_MS
        over_all += over if b - a >= GUARD_MS else 0
    assert over_all <= (GUARD_MS + 2 * FRAME_MS) * len(stretches)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(stretch, min_size=1, max_size=6), paces, st.booleans())
def test_no_reply_is_lost_doubled_or_spoken_over_the_user(
    stretches: list[tuple[int, int]], pace: Pace, speculate: bool
) -> None:
    stage = Stage(OFFERED if speculate else without_speculation(OFFERED), pace)
    stage.talk(*stretches, (END, 0)).wait()
    assert stage.live.phase == "listening" and stage.live.active is None
    check_all(stage)
    check_answered(stage)
    check_quiet(stage, stretches)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(st.tuples(st.integers(1, 14), st.integers(4, 20)), min_size=1, max_size=4), max_size=3), paces)
def test_what_is_committed_is_what_would_have_been_said(turns: list[list[tuple[int, int]]], pace: Pace) -> None:
    early, late = Stage(OFFERED, pace), Stage(without_speculation(OFFERED), pace)
    for stage in (early, late):
        for pauses in turns:
            stage.talk(*pauses, (END, 0)).wait(20_000)
        check_all(stage)
    assert [repr(event) for event in early.client.events] == [repr(event) for event in late.client.events]
    assert early.live.history == late.live.history and early.names == late.names
    assert early.live.counts.committed <= len(turns) and late.live.counts.started == 0
    sounds = [[(i, s.tolist()[:1], len(s)) for i, _, _, s in stage.client.sounds] for stage in (early, late)]
    assert sounds[0] == sounds[1]


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(stretch, min_size=1, max_size=4), paces, st.integers(0, 6_000))
def test_a_client_may_vanish_at_any_time(stretches: list[tuple[int, int]], pace: Pace, left_ms: int) -> None:
    stage = Stage(replace(OFFERED, transcribe=True), pace)
    stage.clock.at(left_ms, stage.live.leave)
    stage.talk(*stretches, (END, 0)).wait()
    assert all(time <= left_ms for time in stage.client.times)
    assert stage.live.phase in ("idle", "listening")
    done = {event.reply for event in stage.of(told.ReplyDone)}
    assert len(done) == len(stage.of(told.ReplyDone))
