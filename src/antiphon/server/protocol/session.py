"""The configuration of a session: what a client may set, how an update is merged into it, and what is then in force.

An update holds only what changes. `""` clears instructions, `[]` clears tools, null clears what may be null (turn
detection, noise reduction, transcription, tracing) and is the same as absent elsewhere. Names of models and voices are
taken as they come: the server maps those that it does not know to its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from antiphon.server.protocol.formats import Format, Pcm
from antiphon.server.protocol.items import MAX_TEXT, Id, Item, ItemReference, Text
from antiphon.server.protocol.refusal import FROZEN_VOICE, INVALID_TYPE, INVALID_VALUE, Refusal
from antiphon.server.protocol.wire import Pattern, Range, Size, omitted, read, read_as, write

MAX_TOOLS = 128
MAX_RESPONSE_TOKENS = 4096
SECTIONS = frozenset({"audio", "input", "output", "turn_detection", "transcription", "noise_reduction"})
CLEARED = frozenset({"turn_detection", "noise_reduction", "transcription", "tracing", "prompt", "idle_timeout_ms"})
READ_ONLY = frozenset({"id", "object", "expires_at"})  # clients send a session back as they got it

Label = Annotated[str, Size(256)]
ToolName = Annotated[str, Pattern(r"[a-zA-Z0-9_.-]{1,64}")]
Modality = Literal["text", "audio"]
Modalities = Annotated[tuple[Modality, ...], Size(1, 1)]
MaxTokens = Annotated[int, Range(1, MAX_RESPONSE_TOKENS)] | Literal["inf"]
Metadata = Annotated[Mapping[str, Annotated[str, Size(512)]], Size(16)]


@dataclass(frozen=True, kw_only=True)
class FunctionTool:
    """A function that the client runs; `parameters` is its JSON schema."""

    type: Literal["function"] = "function"
    name: ToolName
    description: Annotated[str, Size(MAX_TEXT)] = ""
    parameters: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class McpTool:
    """Tools of an MCP server that this server knows by its label; addresses and keys are never taken from a client."""

    type: Literal["mcp"] = "mcp"
    server_label: ToolName
    server_description: Text | None = omitted()
    allowed_tools: Annotated[tuple[ToolName, ...], Size(MAX_TOOLS)] | None = omitted()
    require_approval: Literal["always", "never"] | None = omitted()


@dataclass(frozen=True, kw_only=True)
class ChooseFunction:
    type: Literal["function"] = "function"
    name: ToolName


@dataclass(frozen=True, kw_only=True)
class ChooseMcp:
    type: Literal["mcp"] = "mcp"
    server_label: ToolName
    name: ToolName | None = omitted()


Tools = Annotated[tuple[FunctionTool | McpTool, ...], Size(MAX_TOOLS)]
ToolChoice = Literal["auto", "none", "required"] | ChooseFunction | ChooseMcp


@dataclass(frozen=True, kw_only=True)
class ServerVad:
    """A turn ends after a stretch of silence; times in milliseconds."""

    type: Literal["server_vad"] = "server_vad"
    threshold: Annotated[float, Range(0, 1)] = 0.5
    prefix_padding_ms: Annotated[int, Range(0, 10_000)] = 300
    silence_duration_ms: Annotated[int, Range(0, 10_000)] = 500
    idle_timeout_ms: Annotated[int, Range(1_000, 600_000)] | None = None
    create_response: bool = True
    interrupt_response: bool = True


@dataclass(frozen=True, kw_only=True)
class SemanticVad:
    """A turn ends when it sounds finished; `eagerness` bounds the wait: low 8 s, medium and auto 4 s, high 2 s."""

    type: Literal["semantic_vad"] = "semantic_vad"
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    create_response: bool = True
    interrupt_response: bool = True


@dataclass(frozen=True, kw_only=True)
class Transcription:
    model: Label | None = None
    language: Label | None = None
    prompt: Text | None = None
    keywords: Annotated[tuple[Label, ...], Size(1000)] | None = omitted()
    languages: Annotated[tuple[Label, ...], Size(100)] | None = omitted()
    delay: Literal["minimal", "low", "medium", "high", "xhigh"] | None = omitted()


@dataclass(frozen=True, kw_only=True)
class NoiseReduction:
    type: Literal["near_field", "far_field"]
    strength: Annotated[float, Range(0, 1)] = 1.0


@dataclass(frozen=True, kw_only=True)
class VoiceId:
    id: Id


@dataclass(frozen=True, kw_only=True)
class AudioInput:
    format: Format = Pcm()
    noise_reduction: NoiseReduction | None = None
    transcription: Transcription | None = None
    turn_detection: ServerVad | SemanticVad | None = ServerVad()


@dataclass(frozen=True, kw_only=True)
class AudioOutput:
    format: Format = Pcm()
    voice: Label | VoiceId = "default"
    speed: Annotated[float, Range(0.25, 1.5)] = 1.0


@dataclass(frozen=True, kw_only=True)
class Audio:
    input: AudioInput = AudioInput()
    output: AudioOutput = AudioOutput()


@dataclass(frozen=True, kw_only=True)
class HeardAudio:
    input: AudioInput = AudioInput()


@dataclass(frozen=True, kw_only=True)
class Tracing:
    workflow_name: Label | None = omitted()
    group_id: Label | None = omitted()
    metadata: Mapping[str, object] | None = omitted()


@dataclass(frozen=True, kw_only=True)
class TokenLimits:
    post_instructions: Annotated[int, Range(0, 1 << 24)] | None = None


@dataclass(frozen=True, kw_only=True)
class Retention:
    """When the context is full, the oldest is dropped until `retention_ratio` of it is left."""

    type: Literal["retention_ratio"] = "retention_ratio"
    retention_ratio: Annotated[float, Range(0, 1)]
    token_limits: TokenLimits | None = omitted()


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """A stored prompt, by its name."""

    id: Label
    version: Label | None = omitted()
    variables: Annotated[Mapping[str, Text], Size(64)] | None = omitted()


@dataclass(frozen=True, kw_only=True)
class Reasoning:
    effort: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None


@dataclass(frozen=True, kw_only=True)
class _Identified:
    """What the server alone sets."""

    id: Id | None = omitted()
    expires_at: int | None = omitted()
    include: tuple[Literal["item.input_audio_transcription.logprobs"], ...] | None = omitted()


@dataclass(frozen=True, kw_only=True)
class RealtimeSession(_Identified):
    """A conversation: everything that is in force."""

    type: Literal["realtime"] = "realtime"
    object: Literal["realtime.session"] = "realtime.session"
    model: Label = "nano"
    instructions: Text = ""
    output_modalities: Modalities = ("audio",)
    audio: Audio = Audio()
    tools: Tools = ()
    tool_choice: ToolChoice = "auto"
    parallel_tool_calls: bool = True
    max_output_tokens: MaxTokens = "inf"
    tracing: Literal["auto"] | Tracing | None = None
    truncation: Literal["auto", "disabled"] | Retention = "auto"
    prompt: Prompt | None = None
    reasoning: Reasoning | None = omitted()
    seed: Annotated[int, Range(0, (1 << 31) - 1)] | None = omitted()  # of what is drawn by chance; not OpenAI's


@dataclass(frozen=True, kw_only=True)
class TranscriptionSession(_Identified):
    """A session that writes down what it hears and answers nothing."""

    type: Literal["transcription"] = "transcription"
    object: Literal["realtime.transcription_session"] = "realtime.transcription_session"
    audio: HeardAudio = HeardAudio()


Session = RealtimeSession | TranscriptionSession


@dataclass(frozen=True, kw_only=True)
class ResponseAudioOutput:
    format: Format | None = omitted()
    voice: Label | VoiceId | None = omitted()


@dataclass(frozen=True, kw_only=True)
class ResponseAudio:
    output: ResponseAudioOutput | None = omitted()


@dataclass(frozen=True, kw_only=True)
class ResponseConfig:
    """What one response does otherwise than its session; None is: as the session."""

    conversation: Literal["auto", "none"] = "auto"
    input: Annotated[tuple[Item | ItemReference, ...], Size(1024)] | None = None
    metadata: Metadata | None = None
    instructions: Text | None = None
    output_modalities: Modalities | None = None
    audio: ResponseAudio | None = None
    tools: Tools | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_output_tokens: MaxTokens | None = None
    prompt: Prompt | None = None
    reasoning: Reasoning | None = None


def new_session(patch: object, session_id: str, expires_at: int) -> Session:
    """The session that a client asks for when it begins; `patch` as in `session.update`."""
    kind = patch.get("type", "realtime") if isinstance(patch, dict) else "realtime"
    given = {"type": kind, "id": session_id, "expires_at": expires_at}
    blank: Session = read_as(Session, given, "session")
    return merge(blank, patch)


def merge(session: Session, patch: object, *, has_spoken: bool = False) -> Session:
    """The session after an update; the old one stays as it was.

    Raises:
        Refusal: a field is wrong (`param` is its path), another type of session, another voice once there was sound.
    """
    if not isinstance(patch, dict):
        raise Refusal("The session is no object; send the fields that change.", code=INVALID_TYPE, param="session")
    patch = {key: value for key, value in patch.items() if key not in READ_ONLY}
    if patch.get("type", session.type) != session.type:
        what = f"The session is of the type {session.type!r}, and that cannot change; open another one."
        raise Refusal(what, code=INVALID_VALUE, param="session.type")
    merged = read(type(session), _overlay(write(session), patch), "session")
    if has_spoken and _voice(merged) != _voice(session):
        what = "The voice cannot change once the session has spoken; open another one."
        raise Refusal(what, code=FROZEN_VOICE, param="session.audio.output.voice")
    return merged


def _voice(session: Session) -> str | VoiceId | None:
    return session.audio.output.voice if isinstance(session, RealtimeSession) else None


def _overlay(old: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """`patch` over `old`: sections of the same type field by field, everything else as a whole."""
    merged = dict(old)
    for key, value in patch.items():
        if value is None and key not in CLEARED:
            continue
        before = old.get(key)
        section = key in SECTIONS and isinstance(before, dict) and isinstance(value, dict)
        if section and value.get("type", before.get("type")) == before.get("type"):  # type: ignore[union-attr]
            value = _overlay(before, value)  # type: ignore[arg-type]
        merged[key] = value
    return merged
