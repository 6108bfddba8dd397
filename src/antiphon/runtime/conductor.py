"""The controller's orders carried out: on the model, on the history, on what the client is told.

    events ──> Controller.step ──> orders ──> one method for each        told meanwhile: queued, and stepped next

Everything happens in one thread and at once; the model's work is begun and told of later (`Mind`).
"""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from antiphon.audio.wave import Audio
from antiphon.runtime import live_events as told
from antiphon.runtime import orders
from antiphon.runtime.answer import Answer
from antiphon.runtime.clock import Clock, Timer
from antiphon.runtime.context import compact
from antiphon.runtime.controller import Controller
from antiphon.runtime.dialect import by_client
from antiphon.runtime.dialogue import State
from antiphon.runtime.events import ToolResult
from antiphon.runtime.heard import duration_ms, num_codes
from antiphon.runtime.history import Answered, Entry, Heard, History, Spoken, deleted, inserted, place_of, replaced
from antiphon.runtime.listening import Cutting, Listening
from antiphon.runtime.live_tools import Around, LiveTools
from antiphon.runtime.manner import Asked, Ids, Settings
from antiphon.runtime.mind import Finished, Mind, Progress
from antiphon.runtime.outbox import Outbox
from antiphon.runtime.playback import Playback
from antiphon.runtime.rounds import Rounds
from antiphon.runtime.transcripts import Transcriber
from antiphon.runtime.turns import Utterance
from antiphon.runtime.wardrobe import CLIP
from antiphon.text.chat import AudioItem

MAX_ROUNDS = 4  # generations in one reply; more would be a model that calls tools for ever
LISTENED_MS = 2000  # of the silence that the model hears when nobody says anything
RESERVED = 4  # one part in so many of the context is left for the reply


class Conductor:
    """The state of one conversation, and what changes it. `Live` is its door."""

    def __init__(
        self,
        mind: Mind,
        clock: Clock,
        ids: Ids,
        tell: Callable[[told.LiveEvent], None],
        settings: Settings,
        cutting: Cutting,
    ) -> None:
        self.mind, self.clock, self.ids, self.settings = mind, clock, ids, settings
        self.controller, self.state = Controller(settings.detector, settings.manners), State()
        self.history: History = ()
        self.listening, self.playback = Listening(mind, cutting), Playback()
        self.outbox = Outbox(tell, self.playback)
        self.tell_client = tell
        self.asked: Asked | None = None  # what the next reply is made by, if the client has asked for it
        self.reason: told.Reason = "turn_detected"  # why a reply is silenced, should one be
        self.turn_item: str | None = None  # the name of the user's turn under way
        self.open_ms: int | None = None  # where it begins
        self.floor_ms = 0  # where the last one ended
        self._names: deque[str] = deque()  # of turns that have ended and are not in the history
        around = Around(self.tell, self.report, lambda: self.history, lambda: self.state.phase == "tool")
        self.rounds = Rounds(mind, self.tell, LiveTools(mind, clock, around))
        self._late: dict[str, str] = {}  # calls that are still carried out: their names for the client
        self._answers: dict[int, Answer] = {}
        self.transcriber = Transcriber(mind, tell)
        self._queue: deque[orders.Told] = deque()
        self._is_working = False
        self._timer: Timer | None = None
        self._due_ms: int | None = None
        self.worn: Audio | None = None  # a voice that a tool has put on; None: that of the settings
        self.is_over = False

    # --- events in, orders out ---------------------------------------------------------------------------------------

    def tell(self, *events: orders.Told) -> None:
        """Something has happened."""
        self._queue.extend(events)
        if self._is_working:
            return
        self._is_working = True
        try:
            while self._queue:
                event = self._queue.popleft()
                self.state, todo = self.controller.step(self.state, event, self.clock.now_ms())
                for order in todo:
                    ORDERS[type(order)](self, order)
                if any(isinstance(order, orders.TakeTurn | orders.Close | orders.Cut) for order in todo):
                    self._transcribe()
        finally:
            self._is_working = False
        self.pump()

    def pump(self) -> None:
        """Tell the client what may be told now, and be woken when there is more to do."""
        if self.is_over:
            return
        next_send = self.outbox.pump(self.clock.now_ms(), self.settings.lead_ms)
        times = [time for time in (next_send, self.state.deadline_ms, self._played_until()) if time is not None]
        due = min(times, default=None)
        if due != self._due_ms or self._timer is None:
            if self._timer is not None:
                self._timer.cancel()
            self._due_ms, self._timer = due, None if due is None else self.clock.at(due, self._wake)

    def _wake(self) -> None:
        self._timer, now = None, self.clock.now_ms()
        if self.is_over:
            return
        self.outbox.pump(now, self.settings.lead_ms)
        events: list[orders.Told] = []
        reply = self.state.reply
        if reply is not None and not self.settings.reports and reply.id in self._answers:
            heard = sum(self.playback.heard_ms(item, now) for item in self._answers[reply.id].durations)
            events += [orders.Played(reply.id, heard)] if heard > reply.played_ms else []
        if self.state.deadline_ms is not None and self.state.deadline_ms <= now:
            events.append(orders.Tick())
        self.tell(*events)

    def _played_until(self) -> int | None:
        """When the controller is to be told that what was sent has been played."""
        reply = self.state.reply
        if reply is None or self.settings.reports or reply.played_ms >= reply.emitted_ms:
            return None
        return self.playback.until_ms if self.playback.until_ms > self.clock.now_ms() else None

    # --- the user ----------------------------------------------------------------------------------------------------

    def speech_started(self, order: orders.SpeechStarted) -> None:
        self.fold()
        self.turn_item, self.open_ms = self.ids.item(), order.start_ms
        self.tell_client(told.SpeechStarted(self.turn_item, order.start_ms))

    def speech_stopped(self, order: orders.SpeechStopped) -> None:
        assert self.turn_item is not None
        self._names.append(self.turn_item)
        detector = self.controller.detector
        silent_ms = 0 if detector is None else self.listening.end_ms - order.end_ms + detector.pause_ms
        self.tell_client(told.SpeechStopped(self.turn_item, order.end_ms, silent_ms))
        self.turn_item = self.open_ms = None

    def commit(self, utterance: Utterance) -> str:
        """The client ends a turn itself; the name that it has."""
        self.fold()
        name = self.turn_item or self.ids.item()
        self._names.append(name)
        self.turn_item = self.open_ms = None
        self.floor_ms = utterance.end_ms
        self.tell(orders.ClientCommit(utterance))
        return name

    def take_turn(self, order: orders.TakeTurn) -> None:
        self._take(self._names.popleft(), order.utterance)
        self.floor_ms = max(self.floor_ms, order.utterance.end_ms)
        self.listening.forget(order.utterance.start_ms)
        self._keep_sounds()

    def _take(self, name: str, utterance: Utterance) -> None:
        before = self.put(Heard(name, self.listening.turn(utterance)))
        self.tell_client(told.Committed(name, before, utterance.end_ms - utterance.start_ms))

    def timed_out(self, order: orders.TimedOut) -> None:
        end = self.listening.end_ms
        name, silence = self.ids.item(), Utterance(max(end - LISTENED_MS, self.floor_ms), end, 0)
        self.tell_client(told.TimedOut(name, silence.start_ms, silence.end_ms))
        self._take(name, silence)

    # --- generation --------------------------------------------------------------------------------------------------

    def begin(self, order: orders.Begin) -> None:
        asked, self.asked = self.asked or Asked(self.settings.how), None
        self._compact(asked)
        self._open(order.reply, asked)
        self._generate(order.reply, asked)

    def speculate(self, order: orders.Speculate) -> None:
        asked = self.asked or Asked(self.settings.how)
        turn = Heard("", self.listening.turn(order.utterance))
        self.rounds.begin(order.reply, self._within_bounds((*self.history, turn), asked), self._voiced(asked))

    def keep(self, order: orders.Keep) -> None:
        self.asked = None
        kept = self.rounds[order.reply]
        self._compact(kept.asked)
        self._open(order.reply, kept.asked)
        self._answers[order.reply].begin_round(kept.audio_tokens)

    def discard(self, order: orders.Discard) -> None:
        self.rounds.stop(order.reply)

    def go_on(self, order: orders.Continue) -> None:
        answer = self._answers[order.reply]
        self._end_round(order.reply)
        if answer.rounds >= MAX_ROUNDS or answer.awaits_client:
            self.rounds[order.reply].finished = None
            self._queue.append(orders.Done(order.reply))
        else:
            self._generate(order.reply, answer.asked)

    def _open(self, reply: int, asked: Asked) -> None:
        sounding = set(self.playback.sounding(self.clock.now_ms()))
        for number, answer in list(self._answers.items()):
            if not (sounding & set(answer.durations) or self.outbox.has_sound(list(answer.durations))):
                del self._answers[number]
                for item in answer.durations:
                    self.playback.forget(item)
        answer = self._answers[reply] = Answer(self.ids, self.mind.dialect.layout, asked, self.put)
        self.outbox.put(answer.start())

    def _generate(self, reply: int, asked: Asked) -> None:
        made = self.rounds.begin(reply, self.history, self._voiced(asked))
        self._answers[reply].begin_round(made.audio_tokens)

    def _voiced(self, asked: Asked) -> Asked:
        return asked if self.worn is None else replace(asked, how=replace(asked.how, voice=self.worn))

    # --- the reply ---------------------------------------------------------------------------------------------------

    def emit(self, order: orders.Emit) -> None:
        self._take_progress(order.part.reply, order.part.content)

    def run_tool(self, order: orders.RunTool) -> None:
        called = order.called
        self._take_progress(called.reply, called.content)
        self.rounds.run_tool(called)

    def give_result(self, order: orders.GiveResult) -> None:
        self.rounds.stop_tool(order.call)
        result = order.content if isinstance(order.content, ToolResult) else None
        if result is not None and CLIP in result.data:
            self.worn = result.data[CLIP]
        self._answer(order.reply, order.call, result)

    def _answer(self, reply: int, call: str, result: ToolResult | None) -> None:
        answer = self._answers[reply]
        if result is not None and result.code == "running":
            self._late[call] = answer.calls[call]
        for event in answer.answered(call, result):
            self.outbox.put(event)

    def report(self, call: str, result: ToolResult) -> None:
        """A tool whose reply is over has come back: the history says so, and the next reply knows."""
        name = self._late.pop(call, None)
        for entry in self.history:
            if isinstance(entry, Answered) and entry.call == name:
                self.history = replaced(self.history, replace(entry, text=result.text))

    def close(self, order: orders.Close) -> None:
        finished = self.rounds[order.reply].finished
        self._end_round(order.reply)
        self.rounds.stop(order.reply)
        answer = self._answers[order.reply]
        if order.has_failed:
            self.outbox.put(answer.done("failed", error=finished.error if finished else "the reply failed"))
        elif not answer.stopped:
            self.outbox.put(answer.done("incomplete", "max_output_tokens"))
        else:
            self.outbox.put(answer.done("completed"))

    def _take_progress(self, reply: int, progress: object) -> None:
        assert isinstance(progress, Progress)
        for event in self._answers[reply].take(progress):
            self.outbox.put(event)

    def _end_round(self, reply: int) -> None:
        finished = self.rounds[reply].finished
        for event in self._answers[reply].end_round(finished or Finished()):
            self.outbox.put(event)

    # --- its end before its time -------------------------------------------------------------------------------------

    def silence(self, order: orders.Silence) -> None:
        now, reply = self.clock.now_ms(), self._answers[order.reply]
        self.rounds.stop(order.reply)
        for call in reply.calls:
            if (result := self.rounds.stop_tool(call)) is not None:
                self._answer(order.reply, call, result)
        items = [item for answer in self._answers.values() for item in answer.durations]
        heard = {item: self.playback.heard_ms(item, now) for item in items}
        sounding = next(iter(self.playback.sounding(now)), None)
        self.playback.stop(now)
        self.tell_client(told.Interrupted(reply.id, sounding, heard.get(sounding or "", 0)))
        self._close_told()
        for number, answer in self._answers.items():
            if number != order.reply and not self.settings.reports:
                for item in answer.durations:
                    self.cut_item(item, heard[item])
        self.reason = "turn_detected"
        if not self.settings.reports:
            self._queue.append(orders.Silenced(order.reply, sum(heard[item] for item in reply.durations)))

    def _close_told(self) -> None:
        """What the client knows of comes to its end; of what it was not told nothing is left."""
        dropped = self.outbox.drop()
        for event in dropped.closing:
            self.tell_client(event)
        for answer in self._answers.values():
            if answer.id in dropped.replies:
                self.tell_client(answer.done("cancelled", self.reason))
        for item in dropped.untold:
            self.history = deleted(self.history, item)

    def cut(self, order: orders.Cut) -> None:
        answer, rest = self._answers[order.reply], order.heard_ms
        for item, ms in answer.durations.items():
            self.cut_item(item, min(rest, ms))
            rest = max(rest - ms, 0)

    def cut_item(self, item: str, heard_ms: int) -> None:
        """Of a spoken item `heard_ms` were heard, or less if that is known already."""
        entry = next((entry for entry in self.history if entry.id == item), None)
        layout = self.mind.dialect.layout
        if not isinstance(entry, Spoken):
            return
        is_whole = layout.tts_end in entry.ids and heard_ms >= duration_ms(num_codes(entry.ids, layout), entry.speed)
        if is_whole or (entry.heard_ms is not None and entry.heard_ms <= heard_ms):
            return
        self.heard(entry, heard_ms)

    def heard(self, entry: Spoken, heard_ms: int) -> None:
        """The history keeps what goes with the first `heard_ms` of an entry."""
        entry = replace(entry, heard_ms=heard_ms)
        self.history = replaced(self.history, entry)
        self.tell_client(told.Cut(entry.id, heard_ms, self.mind.dialect.text_of(entry)))

    def is_sounding(self, item: str) -> bool:
        """Whether more of an item will be made, sent or played."""
        reply = self.state.reply
        if reply is None or reply.id not in self._answers or item not in self._answers[reply.id].durations:
            return False
        return not reply.is_closed or reply.played_ms < reply.emitted_ms

    def place_in_reply(self, item: str, ms: int) -> tuple[int, int] | None:
        """The controller's number of the reply that an item belongs to, and how far into it `ms` of the item are."""
        for number, answer in self._answers.items():
            before = 0
            for other, duration in answer.durations.items():
                if other == item:
                    return number, before + min(ms, duration)
                before += duration
        return None

    def leave(self) -> None:
        """The client is gone: what happens now is told to nobody."""
        self.tell_client = lambda event: None
        self.is_over = True
        self.tell(orders.ClientLost())

    def end(self, order: orders.End) -> None:
        self.transcriber.stop()
        self.rounds.stop_all()
        if self._timer is not None:
            self._timer.cancel()

    # --- the history -------------------------------------------------------------------------------------------------

    def put(self, entry: Entry) -> str | None:
        """Write an entry, at the end or in its place; the name of the one before it."""
        if any(other.id == entry.id for other in self.history):
            self.history = replaced(self.history, entry)
        else:
            self.history = inserted(self.history, entry)
        at = place_of(self.history, entry.id)
        return self.history[at - 1].id if at else None

    def fold(self) -> None:
        """Write the transcripts that have come into the history: at moments that no speculation moves."""
        self.history = self.transcriber.fold(self.history)

    def _transcribe(self) -> None:
        """While no reply is made: find out what was said, if the client wants it or the history gets crowded."""
        if self.is_over or (self.state.reply is not None and not self.state.reply.is_closed):
            return
        asked, size = Asked(self.settings.how), self.mind.dialect.size
        is_crowded = size(self.history) > self.settings.retention.ratio * self.budget(asked)
        if self.settings.transcribe or is_crowded:
            self.transcriber.start(self.history, is_told=self.settings.transcribe)

    def budget(self, asked: Asked) -> int:
        """Positions that a history may take."""
        dialect, how = self.mind.dialect, asked.how
        opening = dialect.size_of(dialect.opening(how.system, (*how.tools, *map(by_client, how.functions))))
        left = self.mind.limit - opening - min(how.max_tokens, self.mind.limit // RESERVED)
        wanted = self.settings.retention.budget
        return left if wanted is None else min(wanted, left)

    def _within_bounds(self, history: History, asked: Asked) -> History:
        dialect = self.mind.dialect
        return compact(history, self.budget(asked), self.settings.retention, dialect.size, dialect.text_of).history

    def _compact(self, asked: Asked) -> None:
        dialect, retention = self.mind.dialect, self.settings.retention
        done = compact(self.history, self.budget(asked), retention, dialect.size, dialect.text_of)
        if done.written or done.dropped:
            self.history = done.history
            self._keep_sounds()
            self.tell_client(told.Compacted(done.written, done.dropped, done.sound, done.words))

    def _keep_sounds(self) -> None:
        """The model keeps what the history holds, and the turn under way: not what was only guessed at."""
        self.mind.keep(frozenset([*sounds(self.history), *(item.key for item in self.listening.full)]))


def sounds(history: History) -> list[str]:
    """The keys of the sounds that a history holds."""
    parts = (part for entry in history if isinstance(entry, Heard) for part in entry.parts)
    return [part.key for part in parts if isinstance(part, AudioItem)]


C = Conductor
ORDERS: dict[type, Callable[[Conductor, Any], None]] = {
    orders.Begin: C.begin,
    orders.Speculate: C.speculate,
    orders.Keep: C.keep,
    orders.Discard: C.discard,
    orders.TakeTurn: C.take_turn,
    orders.Emit: C.emit,
    orders.RunTool: C.run_tool,
    orders.GiveResult: C.give_result,
    orders.Continue: C.go_on,
    orders.Close: C.close,
    orders.Silence: C.silence,
    orders.Cut: C.cut,
    orders.SpeechStarted: C.speech_started,
    orders.SpeechStopped: C.speech_stopped,
    orders.TimedOut: C.timed_out,
    orders.End: C.end,
}
