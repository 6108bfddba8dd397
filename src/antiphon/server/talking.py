"""What a client says, done: each event of the protocol on the live conversation and on the items that it may name.

Raises Refusal or one of our errors for what cannot be done; then nothing was done, and the caller answers with one
`error` event.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import singledispatchmethod

from antiphon.errors import InputError
from antiphon.runtime.history import Entry
from antiphon.runtime.live import Live
from antiphon.runtime.live_events import LiveEvent
from antiphon.runtime.manner import Settings as LiveSettings
from antiphon.server.cast import OWN, Cast
from antiphon.server.entries import entry_of
from antiphon.server.live_settings import how_of, live_settings
from antiphon.server.offering import listed
from antiphon.server.protocol import client_events as said
from antiphon.server.protocol import server_events as wire
from antiphon.server.protocol.conversation import ROOT
from antiphon.server.protocol.ids import Ids
from antiphon.server.protocol.items import Item, without_audio
from antiphon.server.protocol.refusal import (
    ACTIVE_RESPONSE,
    EMPTY_COMMIT,
    INVALID_VALUE,
    NOTHING_TO_CANCEL,
    Refusal,
)
from antiphon.server.protocol.session import RealtimeSession, ResponseConfig, Session, merge
from antiphon.server.telling import Telling
from antiphon.server.wire_sound import SoundIn
from antiphon.tools.tool import Tool

Say = Callable[[wire.ServerEvent], None]
OpenLive = Callable[[Callable[[LiveEvent], None]], Live]


class Talking:
    """A session: its configuration, its conversation."""

    def __init__(
        self, ids: Ids, session: Session, say: Say, open_live: OpenLive, cast: Cast, tools: tuple[Tool, ...] = ()
    ) -> None:
        """`open_live` makes the conversation, and is handed where it tells of itself; `tools` run here."""
        self.ids, self.session, self._say, self._cast, self._tools = ids, session, say, cast, tools
        self._voice = cast.find(_voice(session), _seed(session))
        self.telling = Telling(ids, session)
        self._sound = SoundIn(session.audio.input.format)
        self.live = open_live(self._told)
        self.live.configure(self._voiced(live_settings(session, tools)))

    def list_tools(self, before: Session | None = None) -> None:
        """Tell of the tools of servers that the session names and the one before did not."""
        for item in listed(self._tools, self.session, before):
            for news in self.telling.listed(item):
                self._say(news)

    def _told(self, event: LiveEvent) -> None:
        for news in self.telling.tell(event):
            self._say(news)

    @singledispatchmethod
    async def do(self, event: said.ClientEvent) -> None:
        """What the client said."""
        raise NotImplementedError(type(event).__name__)

    # --- the session and its sound -------------------------------------------------------------------------------

    @do.register
    async def _(self, event: said.SessionUpdate) -> None:
        is_fixed = self.telling.has_spoken and not self._cast.may_change
        session = merge(self.session, event.session, has_spoken=is_fixed)
        settings = live_settings(session, self._tools)
        if _voice(session) != _voice(self.session):
            self._voice = await asyncio.to_thread(self._cast.find, _voice(session), _seed(session))
        settings = self._voiced(settings)
        if session.audio.input.format != self.session.audio.input.format:
            self._sound = SoundIn(session.audio.input.format)
        before, self.session, self.telling.session = self.session, session, session
        self.live.configure(settings)
        self._say(wire.SessionUpdated(event_id=self.ids.event(), session=session))
        self.list_tools(before)

    @do.register
    async def _(self, event: said.InputAudioAppend) -> None:
        for samples in self._sound.take(event.audio):
            self.live.hear(samples)
            await asyncio.sleep(0)  # others have their turn

    @do.register
    async def _(self, event: said.InputAudioCommit) -> None:
        try:
            self.live.commit()
        except InputError as error:
            raise Refusal(str(error), code=EMPTY_COMMIT) from None

    @do.register
    async def _(self, event: said.InputAudioClear) -> None:
        self.live.clear()
        self._say(wire.InputCleared(event_id=self.ids.event()))

    @do.register
    async def _(self, event: said.OutputAudioClear) -> None:
        what = "Sound in a socket is kept by the client; clear it there, and send conversation.item.truncate."
        raise Refusal(what, code=INVALID_VALUE, param="type")

    # --- items ---------------------------------------------------------------------------------------------------

    @do.register
    async def _(self, event: said.ItemCreate) -> None:
        telling = self.telling
        conversation, item = telling.conversation.insert(event.item, self.ids, event.previous_item_id)
        entry = await asyncio.to_thread(entry_of, item, self.session.audio.input.format)
        before = self.live.add(entry, self._place(event.previous_item_id))
        telling.conversation = conversation.replace(without_audio(item))
        for news in telling.added(item, before):
            self._say(news)

    @do.register
    async def _(self, event: said.ItemRetrieve) -> None:
        item = self.telling.conversation.retrieve(event.item_id)
        self._say(wire.ItemRetrieved(event_id=self.ids.event(), item=item))

    @do.register
    async def _(self, event: said.ItemDelete) -> None:
        conversation = self.telling.conversation.delete(event.item_id)
        for entry in self.telling.entries(event.item_id):
            self.live.delete(entry)
        self.telling.conversation = conversation
        self.telling.forget([event.item_id])
        self._say(wire.ItemDeleted(event_id=self.ids.event(), item_id=event.item_id))

    @do.register
    async def _(self, event: said.ItemTruncate) -> None:
        telling, spoken = self.telling, self.telling.spoken(event.item_id)
        telling.conversation.truncate(event.item_id, event.content_index, event.audio_end_ms, spoken)  # is it right?
        self.live.truncate(event.item_id, event.audio_end_ms)
        if any(item.id == event.item_id for item in telling.conversation.items):
            end = event.audio_end_ms
            telling.conversation = telling.conversation.truncate(event.item_id, event.content_index, end, spoken)
        self._say(
            wire.ItemTruncated(
                event_id=self.ids.event(),
                item_id=event.item_id,
                content_index=event.content_index,
                audio_end_ms=event.audio_end_ms,
            )
        )

    # --- responses -----------------------------------------------------------------------------------------------

    @do.register
    async def _(self, event: said.ResponseCreate) -> None:
        session, wish = self.session, event.response
        if not isinstance(session, RealtimeSession):
            raise Refusal("A transcription session answers nothing; open a realtime one.", code=INVALID_VALUE)
        how = replace(how_of(session, wish, self._tools), voice=self._voice)
        if wish.conversation == "none":
            self.live.aside(await self._input(wish), how, wish)
            return
        if wish.input is not None:
            what = "An input of its own is for a response outside the conversation; send conversation 'none' with it."
            raise Refusal(what, code=INVALID_VALUE, param="response.input")
        if self.live.active is not None or self.live.is_asked:
            what = "The conversation has a response in progress; wait for its end, or cancel it."
            raise Refusal(what, code=ACTIVE_RESPONSE)
        self.live.respond(how, wish)

    def _voiced(self, settings: LiveSettings) -> LiveSettings:
        return replace(settings, how=replace(settings.how, voice=self._voice))

    def _place(self, previous: str | None) -> str | None:
        """The entry of the history behind which the client wants something: the last that an item stands for."""
        if previous is None or previous == ROOT:
            return previous
        return (self.telling.entries(previous) or (self.telling.known(previous) or ROOT,))[-1]

    async def _input(self, wish: ResponseConfig) -> tuple[Entry, ...]:
        """What an aside answers: its own input, or what the conversation has come to."""
        history = self.live.history
        if wish.input is None:
            return history
        there = {entry.id: entry for entry in history}
        entries = list[Entry]()
        for at, item in enumerate(wish.input):
            if item.type != "item_reference":
                own: Item = item if item.id else replace(item, id=self.ids.item())
                entries.append(await asyncio.to_thread(entry_of, own, self.session.audio.input.format))
            elif item.id in there:
                entries.append(there[item.id])
            else:
                what = f"There is no item with the id {item.id!r}; expected one of this conversation."
                raise Refusal(what, code="item_reference_not_found", param=f"response.input[{at}].id")
        return tuple(entries)

    @do.register
    async def _(self, event: said.ResponseCancel) -> None:
        if not self.live.cancel(event.response_id):
            # OpenAI's words: LiveKit knows by their beginning that this is no fault
            raise Refusal("Cancellation failed: no active response found.", code=NOTHING_TO_CANCEL)


def _voice(session: Session) -> str:
    """The name of the voice that a session asks for."""
    voice = session.audio.output.voice if isinstance(session, RealtimeSession) else OWN
    return voice if isinstance(voice, str) else voice.id


def _seed(session: Session) -> int:
    """The seed that it speaks with."""
    return (session.seed or 0) if isinstance(session, RealtimeSession) else 0
