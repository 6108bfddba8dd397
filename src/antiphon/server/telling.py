"""What a live conversation tells, as the events of the protocol; and the items that the client may name afterwards.

    ReplyStarted            response.created
      ItemStarted           response.output_item.added · conversation.item.added · response.content_part.added
        TextDelta           response.output_audio_transcript.delta, or response.output_text.delta
        AudioDelta          response.output_audio.delta
      ItemDone              ...done for each of them, in the opposite order
      Called                response.function_call_arguments.delta · .done · the item done
      Ran                 response.mcp_call.completed, or .failed · the item done
    ReplyDone               response.done · rate_limits.updated

A call that runs here is told as one of an MCP server: response.mcp_call_arguments.delta · .done · mcp_call.in_progress.
Its item is for clients that have named the server; the others are told of it by these events alone, which who does not
know them passes over.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import torch

from antiphon.runtime import live_events as live
from antiphon.server import offering
from antiphon.server.protocol import server_events as wire
from antiphon.server.protocol.conversation import MAX_ITEMS, Conversation, Spoken
from antiphon.server.protocol.event_parts import Fault, Part, TranscribedDuration
from antiphon.server.protocol.formats import Format
from antiphon.server.protocol.ids import Ids
from antiphon.server.protocol.items import (
    AssistantMessage,
    FunctionCall,
    InputAudio,
    Item,
    McpCall,
    McpListTools,
    OutputAudio,
    OutputText,
    Status,
    UserMessage,
    without_audio,
)
from antiphon.server.protocol.responses import (
    InputTokens,
    OutputTokens,
    Response,
    ResponseFault,
    ResponseVoice,
    SpokenAs,
    StatusDetails,
    Usage,
    usage,
)
from antiphon.server.protocol.session import RealtimeSession, ResponseConfig, Session, VoiceId
from antiphon.server.wire_sound import SoundOut

Events: TypeAlias = Iterator[wire.ServerEvent]
OfReply: TypeAlias = live.ItemStarted | live.TextDelta | live.AudioDelta | live.Called | live.ItemDone


@dataclass
class _Reply:
    """A reply under way, as the client sees it."""

    response: Response
    is_aside: bool = False
    output: dict[str, Item] = field(default_factory=dict)
    after: dict[str, str | None] = field(default_factory=dict)  # of calls: the item before
    servers: frozenset[str] = frozenset()  # whose calls the client is shown as items
    calls: dict[str, "_Call"] = field(default_factory=dict)  # those that run here and have no answer, by their names


@dataclass(frozen=True)
class _Call:
    """A call that runs here."""

    item: McpCall
    index: int


@dataclass
class _Speech:
    """An item while it is spoken: its sound on the way out, and its words with the time at which they were said."""

    sound: SoundOut
    duration_ms: int = 0
    words: list[tuple[int, str]] = field(default_factory=list)


class Telling:
    """One conversation from the client's side."""

    def __init__(self, ids: Ids, session: Session) -> None:
        self.ids, self.session = ids, session
        self.conversation_id = ids.conversation()
        self.conversation = Conversation()
        self.has_spoken = False
        self._replies: dict[str, _Reply] = {}
        self._speech: dict[str, _Speech] = {}
        self._durations: dict[str, int] = {}  # of the user's turns
        self._instead: dict[str, str | None] = {}  # entries that the client does not know: the item to name for them
        self._answers: dict[str, str] = {}  # items of calls that ran here: the entries of their answers

    def tell(self, event: live.LiveEvent) -> Events:
        """The events of the protocol for one of the conversation."""
        method = getattr(self, f"_{type(event).__name__.lower()}", None)
        return iter(()) if method is None else method(event)

    def spoken(self, item_id: str) -> Spoken:
        """How an item was spoken."""
        speech = self._speech.get(item_id)
        return Spoken(0) if speech is None else Spoken(speech.duration_ms, tuple(speech.words))

    def known(self, item_id: str | None) -> str | None:
        """The item that the client knows for an entry of the history: itself, or the last one before it."""
        while item_id is not None and item_id in self._instead:
            item_id = self._instead[item_id]
        return item_id

    def entries(self, item_id: str) -> tuple[str, ...]:
        """What an item stands for in the history: itself, a call's answer with it; nothing for a list of tools."""
        if isinstance(self._find(item_id), McpListTools):
            return ()
        answer = self._answers.get(item_id)
        return (item_id,) if answer is None else (item_id, answer)

    def added(self, item: Item, before: str | None) -> Events:
        """An item that is complete as soon as it is there."""
        shown, before = without_audio(item), self.known(before)
        yield wire.ItemAdded(event_id=self.ids.event(), previous_item_id=before, item=shown)
        yield wire.ItemDone(event_id=self.ids.event(), previous_item_id=before, item=shown)

    # --- the user ------------------------------------------------------------------------------------------------

    def _speechstarted(self, event: live.SpeechStarted) -> Events:
        yield wire.SpeechStarted(event_id=self.ids.event(), item_id=event.item, audio_start_ms=event.start_ms)

    def _speechstopped(self, event: live.SpeechStopped) -> Events:
        yield wire.SpeechStopped(event_id=self.ids.event(), item_id=event.item, audio_end_ms=event.end_ms)

    def _committed(self, event: live.Committed) -> Events:
        item = UserMessage(id=event.item, status="completed", content=(InputAudio(),))
        self._durations[event.item] = event.duration_ms
        self._put(item, event.after)
        before = self.known(event.after)
        yield wire.InputCommitted(event_id=self.ids.event(), item_id=event.item, previous_item_id=before)
        yield from self.added(item, event.after)

    def _transcribed(self, event: live.Transcribed) -> Events:
        if event.error:
            fault = Fault(type="server_error", code="transcription_failed", message=event.error)
            yield wire.TranscriptionFailed(event_id=self.ids.event(), item_id=event.item, error=fault)
            return
        item = self._find(event.item)
        if isinstance(item, UserMessage) and item.content and isinstance(item.content[0], InputAudio):
            part = replace(item.content[0], transcript=event.text)
            self.conversation = self.conversation.replace(replace(item, content=(part, *item.content[1:])))
        yield wire.TranscriptionDelta(event_id=self.ids.event(), item_id=event.item, delta=event.text)
        seconds = self._durations.pop(event.item, 0) / 1000
        yield wire.TranscriptionCompleted(
            event_id=self.ids.event(),
            item_id=event.item,
            transcript=event.text,
            usage=TranscribedDuration(seconds=seconds),
        )

    def _timedout(self, event: live.TimedOut) -> Events:
        yield wire.TimeoutTriggered(
            event_id=self.ids.event(),
            item_id=event.item,
            audio_start_ms=event.start_ms,
            audio_end_ms=event.end_ms,
        )

    # --- a reply -------------------------------------------------------------------------------------------------

    def _replystarted(self, event: live.ReplyStarted) -> Events:
        wish = event.tag if isinstance(event.tag, ResponseConfig) else ResponseConfig()
        session = self.session
        assert isinstance(session, RealtimeSession)
        modalities = session.output_modalities if wish.output_modalities is None else wish.output_modalities
        most = session.max_output_tokens if wish.max_output_tokens is None else wish.max_output_tokens
        voice = session.audio.output.voice
        spoken = SpokenAs(format=self._format(wish), voice=voice.id if isinstance(voice, VoiceId) else voice)
        response = Response(
            id=event.reply,
            status="in_progress",
            conversation_id=None if event.is_aside else self.conversation_id,
            output_modalities=modalities,
            max_output_tokens=most,
            audio=ResponseVoice(output=spoken) if "audio" in modalities else None,
            metadata=wish.metadata,
        )
        servers = offering.labels(session.tools if wish.tools is None else wish.tools)
        self._replies[event.reply] = _Reply(response, is_aside=event.is_aside, servers=servers)
        yield wire.ResponseCreated(event_id=self.ids.event(), response=response)

    def _itemstarted(self, event: live.ItemStarted) -> Events:
        reply = self._replies[event.reply]
        if event.kind == "call":
            reply.after[event.item] = event.after  # its name is told with `Called`, at once
            return
        is_speech = event.kind == "speech"
        empty = AssistantMessage(id=event.item, status="in_progress", content=())
        part = OutputAudio(transcript="") if is_speech else OutputText(text="")
        reply.output[event.item] = replace(empty, content=(part,))
        if not reply.is_aside:
            self._put(reply.output[event.item], event.after)
        if is_speech:
            form = reply.response.audio.output.format if reply.response.audio else self._format(ResponseConfig())
            self._speech[event.item] = _Speech(SoundOut(form))
        yield from self._item_added(reply, event.reply, event.index, empty, event.after)
        shown = Part(type="audio", transcript="") if is_speech else Part(type="text", text="")
        yield wire.PartAdded(**self._at(event), part=shown)

    def _textdelta(self, event: live.TextDelta) -> Events:
        speech = self._speech.get(event.item)
        if speech is None:
            yield wire.TextDelta(**self._at(event), delta=event.text)
            return
        speech.words.append((event.said_ms, event.text))
        yield wire.TranscriptDelta(**self._at(event), delta=event.text)

    def _audiodelta(self, event: live.AudioDelta) -> Events:
        speech = self._speech[event.item]
        self.has_spoken = True
        speech.duration_ms = event.start_ms + len(event.samples) // 24
        data = speech.sound.give(event.samples)
        if data:
            yield wire.AudioDelta(**self._at(event), delta=data)

    def _itemdone(self, event: live.ItemDone) -> Events:
        if event.kind == "call":
            return
        status: Status = "completed" if event.is_whole else "incomplete"
        speech, at = self._speech.get(event.item), self._at(event)
        if speech is not None:
            if event.is_whole and (rest := speech.sound.give(torch.zeros(0), final=True)):
                yield wire.AudioDelta(**self._at(event), delta=rest)
            yield wire.AudioDone(**at)
            yield wire.TranscriptDone(**self._at(event), transcript=event.text)
            shown = Part(type="audio", transcript=event.text)
        else:
            yield wire.TextDone(**at, text=event.text)
            shown = Part(type="text", text=event.text)
        yield wire.PartDone(**self._at(event), part=shown)
        part = OutputText(text=event.text) if speech is None else OutputAudio(transcript=event.text)
        item = AssistantMessage(id=event.item, status=status, content=(part,))
        yield from self._item_done(event.reply, event.index, item)

    def _called(self, event: live.Called) -> Events:
        if not event.by_client:
            yield from self._runs(event)
            return
        reply, at = self._replies[event.reply], self._place(event)
        call = FunctionCall(id=event.item, status="in_progress", name=event.name, call_id=event.call, arguments="")
        before = reply.after.pop(event.item, None)
        whole = replace(call, status="completed", arguments=event.arguments)
        if not reply.is_aside:
            self._put(whole, before)
        yield from self._item_added(reply, event.reply, event.index, call, before)
        yield wire.ArgumentsDelta(**at, call_id=event.call, delta=event.arguments)
        yield wire.ArgumentsDone(**self._place(event), call_id=event.call, name=event.name, arguments=event.arguments)
        yield from self._item_done(event.reply, event.index, whole)

    def _runs(self, event: live.Called) -> Events:
        """A call that is answered here."""
        reply, call = self._replies[event.reply], offering.begun(event)
        before = reply.after.pop(event.item, None)
        reply.calls[event.call] = _Call(call, event.index)
        if call.server_label in reply.servers:
            self._put(call, before)
            yield from self._item_added(reply, event.reply, event.index, call, before)
        else:
            self._instead[event.item] = before
        yield wire.McpArgumentsDelta(**self._place(event), delta=event.arguments)
        yield wire.McpArgumentsDone(**self._place(event), arguments=event.arguments)
        yield wire.McpCallInProgress(event_id=self.ids.event(), item_id=event.item, output_index=event.index)

    def _ran(self, event: live.Ran) -> Events:
        reply = self._replies[event.reply]
        call = reply.calls.pop(event.call)
        self._instead[event.item] = call.item.id
        kind = wire.McpCallFailed if event.has_failed else wire.McpCallCompleted
        told = offering.outcome(call.item, event)
        yield kind(event_id=self.ids.event(), item_id=call.item.id, output_index=call.index, antiphon=told)
        if call.item.server_label in reply.servers:
            self._answers[call.item.id] = event.item
            yield from self._item_done(event.reply, call.index, offering.answered(call.item, event))

    def listed(self, item: McpListTools) -> Events:
        """The tools of a server that the client has named."""
        before = str(self.conversation.items[-1].id) if self.conversation.items else None
        self.conversation, shown = self.conversation.insert(item, self.ids)
        name = str(shown.id)
        self._instead[name] = before
        yield wire.McpListInProgress(event_id=self.ids.event(), item_id=name)
        yield from self.added(shown, before)
        yield wire.McpListCompleted(event_id=self.ids.event(), item_id=name)

    def _replydone(self, event: live.ReplyDone) -> Events:
        reply = self._replies.pop(event.reply)
        fault = ResponseFault(type="server_error", message=event.error) if event.error else None
        details = None
        if event.status != "completed":
            details = StatusDetails(type=event.status, reason=event.reason, error=fault)
        response = replace(
            reply.response,
            status=event.status,
            status_details=details,
            output=tuple(reply.output.values()),
            usage=_usage(event.usage),
        )
        yield wire.ResponseDone(event_id=self.ids.event(), response=response)

    # --- the history ---------------------------------------------------------------------------------------------

    def _cut(self, event: live.Cut) -> Events:
        item = self._find(event.item)
        if isinstance(item, AssistantMessage) and item.content and isinstance(item.content[0], OutputAudio):
            part = replace(item.content[0], transcript=event.text)
            self.conversation = self.conversation.replace(replace(item, content=(part,), status="incomplete"))
        yield from ()

    def _compacted(self, event: live.Compacted) -> Events:
        self.forget(event.dropped)
        yield from ()

    def forget(self, items: Iterable[str]) -> None:
        """These items are no longer there."""
        gone = set(items)
        self.conversation = Conversation(tuple(i for i in self.conversation.items if i.id not in gone))
        for name in gone:
            self._speech.pop(name, None)
            self._durations.pop(name, None)
            self._instead.pop(name, None)
            self._answers.pop(name, None)

    def _find(self, item_id: str) -> Item | None:
        return next((item for item in self.conversation.items if item.id == item_id), None)

    def _put(self, item: Item, after: str | None) -> None:
        """An item of the model's making into the conversation; the oldest makes room."""
        after = self.known(after)
        if len(self.conversation.items) >= MAX_ITEMS:
            self.forget([str(self.conversation.items[0].id)])
        there = after is None or any(other.id == after for other in self.conversation.items)
        self.conversation, _ = self.conversation.insert(item, self.ids, after if there else None)

    # --- parts of events -----------------------------------------------------------------------------------------

    def _item_added(self, reply: _Reply, response_id: str, index: int, item: Item, before: str | None) -> Events:
        yield wire.OutputItemAdded(event_id=self.ids.event(), response_id=response_id, output_index=index, item=item)
        if not reply.is_aside:
            yield wire.ItemAdded(event_id=self.ids.event(), previous_item_id=self.known(before), item=item)

    def _item_done(self, response_id: str, index: int, item: Item) -> Events:
        reply = self._replies[response_id]
        reply.output[str(item.id)] = item
        yield wire.OutputItemDone(event_id=self.ids.event(), response_id=response_id, output_index=index, item=item)
        if not reply.is_aside and self._find(str(item.id)) is not None:
            self.conversation = self.conversation.replace(item)
            before = self.conversation.before(str(item.id))
            yield wire.ItemDone(event_id=self.ids.event(), previous_item_id=before, item=item)

    def _format(self, wish: ResponseConfig) -> Format:
        """The format in which a reply leaves."""
        assert isinstance(self.session, RealtimeSession)
        own = wish.audio.output.format if wish.audio and wish.audio.output else None
        return own or self.session.audio.output.format

    def _place(self, event: OfReply) -> dict[str, Any]:
        return {
            "event_id": self.ids.event(),
            "response_id": event.reply,
            "output_index": event.index,
            "item_id": event.item,
        }

    def _at(self, event: OfReply) -> dict[str, Any]:
        return {**self._place(event), "content_index": 0}


def _usage(used: live.Usage) -> Usage:
    return usage(
        InputTokens(text_tokens=used.read_text, audio_tokens=used.read_audio, cached_tokens=used.cached),
        OutputTokens(text_tokens=used.written_text, audio_tokens=used.written_audio),
    )
