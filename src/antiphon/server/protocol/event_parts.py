"""What the server's events are made of, beside items and responses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from antiphon.server.protocol.wire import omitted


@dataclass(frozen=True, kw_only=True)
class LogProb:
    """A token of a transcript: its text, its bytes, how likely it was (natural logarithm)."""

    token: str
    bytes: tuple[int, ...]
    logprob: float


@dataclass(frozen=True, kw_only=True)
class ConversationHead:
    id: str
    object: Literal["realtime.conversation"] = "realtime.conversation"


@dataclass(frozen=True, kw_only=True)
class TranscribedTokens:
    type: Literal["tokens"] = "tokens"
    input_tokens: int
    output_tokens: int
    total_tokens: int
    input_token_details: Mapping[str, int] | None = omitted()


@dataclass(frozen=True, kw_only=True)
class TranscribedDuration:
    type: Literal["duration"] = "duration"
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Fault:
    type: str
    code: str | None = None
    message: str | None = None
    param: str | None = None


@dataclass(frozen=True, kw_only=True)
class RateLimit:
    name: Literal["requests", "tokens"]
    limit: int
    remaining: int
    reset_seconds: float


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of a reply, in the words of the part events."""

    type: Literal["text", "audio"]
    text: str | None = omitted()
    transcript: str | None = omitted()
