"""What a client says in a realtime session: eleven events, read strictly."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from antiphon.server.protocol.ids import Ids
from antiphon.server.protocol.items import AudioBytes, Id, Item
from antiphon.server.protocol.refusal import INVALID_VALUE, MISSING, ErrorEvent, Refusal, error_event
from antiphon.server.protocol.session import ResponseConfig
from antiphon.server.protocol.wire import MAX_FRAME, Range, Size, parse_object, read, shown

MAX_EVENT_ID = 512
Place = Annotated[int, Range(0, 1 << 16)]
Milliseconds = Annotated[int, Range(0, 1 << 32)]


@dataclass(frozen=True, kw_only=True)
class _Said:
    """What every client event may bear: the client's own name for it, which an error repeats."""

    event_id: Annotated[str, Size(MAX_EVENT_ID)] | None = None


@dataclass(frozen=True, kw_only=True)
class SessionUpdate(_Said):
    """`session` holds the fields that change, unread: `session.merge` reads them against the session."""

    type: Literal["session.update"] = "session.update"
    session: object

    def __post_init__(self) -> None:
        if not isinstance(self.session, dict):
            raise Refusal("The session is no object; send the fields that change.", code=INVALID_VALUE, param="session")


@dataclass(frozen=True, kw_only=True)
class InputAudioAppend(_Said):
    type: Literal["input_audio_buffer.append"] = "input_audio_buffer.append"
    audio: AudioBytes


@dataclass(frozen=True, kw_only=True)
class InputAudioCommit(_Said):
    type: Literal["input_audio_buffer.commit"] = "input_audio_buffer.commit"


@dataclass(frozen=True, kw_only=True)
class InputAudioClear(_Said):
    type: Literal["input_audio_buffer.clear"] = "input_audio_buffer.clear"


@dataclass(frozen=True, kw_only=True)
class ItemCreate(_Said):
    """Goes after `previous_item_id`; "root" is the beginning, None the end."""

    type: Literal["conversation.item.create"] = "conversation.item.create"
    previous_item_id: Id | None = None
    item: Item


@dataclass(frozen=True, kw_only=True)
class ItemRetrieve(_Said):
    type: Literal["conversation.item.retrieve"] = "conversation.item.retrieve"
    item_id: Id


@dataclass(frozen=True, kw_only=True)
class ItemTruncate(_Said):
    type: Literal["conversation.item.truncate"] = "conversation.item.truncate"
    item_id: Id
    content_index: Place
    audio_end_ms: Milliseconds


@dataclass(frozen=True, kw_only=True)
class ItemDelete(_Said):
    type: Literal["conversation.item.delete"] = "conversation.item.delete"
    item_id: Id


@dataclass(frozen=True, kw_only=True)
class ResponseCreate(_Said):
    type: Literal["response.create"] = "response.create"
    response: ResponseConfig = ResponseConfig()


@dataclass(frozen=True, kw_only=True)
class ResponseCancel(_Said):
    type: Literal["response.cancel"] = "response.cancel"
    response_id: Id | None = None


@dataclass(frozen=True, kw_only=True)
class OutputAudioClear(_Said):
    """WebRTC only."""

    type: Literal["output_audio_buffer.clear"] = "output_audio_buffer.clear"


ClientEvent = (
    SessionUpdate
    | InputAudioAppend
    | InputAudioCommit
    | InputAudioClear
    | ItemCreate
    | ItemRetrieve
    | ItemTruncate
    | ItemDelete
    | ResponseCreate
    | ResponseCancel
    | OutputAudioClear
)
KINDS: dict[str, Any] = {kind.type: kind for kind in ClientEvent.__args__}


def read_event(message: dict[str, Any]) -> ClientEvent:
    """A parsed message as an event.

    Raises:
        Refusal: no such event, or a field is wrong.
    """
    name = message.get("type")
    if name is None:
        raise Refusal("The event has no type; send one, as 'session.update'.", code=MISSING, param="type")
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        what = f"{shown(name)} is no event of a client; expected one of {', '.join(KINDS)}."
        raise Refusal(what, code=INVALID_VALUE, param="type")
    event: ClientEvent = read(kind, message)
    return event


def receive(frame: str | bytes, ids: Ids, most: int = MAX_FRAME) -> ClientEvent | ErrorEvent:
    """One frame of the socket as an event, or as the one error event that answers it. Never raises."""
    message: dict[str, Any] = {}
    try:
        message = parse_object(frame, most)
        return read_event(message)
    except Refusal as refusal:
        return error_event(refusal, ids, client_event_id(message))


def client_event_id(message: dict[str, Any]) -> str | None:
    """The client's name for its event, where it is one."""
    name = message.get("event_id")
    return name if isinstance(name, str) and len(name) <= MAX_EVENT_ID else None
