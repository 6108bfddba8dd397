"""`/v1/chat/completions`: the request read strictly, the answer whole or in pieces.

Sound comes as base64 inside the message. Nothing in a message is a path or an address: no part of that kind exists.
Beside OpenAI's fields stand those of the released serving back end: `tts_content`, `eot`, `repetition_penalty`, ...
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from antiphon.server.protocol.items import AudioBytes, Id, Text
from antiphon.server.protocol.refusal import INVALID_VALUE, MISSING, Refusal
from antiphon.server.protocol.session import MAX_TOOLS, Label, Metadata, ToolName, VoiceId
from antiphon.server.protocol.wire import MAX_FRAME, Range, Size, omitted, parse_object, read

MAX_MESSAGES = 2048
MAX_REPLY_TOKENS = 1 << 16
Finish = Literal["stop", "length", "tool_calls", "content_filter"]


@dataclass(frozen=True, kw_only=True)
class TextPart:
    type: Literal["text"] = "text"
    text: Text


@dataclass(frozen=True, kw_only=True)
class AudioData:
    data: AudioBytes
    format: Literal["wav", "mp3", "flac", "ogg", "opus"] = "wav"


@dataclass(frozen=True, kw_only=True)
class AudioPart:
    type: Literal["input_audio"] = "input_audio"
    input_audio: AudioData


@dataclass(frozen=True, kw_only=True)
class CalledFunction:
    name: ToolName
    arguments: Text


@dataclass(frozen=True, kw_only=True)
class CalledTool:
    id: Id
    type: Literal["function"] = "function"
    function: CalledFunction


@dataclass(frozen=True, kw_only=True)
class EarlierAudio:
    """What the server said before, by its id."""

    id: Id


@dataclass(frozen=True, kw_only=True)
class TtsContent:
    """A spoken turn as text and as the names of its speech tokens, `<audio_12><audio_7>`."""

    tts_text: Text
    tts_audio: Text


Parts = Annotated[tuple[TextPart | AudioPart, ...], Size(128)]
Texts = Annotated[tuple[TextPart, ...], Size(128)]


@dataclass(frozen=True, kw_only=True)
class Instructions:
    role: Literal["system", "developer"]
    content: Text | Texts
    name: Label | None = None


@dataclass(frozen=True, kw_only=True)
class Asked:
    role: Literal["user", "human"]
    content: Text | Parts
    name: Label | None = None


@dataclass(frozen=True, kw_only=True)
class Answered:
    role: Literal["assistant"]
    content: Text | Texts | None = None
    audio: EarlierAudio | None = None
    tool_calls: Annotated[tuple[CalledTool, ...], Size(MAX_TOOLS)] = ()
    tts_content: TtsContent | None = None
    eot: bool = True
    name: Label | None = None
    refusal: Text | None = None


@dataclass(frozen=True, kw_only=True)
class ToolAnswer:
    role: Literal["tool"]
    content: Text | Texts
    tool_call_id: Id
    name: Label | None = None


@dataclass(frozen=True, kw_only=True)
class SpeechWish:
    """How the answer is to sound; `pcm` is an alias of `pcm16`."""

    voice: Label | VoiceId
    format: Literal["wav", "aac", "mp3", "flac", "opus", "pcm16", "pcm"]


@dataclass(frozen=True, kw_only=True)
class StreamOptions:
    include_usage: bool = False
    include_obfuscation: bool = False


@dataclass(frozen=True, kw_only=True)
class ToolFunction:
    name: ToolName
    description: Text = ""
    parameters: Mapping[str, object] = field(default_factory=dict)
    strict: bool | None = None


@dataclass(frozen=True, kw_only=True)
class ChatTool:
    type: Literal["function"]
    function: ToolFunction


@dataclass(frozen=True, kw_only=True)
class ChosenName:
    name: ToolName


@dataclass(frozen=True, kw_only=True)
class ChosenTool:
    type: Literal["function"] = "function"
    function: ChosenName


@dataclass(frozen=True, kw_only=True)
class ChatRequest:
    """A whole conversation, and how it is to go on. What would change the answer and is not served is refused."""

    model: Label
    messages: Annotated[tuple[Instructions | Asked | Answered | ToolAnswer, ...], Size(MAX_MESSAGES, 1)]
    modalities: Annotated[tuple[Literal["text", "audio"], ...], Size(2, 1)] = ("text",)
    audio: SpeechWish | None = None
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
    tools: Annotated[tuple[ChatTool, ...], Size(MAX_TOOLS)] = ()
    tool_choice: Literal["auto", "none", "required"] | ChosenTool = "auto"
    parallel_tool_calls: bool = True
    n: Annotated[int, Range(1, 1)] = 1
    seed: int | None = None
    stop: Label | Annotated[tuple[Label, ...], Size(4)] = ()
    stop_token_ids: Annotated[tuple[int, ...], Size(64)] = ()
    temperature: Annotated[float, Range(0, 2)] | None = None
    top_p: Annotated[float, Range(0, 1)] | None = None
    top_k: Annotated[int, Range(-1, 1 << 20)] | None = None
    frequency_penalty: Annotated[float, Range(-2, 2)] = 0.0
    presence_penalty: Annotated[float, Range(-2, 2)] = 0.0
    repetition_penalty: Annotated[float, Range(0.01, 10)] | None = None
    max_tokens: Annotated[int, Range(1, MAX_REPLY_TOKENS)] | None = None
    max_completion_tokens: Annotated[int, Range(1, MAX_REPLY_TOKENS)] | None = None
    skip_special_tokens: bool | None = None
    add_generation_prompt: bool | None = None
    continue_final_message: bool | None = None
    metadata: Metadata | None = None
    user: Label | None = None
    store: bool | None = None
    service_tier: Label | None = None
    safety_identifier: Label | None = None
    prompt_cache_key: Label | None = None
    prompt_cache_retention: Label | None = None

    def __post_init__(self) -> None:
        if self.is_spoken and self.audio is None:
            raise Refusal("Speech is asked for, and no voice; send audio.voice.", code=MISSING, param="audio")
        if self.is_spoken and self.stream and self.audio is not None and self.audio.format not in ("pcm16", "pcm"):
            what = f"A stream of speech is pcm16, not {self.audio.format}; ask for pcm16, or for no stream."
            raise Refusal(what, code=INVALID_VALUE, param="audio.format")
        if self.add_generation_prompt and self.continue_final_message:
            what = "add_generation_prompt and continue_final_message are both true; expected one of them."
            raise Refusal(what, code=INVALID_VALUE, param="continue_final_message")

    @property
    def is_spoken(self) -> bool:
        return "audio" in self.modalities


@dataclass(frozen=True, kw_only=True)
class PromptTokens:
    audio_tokens: int = 0
    cached_tokens: int = 0


@dataclass(frozen=True, kw_only=True)
class CompletionTokens:
    audio_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(frozen=True, kw_only=True)
class ChatUsage:
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokens = PromptTokens()
    completion_tokens_details: CompletionTokens = CompletionTokens()


@dataclass(frozen=True, kw_only=True)
class ReplyAudio:
    """`expires_at`: until when the id may be named in a later request."""

    id: str
    data: bytes
    expires_at: int
    transcript: str


@dataclass(frozen=True, kw_only=True)
class Reply:
    role: Literal["assistant"] = "assistant"
    content: str | None
    refusal: str | None = None
    audio: ReplyAudio | None = omitted()
    tool_calls: tuple[CalledTool, ...] | None = omitted()
    tts_content: TtsContent | None = omitted()


@dataclass(frozen=True, kw_only=True)
class Choice:
    index: int = 0
    message: Reply
    finish_reason: Finish
    logprobs: None = None


@dataclass(frozen=True, kw_only=True)
class Completion:
    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: tuple[Choice, ...]
    usage: ChatUsage


@dataclass(frozen=True, kw_only=True)
class AudioPiece:
    """Some of: the id (first), sound, words, and alone at the end `expires_at`."""

    id: str | None = omitted()
    data: bytes | None = omitted()
    transcript: str | None = omitted()
    expires_at: int | None = omitted()


@dataclass(frozen=True, kw_only=True)
class CallPieceFunction:
    name: str | None = omitted()
    arguments: str | None = omitted()


@dataclass(frozen=True, kw_only=True)
class CallPiece:
    index: int
    id: str | None = omitted()
    type: Literal["function"] | None = omitted()
    function: CallPieceFunction


@dataclass(frozen=True, kw_only=True)
class Delta:
    role: Literal["assistant"] | None = omitted()
    content: str | None = omitted()
    audio: AudioPiece | None = omitted()
    tool_calls: tuple[CallPiece, ...] | None = omitted()
    tts_content: TtsContent | None = omitted()


@dataclass(frozen=True, kw_only=True)
class ChunkChoice:
    index: int = 0
    delta: Delta
    finish_reason: Finish | None = None


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """One piece of a stream; the one that bears the usage has no choices."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    choices: tuple[ChunkChoice, ...]
    usage: ChatUsage | None = omitted()


def read_chat(body: str | bytes, most: int = MAX_FRAME) -> ChatRequest:
    """The body of a request.

    Raises:
        Refusal: with the path of the field that is wrong.
    """
    return read(ChatRequest, parse_object(body, most))
