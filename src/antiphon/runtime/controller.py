"""The controller: who speaks, who listens, and what is generated meanwhile. A table, without I/O and without a clock.

                    ┌───────── turn end ─────────┐
    idle ─> listening ─ speech ─> user ─ pause ─> speculating ─ turn end ─┐
                ▲                  ▲ └─ turn end ─┐    │ speech: discard   │ keep
                │                  └──────────────┼────┘                  │
                │ played          interrupted     ▼                       ▼
                └── speaking <─────────────── thinking <──> tool ──────────
                        └─ speech longer than the guard ─> interrupted ─ silenced ─> user

`Controller.step(state, told, now_ms)` hands back the next state and what is to be done. It holds these promises, which
`tests/runtime/test_controller_simulation.py` proves on random conversations:

- what a speculation makes is held in the state until the turn has ended; kept, it is told to the table as if it came
  just then, so that a kept reply and one begun at the turn's end go the same way;
- a `Cut` precedes whatever is generated after a reply that was silenced, at what the client reported as heard;
- a turn that ends while a reply may not be interrupted waits for its end.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from antiphon.runtime.dialogue import Manners, Phase, Reply, Speculation, State
from antiphon.runtime.orders import (
    Begin,
    ClientCancel,
    ClientChanged,
    ClientCleared,
    ClientCommit,
    ClientJoined,
    ClientLost,
    ClientRespond,
    Close,
    Continue,
    Cut,
    Discard,
    Done,
    Emit,
    End,
    FromGenerator,
    GiveResult,
    Keep,
    Opinion,
    Order,
    Part,
    Played,
    RunTool,
    Silence,
    Silenced,
    Speculate,
    SpeechStarted,
    SpeechStopped,
    TakeTurn,
    Tick,
    TimedOut,
    Told,
    ToolAnswered,
    ToolCalled,
)
from antiphon.runtime.turns import Frame, Pause, Speech, TurnDetector, TurnEnd, Utterance

Moved: TypeAlias = tuple[State, tuple[Order, ...]]


@dataclass(frozen=True)
class Controller:
    """The rules of one conversation; `detector` None: the client commits its turns itself."""

    detector: TurnDetector[Any] | None
    manners: Manners = Manners()

    def step(self, state: State, told: Told, now_ms: int) -> Moved:
        """The next state and the orders, to be carried out in their order. What does not matter in a phase is ignored.

        `now_ms` is any clock that never goes back.
        """
        if isinstance(told, Frame):
            if self.detector is None or state.phase == "idle":
                return state, ()
            turns, signals = self.detector.step(state.turns, told)
            return self._tell(replace(state, turns=turns), signals, now_ms)
        handler = TABLE[state.phase].get(type(told))
        return handler(self, state, told, now_ms) if handler else (state, ())

    def _tell(self, state: State, events: Iterable[Told], now_ms: int) -> Moved:
        orders: tuple[Order, ...] = ()
        for event in events:
            state, more = self.step(state, event, now_ms)
            orders += more
        return state, orders

    # the user

    def joined(self, state: State, told: ClientJoined, now_ms: int) -> Moved:
        turns = self.detector.start() if self.detector else None
        return State("listening", turns, next_id=state.next_id, ordinal=state.ordinal, counts=state.counts), ()

    def lost(self, state: State, told: ClientLost, now_ms: int) -> Moved:
        state, dropped = self._discard(state)
        state, stopped = self._silence(state)
        state, cut = self._cut(state)
        left = State(next_id=state.next_id, ordinal=state.ordinal, counts=state.counts)
        return left, (*dropped, *stopped, *cut, End())

    def speech_begins(self, state: State, told: Speech, now_ms: int) -> Moved:
        long_enough = told.utterance.voiced_ms >= self.manners.onset_ms
        return self._listen_to(state, told.utterance) if long_enough else (state, ())

    def speech_over_reply(self, state: State, told: Speech, now_ms: int) -> Moved:
        if not self.manners.interrupt_response or told.utterance.voiced_ms < self.manners.barge_in_ms:
            return state, ()
        state, stopped = self._silence(state)
        state, started = self._listen_to(state, told.utterance)
        return state, (*started, *stopped)  # the client knows why before it is told to be silent

    def _listen_to(self, state: State, utterance: Utterance) -> Moved:
        phase: Phase = "user" if state.silenced is None else "interrupted"
        return replace(state, phase=phase, tries=0, idle_at_ms=None), (SpeechStarted(utterance.start_ms),)

    def turn_ends(self, state: State, told: TurnEnd | ClientCommit, now_ms: int) -> Moved:
        state = replace(state, waiting=(*state.waiting, told.utterance))
        state, orders = self._next(state, now_ms)
        return state, (SpeechStopped(told.utterance.end_ms), *orders)

    def late_turn_ends(self, state: State, told: TurnEnd, now_ms: int) -> Moved:
        """It began while a reply could not be interrupted; a short one was only a sign of listening."""
        if told.utterance.voiced_ms < self.manners.barge_in_ms:
            return state, ()
        waiting = replace(state, waiting=(*state.waiting, told.utterance))
        state, orders = (waiting, ()) if state.reply else self._next(waiting, now_ms)
        return state, (SpeechStarted(told.utterance.start_ms), SpeechStopped(told.utterance.end_ms), *orders)

    def committed(self, state: State, told: ClientCommit, now_ms: int) -> Moved:
        turns = self.detector.start(told.utterance.end_ms) if self.detector else None
        state, dropped = self._discard(replace(state, turns=turns))
        state = replace(state, waiting=(*state.waiting, told.utterance))
        if state.reply is not None and state.reply.is_closed:
            state = self._rest(state, now_ms)
        state, orders = (state, ()) if state.reply else self._next(state, now_ms)
        return state, (*dropped, *orders)

    def cleared(self, state: State, told: ClientCleared, now_ms: int) -> Moved:
        turns = self.detector.start(told.end_ms) if self.detector else None
        state, dropped = self._discard(replace(state, turns=turns))
        return replace(state, phase="listening" if state.phase in ("user", "interrupted") else state.phase), dropped

    # speculation

    def pauses(self, state: State, told: Pause, now_ms: int) -> Moved:
        if not self.manners.create_response or state.tries >= self.manners.max_speculations or state.waiting:
            return state, ()
        speculation = Speculation(state.next_id, told.utterance)
        counts = replace(state.counts, started=state.counts.started + 1)
        state = replace(
            state,
            phase="speculating",
            speculation=speculation,
            tries=state.tries + 1,
            next_id=state.next_id + 1,
            counts=counts,
        )
        return state, (Speculate(speculation.id, state.ordinal, told.utterance),)

    def hold(self, state: State, told: FromGenerator, now_ms: int) -> Moved:
        assert state.speculation is not None
        if told.reply != state.speculation.id:
            return state, ()
        state = replace(state, speculation=replace(state.speculation, held=(*state.speculation.held, told)))
        return self._discard(state) if isinstance(told, Done) and told.has_failed else (state, ())

    def believes(self, state: State, told: Opinion, now_ms: int) -> Moved:
        if self.detector is None or state.speculation is None or state.speculation.id != told.reply:
            return state, ()
        return replace(state, turns=self.detector.believe(state.turns, told.ending)), ()

    def goes_on(self, state: State, told: Speech | ClientChanged, now_ms: int) -> Moved:
        return self._discard(state)

    def turn_ends_as_guessed(self, state: State, told: TurnEnd, now_ms: int) -> Moved:
        speculation = state.speculation
        assert speculation is not None
        if told.utterance != speculation.utterance:
            state, dropped = self._discard(state)
            state, orders = self.turn_ends(state, told, now_ms)
            return state, (*dropped, *orders)
        counts = replace(state.counts, committed=state.counts.committed + 1)
        kept = (SpeechStopped(told.utterance.end_ms), TakeTurn(told.utterance), Keep(speculation.id, state.ordinal))
        state = self._reply(replace(state, speculation=None, counts=counts), speculation.id)
        state, orders = self._tell(state, speculation.held, now_ms)
        return state, (*kept, *orders)

    def _discard(self, state: State) -> Moved:
        if state.speculation is None:
            return state, ()
        counts = replace(
            state.counts,
            discarded=state.counts.discarded + 1,
            wasted_tokens=state.counts.wasted_tokens + sum(event.tokens for event in state.speculation.held),
        )
        return replace(state, phase="user", speculation=None, counts=counts), (Discard(state.speculation.id),)

    # a reply

    def asked(self, state: State, told: ClientRespond, now_ms: int) -> Moved:
        """A reply that is complete may go on sounding: the client plays the next one behind it."""
        state = replace(state, is_asked=True)
        if state.reply is not None and state.reply.is_closed:
            state = self._rest(state, now_ms)
        return self._next(state, now_ms) if state.phase == "listening" else (state, ())

    def _next(self, state: State, now_ms: int) -> Moved:
        """Nobody speaks: turns enter the history, and a reply begins if one is due."""
        state, cut = self._cut(state)
        turns = tuple(TakeTurn(utterance) for utterance in state.waiting)
        is_due = state.is_asked or (bool(turns) and self.manners.create_response)
        state = replace(state, phase="listening", waiting=())
        if not is_due:
            return state, (*cut, *turns)
        begin = Begin(state.next_id, state.ordinal)
        return self._reply(replace(state, next_id=state.next_id + 1), begin.reply), (*cut, *turns, begin)

    def _reply(self, state: State, reply: int) -> State:
        return replace(
            state,
            phase="thinking",
            reply=Reply(reply),
            ordinal=state.ordinal + 1,
            is_asked=False,
            idle_at_ms=None,
        )

    def part(self, state: State, told: Part, now_ms: int) -> Moved:
        reply = state.reply
        if reply is None or reply.id != told.reply or reply.is_closed:
            return state, ()
        state, orders = self._go_on(state, replace(reply, emitted_ms=reply.emitted_ms + told.ms), now_ms)
        return state, (Emit(told), *orders)

    def tool_called(self, state: State, told: ToolCalled, now_ms: int) -> Moved:
        reply = state.reply
        if reply is None or reply.id != told.reply or reply.is_closed:
            return state, ()
        calls = (*reply.calls, (told.call, now_ms + self.manners.tool_timeout_ms))
        state, orders = self._go_on(state, replace(reply, has_called=True, calls=calls), now_ms)
        return state, (RunTool(told), *orders)

    def done(self, state: State, told: Done, now_ms: int) -> Moved:
        reply = state.reply
        if reply is None or reply.id != told.reply or reply.is_closed:
            return state, ()
        if told.has_failed:
            failed = replace(reply, is_generating=False, calls=(), is_closed=True)
            state, orders = self._go_on(state, failed, now_ms)
            return state, (Close(reply.id, has_failed=True), *orders)
        return self._go_on(state, replace(reply, is_generating=False), now_ms)

    def tool_answered(self, state: State, told: ToolAnswered, now_ms: int) -> Moved:
        result = GiveResult(told.reply, told.call, told.content, told.has_failed)
        return self._answer(state, result, now_ms)

    def _answer(self, state: State, result: GiveResult, now_ms: int) -> Moved:
        """A call is over; nobody waits for one that was given up, or whose reply has ended."""
        reply = state.reply
        if reply is None or reply.id != result.reply or result.call not in dict(reply.calls):
            return state, ()
        calls = tuple(call for call in reply.calls if call[0] != result.call)
        state, orders = self._go_on(state, replace(reply, calls=calls), now_ms)
        return state, (result, *orders)

    def played(self, state: State, told: Played, now_ms: int) -> Moved:
        if state.silenced is not None and state.silenced.id == told.reply:
            return replace(state, silenced=state.silenced.heard(told.ms)), ()
        if state.reply is None or state.reply.id != told.reply:
            return state, ()
        return self._go_on(state, state.reply.heard(told.ms), now_ms)

    def _go_on(self, state: State, reply: Reply, now_ms: int) -> Moved:
        """The reply after something happened to it: another round, its end, or only another phase."""
        orders: tuple[Order, ...] = ()
        if not (reply.is_generating or reply.calls or reply.is_closed):
            orders = (Continue(reply.id),) if reply.has_called else (Close(reply.id),)
            again = reply.has_called
            reply = replace(reply, is_generating=again, has_called=False, is_closed=not again)
        if not reply.is_closed or reply.played_ms < reply.emitted_ms:
            return replace(state, reply=reply, phase=reply.phase), orders
        state, more = self._next(self._rest(state, now_ms), now_ms)
        return state, (*orders, *more)

    def _rest(self, state: State, now_ms: int) -> State:
        """No reply any more: from now on the silence counts."""
        idle = self.manners.idle_timeout_ms
        return replace(state, phase="listening", reply=None, idle_at_ms=None if idle is None else now_ms + idle)

    # its end before its time

    def cancelled(self, state: State, told: ClientCancel, now_ms: int) -> Moved:
        state, stopped = self._silence(state)
        state = self._rest(state, now_ms)
        if not state.waiting and not state.is_asked:
            return state, stopped
        state, orders = self._next(state, now_ms)
        return state, (*stopped, *orders)

    def _silence(self, state: State) -> Moved:
        """Stop the reply; where everything sent was heard, what was heard is known at once."""
        reply = state.reply
        if reply is None:
            return state, ()
        state = replace(state, reply=None, silenced=reply)
        if reply.played_ms < reply.emitted_ms:
            return state, (Silence(reply.id),)
        state, cut = self._cut(state)
        return state, (Silence(reply.id), *cut)

    def _cut(self, state: State) -> Moved:
        if state.silenced is None:
            return state, ()
        return replace(state, silenced=None), (Cut(state.silenced.id, state.silenced.played_ms),)

    def silenced(self, state: State, told: Silenced, now_ms: int) -> Moved:
        if state.silenced is None or state.silenced.id != told.reply:
            return state, ()
        state, cut = self._cut(replace(state, silenced=state.silenced.heard(told.ms)))
        return replace(state, phase="user" if state.phase == "interrupted" else state.phase), cut

    # time

    def tool_times_out(self, state: State, told: Tick, now_ms: int) -> Moved:
        orders: tuple[Order, ...] = ()
        calls = state.reply.calls if state.reply else ()
        for call, deadline in calls:
            if state.reply is not None and deadline <= now_ms:
                given_up = GiveResult(state.reply.id, call, None, has_failed=True, has_timed_out=True)
                state, more = self._answer(state, given_up, now_ms)
                orders += more
        return state, orders

    def silence_lasts(self, state: State, told: Tick, now_ms: int) -> Moved:
        if state.idle_at_ms is None or now_ms < state.idle_at_ms:
            return state, ()
        state, orders = self._next(replace(state, is_asked=True), now_ms)
        return state, (TimedOut(), *orders)


Handler: TypeAlias = Callable[[Controller, State, Any, int], Moved]
C = Controller
ALWAYS: dict[type, Handler] = {  # wherever somebody is there
    ClientLost: C.lost,
    ClientRespond: C.asked,
    ClientCommit: C.committed,
    ClientCleared: C.cleared,
    Played: C.played,
    Silenced: C.silenced,
}
REPLYING: dict[type, Handler] = {
    **ALWAYS,
    Speech: C.speech_over_reply,
    TurnEnd: C.late_turn_ends,
    Part: C.part,
    ToolCalled: C.tool_called,
    Done: C.done,
    ToolAnswered: C.tool_answered,
    ClientCancel: C.cancelled,
    Tick: C.tool_times_out,
}
TABLE: dict[Phase, dict[type, Handler]] = {
    "idle": {ClientJoined: C.joined},
    "listening": {**ALWAYS, Speech: C.speech_begins, TurnEnd: C.late_turn_ends, Tick: C.silence_lasts},
    "user": {**ALWAYS, Pause: C.pauses, TurnEnd: C.turn_ends},
    "interrupted": {**ALWAYS, TurnEnd: C.turn_ends},
    "speculating": {
        **ALWAYS,
        Speech: C.goes_on,
        ClientChanged: C.goes_on,
        TurnEnd: C.turn_ends_as_guessed,
        Part: C.hold,
        ToolCalled: C.hold,
        Done: C.hold,
        Opinion: C.believes,
    },
    "thinking": REPLYING,
    "tool": REPLYING,
    "speaking": REPLYING,
}
