"""A response as `response.created` and `response.done` show it, and what it used."""

from dataclasses import dataclass
from typing import Literal

from antiphon.server.protocol.formats import Format
from antiphon.server.protocol.items import Id, Item, Text
from antiphon.server.protocol.session import Label, MaxTokens, Metadata, Modalities
from antiphon.server.protocol.wire import omitted

Ended = Literal["completed", "cancelled", "incomplete", "failed"]
Reason = Literal["turn_detected", "client_cancelled", "max_output_tokens", "content_filter"]


@dataclass(frozen=True, kw_only=True)
class CachedTokens:
    text_tokens: int = 0
    audio_tokens: int = 0
    image_tokens: int = 0


@dataclass(frozen=True, kw_only=True)
class InputTokens:
    text_tokens: int = 0
    audio_tokens: int = 0
    image_tokens: int = 0
    cached_tokens: int = 0
    cached_tokens_details: CachedTokens = CachedTokens()


@dataclass(frozen=True, kw_only=True)
class OutputTokens:
    text_tokens: int = 0
    audio_tokens: int = 0


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Tokens that a response read and wrote."""

    total_tokens: int
    input_tokens: int
    output_tokens: int
    input_token_details: InputTokens
    output_token_details: OutputTokens


def usage(read: InputTokens, written: OutputTokens) -> Usage:
    """Usage with its sums."""
    num_read = read.text_tokens + read.audio_tokens + read.image_tokens
    num_written = written.text_tokens + written.audio_tokens
    return Usage(
        total_tokens=num_read + num_written,
        input_tokens=num_read,
        output_tokens=num_written,
        input_token_details=read,
        output_token_details=written,
    )


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Where the time of a response went.

    Milliseconds since it was due: since the end of the turn was decided, or since it was asked for. What was done by
    speculation, before that, is negative. What is not known is left out.
    """

    endpoint_ms: int | None = omitted()  # the silence before the decision
    begun_ms: int | None = omitted()
    encoded_ms: int | None = omitted()  # all sound of the prompt
    first_token_ms: int | None = omitted()
    first_codes_ms: int | None = omitted()  # sound tokens
    first_wave_ms: int | None = omitted()  # the vocoder's
    first_text_ms: int | None = omitted()  # sent
    first_byte_ms: int | None = omitted()  # of sound, sent


@dataclass(frozen=True, kw_only=True)
class Addition:
    """What is told of a response beyond the protocol; clients that do not know it pass over it."""

    figures: Figures = Figures()
    thought: str | None = omitted()  # of a model that thinks before it answers


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a tool of the server was asked and has answered, beyond the protocol.

    Whoever shows the answer shows the `attribution` with it: the licence of what was looked up asks for that.
    """

    server_label: Label
    name: Id
    arguments: Text
    output: Text
    attribution: Text | None = omitted()


@dataclass(frozen=True, kw_only=True)
class ResponseFault:
    type: str
    code: str | None = None
    message: str | None = None


@dataclass(frozen=True, kw_only=True)
class StatusDetails:
    """Why a response ended as it did."""

    type: Ended
    reason: Reason | None = omitted()
    error: ResponseFault | None = omitted()


@dataclass(frozen=True, kw_only=True)
class SpokenAs:
    format: Format
    voice: Label


@dataclass(frozen=True, kw_only=True)
class ResponseVoice:
    output: SpokenAs


@dataclass(frozen=True, kw_only=True)
class Response:
    """`conversation_id` is None for a response outside the conversation; `metadata` is the client's, unchanged."""

    id: str
    object: Literal["realtime.response"] = "realtime.response"
    status: Ended | Literal["in_progress"]
    status_details: StatusDetails | None = None
    output: tuple[Item, ...] = ()
    conversation_id: str | None = None
    output_modalities: Modalities = ("audio",)
    max_output_tokens: MaxTokens = "inf"
    audio: ResponseVoice | None = omitted()
    metadata: Metadata | None = None
    usage: Usage | None = None
