"""`/v1/audio/...` and the lists: speech, transcriptions, translations, voices, models, tasks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from antiphon.server.protocol.items import MAX_TEXT
from antiphon.server.protocol.refusal import INVALID_VALUE, Refusal
from antiphon.server.protocol.session import Label, VoiceId
from antiphon.server.protocol.wire import MAX_FRAME, Range, Size, dumps, omitted, parse_object, read

MAX_SPOKEN = 4096  # characters, as OpenAI
Words = Annotated[str, Size(MAX_TEXT)]


@dataclass(frozen=True, kw_only=True)
class SpeechRequest:
    """Text to be said."""

    model: Label
    input: Annotated[str, Size(MAX_SPOKEN, 1)]
    voice: Label | VoiceId = "default"
    instructions: Annotated[str, Size(MAX_SPOKEN)] = ""
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = "mp3"
    speed: Annotated[float, Range(0.25, 4)] = 1.0
    stream_format: Literal["audio", "sse"] = "audio"


@dataclass(frozen=True, kw_only=True)
class TranscriptionRequest:
    """The fields beside the file. Timed formats are refused: the model knows no times, and none are made up."""

    model: Label
    language: Label | None = None
    prompt: Words | None = None
    response_format: Literal["json", "text", "verbose_json"] = "json"
    stream: bool = False
    temperature: Annotated[float, Range(0, 1)] = 0.0
    chunking_strategy: Literal["auto"] | None = None
    timestamp_granularities: tuple[Label, ...] = ()

    def __post_init__(self) -> None:
        if self.timestamp_granularities:
            what = "Times of words and segments are asked for, and the model gives none; leave them out."
            raise Refusal(what, code=INVALID_VALUE, param="timestamp_granularities")


@dataclass(frozen=True, kw_only=True)
class TranslationRequest:
    """The fields beside the file."""

    model: Label
    prompt: Words | None = None
    response_format: Literal["json", "text", "verbose_json"] = "json"
    temperature: Annotated[float, Range(0, 1)] = 0.0


@dataclass(frozen=True, kw_only=True)
class TokenUsage:
    type: Literal["tokens"] = "tokens"
    input_tokens: int
    output_tokens: int
    total_tokens: int


@dataclass(frozen=True, kw_only=True)
class DurationUsage:
    type: Literal["duration"] = "duration"
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Transcript:
    """`json`, of a transcription or a translation (which has no usage)."""

    text: str
    usage: TokenUsage | DurationUsage | None = omitted()


@dataclass(frozen=True, kw_only=True)
class VerboseTranscript:
    """`verbose_json` without segments; `duration` in seconds."""

    task: Literal["transcribe", "translate"]
    language: str
    duration: float
    text: str
    usage: DurationUsage | None = omitted()


@dataclass(frozen=True, kw_only=True)
class TranscriptDelta:
    type: Literal["transcript.text.delta"] = "transcript.text.delta"
    delta: str


@dataclass(frozen=True, kw_only=True)
class TranscriptDone:
    type: Literal["transcript.text.done"] = "transcript.text.done"
    text: str
    usage: TokenUsage | None = omitted()


@dataclass(frozen=True, kw_only=True)
class SpeechDelta:
    type: Literal["speech.audio.delta"] = "speech.audio.delta"
    audio: bytes


@dataclass(frozen=True, kw_only=True)
class SpeechDone:
    type: Literal["speech.audio.done"] = "speech.audio.done"
    usage: TokenUsage


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "antiphon"


@dataclass(frozen=True, kw_only=True)
class ModelList:
    object: Literal["list"] = "list"
    data: tuple[ModelCard, ...]


@dataclass(frozen=True, kw_only=True)
class VoiceCard:
    id: str
    object: Literal["voice"] = "voice"
    name: str
    language: str | None = omitted()


@dataclass(frozen=True, kw_only=True)
class VoiceList:
    """`GET /v1/audio/voices`: `voices` bears the names alone, as several servers do."""

    object: Literal["list"] = "list"
    data: tuple[VoiceCard, ...]
    voices: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TaskCard:
    """A task: its instruction, on what it is done, what comes of it, and how it is sampled."""

    id: str
    object: Literal["task"] = "task"
    instructions: str
    takes: Literal["audio", "text"]
    gives: Literal["audio", "text"]
    is_learnt: bool  # by the model of this server
    is_released: bool  # the instruction is that of a published example
    temperature: float
    top_p: float
    repetition_penalty: float
    max_tokens: int


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Of one request: its body, and the recording in it."""

    body_bytes: int
    heard_seconds: float


@dataclass(frozen=True, kw_only=True)
class TaskList:
    object: Literal["list"] = "list"
    data: tuple[TaskCard, ...]
    bounds: Bounds


def read_speech(body: str | bytes, most: int = MAX_FRAME) -> SpeechRequest:
    """The body of `/v1/audio/speech`.

    Raises:
        Refusal: with the path of the field that is wrong.
    """
    return read(SpeechRequest, parse_object(body, most))


def read_transcription(form: Mapping[str, Sequence[str]]) -> TranscriptionRequest:
    """The text fields of a transcription's form, each with all its values.

    Raises:
        Refusal: with the name of the field that is wrong.
    """
    return read(TranscriptionRequest, _typed(form))


def read_translation(form: Mapping[str, Sequence[str]]) -> TranslationRequest:
    """The text fields of a translation's form.

    Raises:
        Refusal: with the name of the field that is wrong.
    """
    return read(TranslationRequest, _typed(form))


def sse(message: Any) -> str:
    """One server-sent event."""
    return f"data: {dumps(message)}\n\n"


SSE_DONE = "data: [DONE]\n\n"


def _typed(form: Mapping[str, Sequence[str]]) -> dict[str, object]:
    """A form's texts as the JSON that they stand for; `name[]` is a list."""
    fields: dict[str, object] = {}
    for key, values in form.items():
        if key.endswith("[]"):
            fields[key.removesuffix("[]")] = list(values)
        elif len(values) != 1:
            raise Refusal(f"{key} is sent {len(values)} times; expected once.", code=INVALID_VALUE, param=key)
        elif key == "temperature":
            fields[key] = _number(values[0])
        elif key == "stream":
            fields[key] = {"true": True, "false": False}.get(values[0].lower(), values[0])
        else:
            fields[key] = values[0]
    return fields


def _number(text: str) -> object:
    try:
        return float(text)
    except ValueError:
        return text
