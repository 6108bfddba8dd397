"""What the server says in a realtime session: the whole set of the GA protocol, each event a frozen dataclass.

The groups share their fields: `OfItem` speaks of an item, `OfResponse` of a response, `OfOutput` of an item that a
response writes, `OfPart` of a part of that item.
"""

from dataclasses import dataclass
from typing import Literal

from antiphon.server.protocol.event_parts import (
    ConversationHead,
    Fault,
    LogProb,
    Part,
    RateLimit,
    TranscribedDuration,
    TranscribedTokens,
)
from antiphon.server.protocol.items import AudioBytes, Item
from antiphon.server.protocol.refusal import ErrorEvent
from antiphon.server.protocol.responses import Addition, Outcome, Response
from antiphon.server.protocol.session import Session
from antiphon.server.protocol.wire import omitted


@dataclass(frozen=True, kw_only=True)
class Event:
    """Every event has an id."""

    event_id: str


@dataclass(frozen=True, kw_only=True)
class OfItem(Event):
    item_id: str


@dataclass(frozen=True, kw_only=True)
class OfResponse(Event):
    response_id: str


@dataclass(frozen=True, kw_only=True)
class OfOutput(OfResponse):
    output_index: int
    item_id: str


@dataclass(frozen=True, kw_only=True)
class OfPart(OfOutput):
    content_index: int


@dataclass(frozen=True, kw_only=True)
class SessionCreated(Event):
    type: Literal["session.created"] = "session.created"
    session: Session


@dataclass(frozen=True, kw_only=True)
class SessionUpdated(Event):
    type: Literal["session.updated"] = "session.updated"
    session: Session


@dataclass(frozen=True, kw_only=True)
class ConversationCreated(Event):
    type: Literal["conversation.created"] = "conversation.created"
    conversation: ConversationHead


@dataclass(frozen=True, kw_only=True)
class ItemAdded(Event):
    type: Literal["conversation.item.added"] = "conversation.item.added"
    previous_item_id: str | None = None
    item: Item


@dataclass(frozen=True, kw_only=True)
class ItemDone(Event):
    type: Literal["conversation.item.done"] = "conversation.item.done"
    previous_item_id: str | None = None
    item: Item


@dataclass(frozen=True, kw_only=True)
class ItemCreated(Event):
    """The older name of `conversation.item.added`."""

    type: Literal["conversation.item.created"] = "conversation.item.created"
    previous_item_id: str | None = None
    item: Item


@dataclass(frozen=True, kw_only=True)
class ItemRetrieved(Event):
    type: Literal["conversation.item.retrieved"] = "conversation.item.retrieved"
    item: Item


@dataclass(frozen=True, kw_only=True)
class ItemDeleted(OfItem):
    type: Literal["conversation.item.deleted"] = "conversation.item.deleted"


@dataclass(frozen=True, kw_only=True)
class ItemTruncated(OfItem):
    type: Literal["conversation.item.truncated"] = "conversation.item.truncated"
    content_index: int
    audio_end_ms: int


@dataclass(frozen=True, kw_only=True)
class TranscriptionDelta(OfItem):
    type: Literal["conversation.item.input_audio_transcription.delta"] = (
        "conversation.item.input_audio_transcription.delta"
    )
    content_index: int = 0
    delta: str
    logprobs: tuple[LogProb, ...] | None = omitted()


@dataclass(frozen=True, kw_only=True)
class TranscriptionCompleted(OfItem):
    type: Literal["conversation.item.input_audio_transcription.completed"] = (
        "conversation.item.input_audio_transcription.completed"
    )
    content_index: int = 0
    transcript: str
    usage: TranscribedTokens | TranscribedDuration
    logprobs: tuple[LogProb, ...] | None = omitted()


@dataclass(frozen=True, kw_only=True)
class TranscriptionSegment(OfItem):
    type: Literal["conversation.item.input_audio_transcription.segment"] = (
        "conversation.item.input_audio_transcription.segment"
    )
    content_index: int = 0
    id: str
    text: str
    speaker: str
    start: float
    end: float


@dataclass(frozen=True, kw_only=True)
class TranscriptionFailed(OfItem):
    type: Literal["conversation.item.input_audio_transcription.failed"] = (
        "conversation.item.input_audio_transcription.failed"
    )
    content_index: int = 0
    error: Fault


@dataclass(frozen=True, kw_only=True)
class InputCommitted(OfItem):
    type: Literal["input_audio_buffer.committed"] = "input_audio_buffer.committed"
    previous_item_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class InputCleared(Event):
    type: Literal["input_audio_buffer.cleared"] = "input_audio_buffer.cleared"


@dataclass(frozen=True, kw_only=True)
class SpeechStarted(OfItem):
    type: Literal["input_audio_buffer.speech_started"] = "input_audio_buffer.speech_started"
    audio_start_ms: int


@dataclass(frozen=True, kw_only=True)
class SpeechStopped(OfItem):
    type: Literal["input_audio_buffer.speech_stopped"] = "input_audio_buffer.speech_stopped"
    audio_end_ms: int


@dataclass(frozen=True, kw_only=True)
class TimeoutTriggered(OfItem):
    type: Literal["input_audio_buffer.timeout_triggered"] = "input_audio_buffer.timeout_triggered"
    audio_start_ms: int
    audio_end_ms: int


@dataclass(frozen=True, kw_only=True)
class DtmfReceived:
    """A key of a telephone; the one event without an id."""

    type: Literal["input_audio_buffer.dtmf_event_received"] = "input_audio_buffer.dtmf_event_received"
    event: str
    received_at: int


@dataclass(frozen=True, kw_only=True)
class ResponseCreated(Event):
    type: Literal["response.created"] = "response.created"
    response: Response


@dataclass(frozen=True, kw_only=True)
class ResponseDone(Event):
    type: Literal["response.done"] = "response.done"
    response: Response
    antiphon: Addition | None = omitted()


@dataclass(frozen=True, kw_only=True)
class OutputItemAdded(OfResponse):
    type: Literal["response.output_item.added"] = "response.output_item.added"
    output_index: int
    item: Item


@dataclass(frozen=True, kw_only=True)
class OutputItemDone(OfResponse):
    type: Literal["response.output_item.done"] = "response.output_item.done"
    output_index: int
    item: Item


@dataclass(frozen=True, kw_only=True)
class PartAdded(OfPart):
    type: Literal["response.content_part.added"] = "response.content_part.added"
    part: Part


@dataclass(frozen=True, kw_only=True)
class PartDone(OfPart):
    type: Literal["response.content_part.done"] = "response.content_part.done"
    part: Part


@dataclass(frozen=True, kw_only=True)
class AudioDelta(OfPart):
    type: Literal["response.output_audio.delta"] = "response.output_audio.delta"
    delta: AudioBytes


@dataclass(frozen=True, kw_only=True)
class AudioDone(OfPart):
    type: Literal["response.output_audio.done"] = "response.output_audio.done"


@dataclass(frozen=True, kw_only=True)
class TranscriptDelta(OfPart):
    type: Literal["response.output_audio_transcript.delta"] = "response.output_audio_transcript.delta"
    delta: str


@dataclass(frozen=True, kw_only=True)
class TranscriptDone(OfPart):
    type: Literal["response.output_audio_transcript.done"] = "response.output_audio_transcript.done"
    transcript: str


@dataclass(frozen=True, kw_only=True)
class TextDelta(OfPart):
    type: Literal["response.output_text.delta"] = "response.output_text.delta"
    delta: str


@dataclass(frozen=True, kw_only=True)
class TextDone(OfPart):
    type: Literal["response.output_text.done"] = "response.output_text.done"
    text: str


@dataclass(frozen=True, kw_only=True)
class ArgumentsDelta(OfOutput):
    type: Literal["response.function_call_arguments.delta"] = "response.function_call_arguments.delta"
    call_id: str
    delta: str


@dataclass(frozen=True, kw_only=True)
class ArgumentsDone(OfOutput):
    type: Literal["response.function_call_arguments.done"] = "response.function_call_arguments.done"
    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, kw_only=True)
class McpListInProgress(OfItem):
    type: Literal["mcp_list_tools.in_progress"] = "mcp_list_tools.in_progress"


@dataclass(frozen=True, kw_only=True)
class McpListCompleted(OfItem):
    type: Literal["mcp_list_tools.completed"] = "mcp_list_tools.completed"


@dataclass(frozen=True, kw_only=True)
class McpListFailed(OfItem):
    type: Literal["mcp_list_tools.failed"] = "mcp_list_tools.failed"


@dataclass(frozen=True, kw_only=True)
class McpArgumentsDelta(OfOutput):
    type: Literal["response.mcp_call_arguments.delta"] = "response.mcp_call_arguments.delta"
    delta: str


@dataclass(frozen=True, kw_only=True)
class McpArgumentsDone(OfOutput):
    type: Literal["response.mcp_call_arguments.done"] = "response.mcp_call_arguments.done"
    arguments: str


@dataclass(frozen=True, kw_only=True)
class McpCallInProgress(OfItem):
    type: Literal["response.mcp_call.in_progress"] = "response.mcp_call.in_progress"
    output_index: int


@dataclass(frozen=True, kw_only=True)
class McpCallCompleted(OfItem):
    type: Literal["response.mcp_call.completed"] = "response.mcp_call.completed"
    output_index: int
    antiphon: Outcome | None = omitted()


@dataclass(frozen=True, kw_only=True)
class McpCallFailed(OfItem):
    type: Literal["response.mcp_call.failed"] = "response.mcp_call.failed"
    output_index: int
    antiphon: Outcome | None = omitted()


@dataclass(frozen=True, kw_only=True)
class PlayingStarted(OfResponse):
    """WebRTC only."""

    type: Literal["output_audio_buffer.started"] = "output_audio_buffer.started"


@dataclass(frozen=True, kw_only=True)
class PlayingStopped(OfResponse):
    """WebRTC only."""

    type: Literal["output_audio_buffer.stopped"] = "output_audio_buffer.stopped"


@dataclass(frozen=True, kw_only=True)
class PlayingCleared(OfResponse):
    """WebRTC only."""

    type: Literal["output_audio_buffer.cleared"] = "output_audio_buffer.cleared"


@dataclass(frozen=True, kw_only=True)
class RateLimitsUpdated(Event):
    type: Literal["rate_limits.updated"] = "rate_limits.updated"
    rate_limits: tuple[RateLimit, ...]


ServerEvent = (
    SessionCreated
    | SessionUpdated
    | ConversationCreated
    | ItemAdded
    | ItemDone
    | ItemCreated
    | ItemRetrieved
    | ItemDeleted
    | ItemTruncated
    | TranscriptionDelta
    | TranscriptionCompleted
    | TranscriptionSegment
    | TranscriptionFailed
    | InputCommitted
    | InputCleared
    | SpeechStarted
    | SpeechStopped
    | TimeoutTriggered
    | DtmfReceived
    | ResponseCreated
    | ResponseDone
    | OutputItemAdded
    | OutputItemDone
    | PartAdded
    | PartDone
    | AudioDelta
    | AudioDone
    | TranscriptDelta
    | TranscriptDone
    | TextDelta
    | TextDone
    | ArgumentsDelta
    | ArgumentsDone
    | McpListInProgress
    | McpListCompleted
    | McpListFailed
    | McpArgumentsDelta
    | McpArgumentsDone
    | McpCallInProgress
    | McpCallCompleted
    | McpCallFailed
    | PlayingStarted
    | PlayingStopped
    | PlayingCleared
    | RateLimitsUpdated
    | ErrorEvent
)
