"""The tools of a live conversation: a desk (`tools.desk`), its clock, and the mind that runs what the desk starts.

    foresee ── the call was generated: what only reads may run        keep ── its turn has come to stay
    drop    ── there never was such a turn                            interrupt ── the user cut in

Answers go to the controller (`ToolAnswered`), those of turns that are over to `report`; a filler is sound of the reply
that the history does not hold.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeAlias

from antiphon.audio.wave import Audio
from antiphon.errors import InputError
from antiphon.rates import SPOKEN_HZ, exact_div
from antiphon.runtime.clock import Clock, Timer
from antiphon.runtime.dialect import by_client
from antiphon.runtime.events import AudioOut, ToolResult
from antiphon.runtime.history import Heard, History, Written
from antiphon.runtime.manner import Asked
from antiphon.runtime.mind import Finished, Job, Mind, Progress, Request
from antiphon.runtime.mind import Told as News
from antiphon.runtime.orders import Part, ToolAnswered
from antiphon.text.chat import AudioItem
from antiphon.text.prompts import FILLERS
from antiphon.text.toolcall import ToolCall
from antiphon.tools import errands
from antiphon.tools.desk import Desk
from antiphon.tools.running import language_of

PER_MS = exact_div(SPOKEN_HZ, 1000)  # samples
Tell: TypeAlias = Callable[[ToolAnswered | Part], None]


@dataclass(frozen=True)
class Around:
    """What the desk sees of its conversation."""

    tell: Tell
    report: Callable[[str, ToolResult], None]  # of a call whose reply is over
    history: Callable[[], History]
    is_quiet: Callable[[], bool]  # nobody says anything, and nothing that was said is still to be heard


@dataclass
class LiveTools:
    """Every call of one conversation that is ours to answer."""

    mind: Mind
    clock: Clock
    around: Around
    desk: Desk = field(default_factory=Desk)
    _open: errands.Open = field(default_factory=errands.Open)
    _asked: dict[str, tuple[int, Asked]] = field(default_factory=dict)  # by call: its reply, and how that is made
    _kept: set[str] = field(default_factory=set)
    _given: dict[str, ToolResult] = field(default_factory=dict)  # to a call that is interrupted just now
    _jobs: dict[int, Job] = field(default_factory=dict)
    _saying: dict[int, Job] = field(default_factory=dict)  # fillers, by reply
    _sounds: dict[tuple[Audio | None, int, float, str], list[AudioOut]] = field(default_factory=dict)  # fillers
    _timer: Timer | None = None

    def foresee(self, reply: int, call: ToolCall, asked: Asked) -> None:
        """A call was generated; whether its reply will ever be heard of is not known."""
        self._asked[call.id] = reply, asked
        offered = (*asked.how.tools, *map(by_client, asked.how.functions))
        language = language_of(call.arguments)
        self._tell(errands.Called(call.id, reply, call.name, call.arguments, offered, call.fault, language))

    def keep(self, call: str) -> None:
        """It is due."""
        self._kept.add(call)
        self._tell(errands.Kept(call))

    def drop(self, reply: int) -> None:
        """Of a reply that ends: its calls that were only foreseen, and what is said meanwhile."""
        self.hush(reply)
        for call in [call for call, (of, _) in self._asked.items() if of == reply and call not in self._kept]:
            del self._asked[call]
            self._tell(errands.Dropped(call))

    def interrupt(self, call: str) -> ToolResult | None:
        """Nobody waits for it any more; what stands in the history for its answer, if it has none."""
        if call not in self._asked:
            return None
        self._kept.discard(call)
        self._tell(errands.Interrupted(call))
        self._asked.pop(call, None)
        return self._given.pop(call, None)

    def hush(self, reply: int) -> None:
        """What was said because an answer is late ends."""
        if (job := self._saying.pop(reply, None)) is not None:
            job.cancel()

    def stop(self) -> None:
        """The conversation is over; what writes goes on, and nobody is told."""
        for call in list(self._asked):
            self.interrupt(call)
        for reply in list(self._saying):
            self.hush(reply)
        if self._timer is not None:
            self._timer.cancel()

    # --- the desk ----------------------------------------------------------------------------------------------------

    def _tell(self, *events: errands.Told) -> None:
        now = self.clock.now_ms()
        for event in events:
            self._open, orders = self.desk.step(self._open, event, now)
            for order in orders:
                self._do(order)
        due = self.desk.deadline_ms(self._open)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if due is None else self.clock.at(due, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self._tell(errands.Tick(is_speaking=not self.around.is_quiet()))

    def _do(self, order: errands.Order) -> None:
        if isinstance(order, errands.Start):
            call = ToolCall(order.name, json.dumps(order.arguments, ensure_ascii=False))
            came, seed = partial(self._came, order.run), self._seed(order.run)
            self._jobs[order.run] = self.mind.run(order.tool, call, came, seed)
        elif isinstance(order, errands.Stop):
            if (job := self._jobs.pop(order.run, None)) is not None:
                job.cancel()
        elif isinstance(order, errands.Give):
            self._give(order)
        elif isinstance(order, errands.Report):
            self.around.report(order.call, order.result)
        elif isinstance(order, errands.Listen):
            self._listen(order.call)
        else:
            self._fill(order)

    def _seed(self, run: int) -> int:
        """What the replies that a run is for are drawn with."""
        replies = [self._asked[call.id][1] for call in self._open.calls if call.run == run and call.id in self._asked]
        return replies[0].how.spoken_seed if replies else 0

    def _came(self, run: int, result: ToolResult) -> None:
        self._jobs.pop(run, None)
        self._tell(errands.Came(run, result))

    def _give(self, order: errands.Give) -> None:
        if order.call not in self._kept:  # it is interrupted
            self._given[order.call] = order.result
            return
        self._kept.discard(order.call)
        reply, _ = self._asked.pop(order.call)
        self.around.tell(ToolAnswered(reply, order.call, order.result, order.result.failed))

    # --- the user ----------------------------------------------------------------------------------------------------

    def _listen(self, call: str) -> None:
        """What the user said last: as it was written, as it was understood already, or asked of the model."""
        said = [e for e in self.around.history() if isinstance(e, Heard) or (isinstance(e, Written) and _is_user(e))]
        last = said[-1] if said else None
        if isinstance(last, Written):
            self._tell(errands.Said(call, last.text))
        elif isinstance(last, Heard) and last.transcript is not None:
            self._tell(errands.Said(call, last.transcript))
        elif isinstance(last, Heard) and any(isinstance(part, AudioItem) for part in last.parts):
            try:
                self.mind.begin(self.mind.dialect.transcription(last), partial(self._heard, call))
            except InputError:  # it has not learnt to
                self._tell(errands.Said(call, None))
        else:
            words = [part for part in last.parts if isinstance(part, str)] if isinstance(last, Heard) else []
            self._tell(errands.Said(call, " ".join(words) or None))

    def _heard(self, call: str, news: News) -> None:
        if isinstance(news, Finished):
            self._tell(errands.Said(call, news.utterance.text if news.utterance else None))

    # --- something to say --------------------------------------------------------------------------------------------

    def _fill(self, order: errands.Fill) -> None:
        reply, asked = self._asked[order.call]
        how = asked.how
        if how.form != "speech":
            return
        made = self._sounds.get((how.voice, how.spoken_seed, how.speed, order.language))
        if made is not None:
            for sound in made:
                self._say(reply, sound)
            return
        try:
            request = self.mind.dialect.reading(FILLERS[order.language], how.voice, how.spoken_seed)
            request = replace(request, speed=how.speed)
        except InputError:  # it has not learnt to
            return
        self.hush(reply)
        self._saying[reply] = self._begin(reply, request, order.language)

    def _begin(self, reply: int, request: Request, language: str) -> Job:
        sounds = list[AudioOut]()

        def told(news: News) -> None:
            if isinstance(news, Finished):
                self._saying.pop(reply, None)
                if not news.error and sounds:
                    self._sounds[request.voice, request.sampling.seed, request.speed, language] = sounds
            elif isinstance(news.event, AudioOut):
                sounds.append(news.event)
                self._say(reply, news.event)

        return self.mind.begin(request, told)

    def _say(self, reply: int, sound: AudioOut) -> None:
        self.around.tell(Part(reply, Progress((), sound), len(sound.samples) // PER_MS))


def _is_user(entry: Written) -> bool:
    return entry.role == "user"
