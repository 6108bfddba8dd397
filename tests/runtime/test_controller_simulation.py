"""Random conversations on a virtual clock: what the controller promises, whoever speaks when."""

from collections.abc import Iterator
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.runtime.controller import Controller
from antiphon.runtime.dialogue import Manners
from antiphon.runtime.orders import (
    Begin,
    Discard,
    Emit,
    GiveResult,
    Keep,
    Order,
    RunTool,
    Speculate,
    SpeechStarted,
    SpeechStopped,
    TakeTurn,
)
from antiphon.runtime.turns import ServerVad, Utterance
from tests.runtime.conversation import FRAME_MS, NET_MS, WORD_MS, Pace, World

SILENCE_MS, PAUSE_MS, PADDING_MS, GUARD_MS, TOOL_MS = 500, 160, 300, 250, 900
VAD = ServerVad(silence_duration_ms=SILENCE_MS, pause_ms=PAUSE_MS, prefix_padding_ms=PADDING_MS)
SPLIT_FRAMES = -(-SILENCE_MS // FRAME_MS)  # a silence of as many frames ends a turn

Stretches = list[tuple[int, int]]  # frames of silence, then frames of voice
stretch = st.tuples(st.one_of(st.integers(1, 40), st.integers(1, 15), st.integers(16, 80)), st.integers(1, 20))
paces = st.builds(
    Pace,
    first_ms=st.integers(10, 600),
    word_ms=st.integers(1, 220),  # slower than speech, too
    tools_ms=st.lists(st.integers(1, 1_200), min_size=1, max_size=4).map(tuple),
    report_ms=st.sampled_from([0, 0, 30, 800]),
)


def manners(speculate: bool = True, interrupt: bool = True) -> Manners:
    return Manners(
        barge_in_ms=GUARD_MS,
        tool_timeout_ms=TOOL_MS,
        interrupt_response=interrupt,
        max_speculations=3 if speculate else 0,
    )


def speak(stretches: Stretches) -> Iterator[bool]:
    """A user who heeds nobody."""
    for silent, voiced in stretches:
        yield from [False] * silent + [True] * voiced
    yield from [False] * (SPLIT_FRAMES + 1)


def utterances(stretches: Stretches) -> list[tuple[Utterance, int]]:
    """What a turn is, computed from the script alone; and when it is known to have ended."""
    found, at, floor = list[tuple[Utterance, int]](), 0, 0
    begun = voiced_ms = 0
    for (silent, voiced), (after, _) in pairwise([*stretches, (SPLIT_FRAMES + 1, 0)]):
        at += silent * FRAME_MS
        begun = begun if voiced_ms else at
        at += voiced * FRAME_MS
        voiced_ms += voiced * FRAME_MS
        if after >= SPLIT_FRAMES:
            whole = Utterance(max(begun - PADDING_MS, floor), at + PAUSE_MS, voiced_ms)
            found.append((whole, at + SPLIT_FRAMES * FRAME_MS))
            floor, voiced_ms = whole.end_ms, 0
    return found


def voice(stretches: Stretches) -> list[tuple[int, int]]:
    """When the user's voice sounds."""
    at, found = 0, list[tuple[int, int]]()
    for silent, voiced in stretches:
        at += silent * FRAME_MS
        found.append((at, at + voiced * FRAME_MS))
        at += voiced * FRAME_MS
    return found


def check_turns(world: World, stretches: Stretches) -> None:
    """Every turn is heard once, in order; a click never is."""
    taken = [order.utterance for order in world.orders if isinstance(order, TakeTurn)]
    all_of_them = utterances(stretches)
    if world.lost_at is not None:
        all_of_them = [(u, end) for u, end in all_of_them if end < world.lost_at]
    assert taken == [u for u, _ in all_of_them if u in taken]
    missed = [u for u, _ in all_of_them if u not in taken]
    assert all(u.voiced_ms < GUARD_MS for u in missed) or world.lost_at is not None
    assert all(u.voiced_ms >= world.controller.manners.onset_ms for u in taken)


def check_replies(world: World) -> None:
    """Every turn has its reply, and every reply one end: played to its end, or silenced and cut."""
    begun = [order for order in world.orders if isinstance(order, Begin | Keep)]
    relevant = [order for order in world.orders if isinstance(order, TakeTurn | Begin | Keep)]
    for turn, after in pairwise([*relevant, None]):
        assert after is not None or not isinstance(turn, TakeTurn)
        assert isinstance(turn, TakeTurn) or after is None or isinstance(after, TakeTurn)
    assert len(begun) == len(world.spoken)
    for spoken in world.spoken.values():
        assert (spoken.silenced_at is None) == (spoken.cut_ms is None)
        if spoken.silenced_at is None:
            assert spoken.is_closed
            assert len(spoken.sounds) == len(spoken.words()) and spoken.reported_ms == WORD_MS * len(spoken.sounds)
        else:
            assert sum(isinstance(item, str) for item in spoken.items) == (spoken.cut_ms or 0) // WORD_MS


def check_quiet(world: World, stretches: Stretches) -> None:
    """Nobody is spoken over for longer than the guard, a frame and the way to the client."""
    bound = -(-GUARD_MS // FRAME_MS) * FRAME_MS + NET_MS
    sounds = [sound for spoken in world.spoken.values() for sound in spoken.sounds]
    for utterance, _ in utterances(stretches):
        inside = [(a, b) for a, b in voice(stretches) if utterance.start_ms <= a and b <= utterance.end_ms]
        over = sum(max(0, min(b, d) - max(a, c)) for a, b in inside for c, d in sounds)
        assert over <= bound


def check_speculations(world: World) -> None:
    counts = world.state.counts
    started, kept, dropped = ([o for o in world.orders if isinstance(o, kind)] for kind in (Speculate, Keep, Discard))
    assert (counts.started, counts.committed, counts.discarded) == (len(started), len(kept), len(dropped))
    assert counts.started == counts.committed + counts.discarded and not world.guesses
    assert counts.wasted_tokens == sum(world.told_tokens.get(order.reply, 0) for order in dropped)


@settings(max_examples=80, deadline=None)
@given(st.lists(stretch, min_size=1, max_size=8), paces, st.booleans(), st.none() | st.integers(1, 20_000))
def test_no_reply_is_lost_doubled_or_spoken_over_the_user(
    stretches: Stretches, pace: Pace, speculate: bool, lost_at: int | None
) -> None:
    world = World(Controller(VAD, manners(speculate)), pace, lost_at).run(speak(stretches))
    assert world.state.phase == ("listening" if lost_at is None else "idle")
    check_turns(world, stretches)
    check_speculations(world)
    check_quiet(world, stretches)
    if lost_at is None:
        check_replies(world)


@settings(max_examples=35, deadline=None)
@given(st.lists(stretch, min_size=1, max_size=8), paces)
def test_where_replies_may_not_be_interrupted_turns_wait(stretches: Stretches, pace: Pace) -> None:
    world = World(Controller(VAD, manners(interrupt=False)), pace).run(speak(stretches))
    assert all(spoken.is_closed and spoken.silenced_at is None for spoken in world.spoken.values())
    taken = [order.utterance for order in world.orders if isinstance(order, TakeTurn)]
    assert {u for u, _ in utterances(stretches) if u.voiced_ms >= GUARD_MS} <= set(taken)
    assert len(taken) == len(set(taken))
    check_speculations(world)


def polite(script: list[Stretches], world: World) -> Iterator[bool]:
    """A user who pauses within a turn, and hears every reply to its end."""
    for stretches in script:
        yield from [False] * 20
        for silent, voiced in stretches:
            yield from [False] * (silent % SPLIT_FRAMES) + [True] * (voiced + 1)
        yield from [False] * (SPLIT_FRAMES + 1)
        while world.state.phase != "listening":
            yield False


def outside(orders: list[Order]) -> dict[str, list[object]]:
    """What anybody but the controller and the generator can see of a conversation, apart from the time of day."""
    seen: dict[str, list[object]] = {"talk": [], "results": []}
    for order in orders:
        if isinstance(order, TakeTurn):
            seen["talk"].append((order.utterance.end_ms - order.utterance.start_ms, order.utterance.voiced_ms))
        elif isinstance(order, Emit):
            seen["talk"].append(order.part.content)
        elif isinstance(order, RunTool):
            seen["talk"].append(order.called.call)
        elif isinstance(order, GiveResult):
            seen["results"].append((order.call, order.content, order.has_timed_out))
        elif isinstance(order, Begin | Keep):
            seen["talk"].append(order.ordinal)
        elif not isinstance(order, Speculate | Discard | SpeechStarted | SpeechStopped):
            seen["talk"].append(type(order).__name__)
    return {**seen, "results": sorted(seen["results"], key=repr)}


@settings(max_examples=35, deadline=None)
@given(st.lists(st.lists(stretch, min_size=1, max_size=4), min_size=1, max_size=3), paces)
def test_with_speculation_a_conversation_is_what_it_is_without(script: list[Stretches], pace: Pace) -> None:
    worlds = []
    for speculate in (True, False):
        world = World(Controller(VAD, manners(speculate)), pace)
        worlds.append(world.run(polite(script, world)))
    guessing, patient = worlds
    assert outside(guessing.orders) == outside(patient.orders)
    assert guessing.prompt() == patient.prompt()
    assert guessing.state.ordinal == patient.state.ordinal == len(script)
    assert guessing.state.counts.started >= 1 and patient.state.counts.started == 0
