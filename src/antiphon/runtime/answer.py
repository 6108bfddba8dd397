"""A reply being made: the generator's progress becomes events for the client and entries of the history.

    progress   Text  Sound  Text  Sound ...  ToolCall                a round; after the results of its tools another one
    items      |──────── speech ────────|   |─ call ─|  |─ result ─| |──────── speech ────────|

The ids between the last word or sound of an utterance and a call behind it belong to the utterance up to the end of
speech, and to the call from there.
"""

from collections.abc import Callable, Iterator

from antiphon.rates import SPOKEN_HZ, exact_div
from antiphon.runtime.events import AudioOut, Text, Think, ToolResult
from antiphon.runtime.heard import duration_ms, num_codes
from antiphon.runtime.history import Answered, Called, Entry, Spoken
from antiphon.runtime.live_events import (
    AudioDelta,
    ItemDone,
    ItemKind,
    ItemStarted,
    LiveEvent,
    Ran,
    Reason,
    ReplyDone,
    ReplyStarted,
    Status,
    TextDelta,
    ThoughtDelta,
    Usage,
)
from antiphon.runtime.live_events import Called as CalledEvent
from antiphon.runtime.manner import Asked, Ids
from antiphon.runtime.mind import Finished, Progress
from antiphon.text.layout import TokenLayout
from antiphon.text.toolcall import ToolCall

PER_MS = exact_div(SPOKEN_HZ, 1000)  # samples


class Answer:
    """One reply. `put` writes an entry into the history, and says which one stands before it."""

    def __init__(
        self, ids: Ids, layout: TokenLayout, asked: Asked, put: Callable[[Entry], str | None], *, is_aside: bool = False
    ) -> None:
        self.id, self.asked, self.is_aside, self.rounds = ids.response(), asked, is_aside, 0
        self._ids, self._layout, self._put = ids, layout, put
        self.durations: dict[str, int] = {}  # milliseconds of each spoken item, in order
        self.calls: dict[str, str] = {}  # our name of a call to that for the client
        self.stopped = True  # by the model, not by a limit
        self.awaits_client = False  # who is to answer a call: until then there is nothing more to say
        self.read_tokens = self.read_audio = self.cached_tokens = 0
        self._index = 0
        self._written = [0, 0]  # ids: of words and marks, of sound
        self._begin_item()

    def _begin_item(self) -> None:
        self._item, self._text, self._ms = "", "", 0
        self._kind: ItemKind = "text"
        self._generated: list[int] = []  # ids since the last item
        self._mark = 0  # of them, those up to the last word or sound

    # --- what the generator tells ------------------------------------------------------------------------------------

    def begin_round(self, prompt_audio: int) -> None:
        """Another round is generated, to a prompt with so many positions of heard sound."""
        self.rounds += 1
        self.read_audio += prompt_audio

    def take(self, progress: Progress) -> Iterator[LiveEvent]:
        """The events that it brings about, and the history with it."""
        self._generated += progress.ids
        speech = num_codes(progress.ids, self._layout)
        self._written = [self._written[0] + len(progress.ids) - speech, self._written[1] + speech]
        event = progress.event
        if isinstance(event, Think):
            yield ThoughtDelta(self.id, event.text)
        elif isinstance(event, ToolCall):
            yield from self._call(event)
        elif event is not None:
            yield from self._open("speech" if self.asked.how.form == "speech" else "text")
            self._mark = len(self._generated)
            yield self._say(event) if isinstance(event, Text) else self._sound(event)
        if self._item:
            self._remember(self._generated)

    def end_round(self, finished: Finished) -> Iterator[LiveEvent]:
        """The generator has come to an end."""
        self.stopped = finished.utterance is None or finished.utterance.stopped
        self.read_tokens += finished.prompt_tokens
        self.cached_tokens += finished.cached_tokens
        yield from self._close_item()

    def answered(self, call: str, result: ToolResult | None) -> Iterator[LiveEvent]:
        """A tool of ours has answered; None: it did not in time."""
        text = "error: the tool gave no answer in time" if result is None else result.text
        entry = Answered(self._ids.item(), self.calls[call], text)
        self._put(entry)
        note = "" if result is None else str(result.data.get("attribution", ""))
        yield Ran(self.id, entry.id, entry.call, text, result is None or result.failed, note)

    def start(self) -> ReplyStarted:
        """Its beginning."""
        return ReplyStarted(self.id, self.asked.tag, self.is_aside)

    def done(self, status: Status, reason: Reason | None = None, error: str = "") -> ReplyDone:
        """Its end, with the tokens that it took."""
        words, sound = self._written
        usage = Usage(self.read_tokens - self.read_audio, self.read_audio, self.cached_tokens, words, sound)
        return ReplyDone(self.id, status, reason, error, usage, self.asked.tag, self.is_aside)

    # --- items -------------------------------------------------------------------------------------------------------

    def _open(self, kind: ItemKind) -> Iterator[LiveEvent]:
        if self._item:
            return
        self._item, self._kind = self._ids.item(), kind
        before = self._remember(self._generated)
        if kind == "speech":
            self.durations[self._item] = 0
        yield ItemStarted(self.id, self._item, self._index, kind, before)

    def _remember(self, ids: list[int]) -> str | None:
        turn = f"{self.id}/{self.rounds}"
        is_speech, speed = self._kind == "speech", self.asked.how.speed
        return self._put(Spoken(self._item, turn, tuple(ids), is_speech=is_speech, speed=speed))

    def _say(self, event: Text) -> TextDelta:
        self._text += event.text
        said_ms = 0
        if self._kind == "speech":
            codes = num_codes(self._generated, self._layout)
            said_ms = duration_ms(codes + 1 if event.spoken else codes, self.asked.how.speed)
        return TextDelta(self.id, self._item, self._index, event.text, said_ms)

    def _sound(self, event: AudioOut) -> AudioDelta:
        start, self._ms = self._ms, self._ms + len(event.samples) // PER_MS
        self.durations[self._item] = self._ms
        return AudioDelta(self.id, self._item, self._index, event.samples, start)

    def _close_item(self, ids: list[int] | None = None) -> Iterator[LiveEvent]:
        if self._item:
            self._remember(self._generated if ids is None else ids)
            yield ItemDone(self.id, self._item, self._index, self._kind, self._text, self._ms)
            self._index += 1
        self._begin_item()

    def _call(self, call: ToolCall) -> Iterator[LiveEvent]:
        ids, end = self._generated, self._layout.tts_end
        cut = max(self._mark, ids.index(end) + 1) if self._item and end in ids else self._mark
        yield from self._close_item(ids[:cut])
        name, item = self._ids.call(), self._ids.item()
        entry = Called(item, name, call.name, call.arguments, f"{self.id}/{self.rounds}", tuple(ids[cut:]))
        yield ItemStarted(self.id, item, self._index, "call", self._put(entry))
        by_client = not self.asked.runs_here(call)
        self.awaits_client |= by_client
        label = next((tool.label for tool in self.asked.how.tools if tool.answers_to(call.name)), "")
        yield CalledEvent(self.id, item, self._index, name, call.name, call.arguments, by_client, label)
        self._index += 1
        self.calls[call.id] = name
