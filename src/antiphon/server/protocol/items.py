"""Conversation items and their parts, as both sides write them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from antiphon.server.protocol.refusal import INVALID_VALUE, Refusal
from antiphon.server.protocol.wire import Base64, Size, omitted

MAX_TEXT = 1 << 18  # characters of one text
MAX_AUDIO = 11 << 20  # bytes of one recording: 15 MiB as base64
MAX_PARTS = 128

Id = Annotated[str, Size(64, 1)]
Text = Annotated[str, Size(MAX_TEXT)]
AudioBytes = Annotated[bytes, Base64(MAX_AUDIO)]
Status = Literal["completed", "incomplete", "in_progress"]


@dataclass(frozen=True, kw_only=True)
class InputText:
    type: Literal["input_text"] = "input_text"
    text: Text


@dataclass(frozen=True, kw_only=True)
class InputAudio:
    """What a user said; the sound itself is written only when an item is retrieved."""

    type: Literal["input_audio"] = "input_audio"
    audio: AudioBytes | None = omitted()
    transcript: Text | None = None


@dataclass(frozen=True, kw_only=True)
class InputImage:
    """A picture inside the message; no address is ever opened."""

    type: Literal["input_image"] = "input_image"
    image_url: Annotated[str, Size(MAX_AUDIO)]
    detail: Literal["auto", "low", "high"] = "auto"

    def __post_init__(self) -> None:
        if not self.image_url.startswith("data:"):
            what = "An image is given by its address, and none is opened; expected a data: URL."
            raise Refusal(what, code=INVALID_VALUE, param="image_url")


@dataclass(frozen=True, kw_only=True)
class OutputText:
    type: Literal["output_text"] = "output_text"
    text: Text


@dataclass(frozen=True, kw_only=True)
class OutputAudio:
    """What the assistant said, as far as it was heard."""

    type: Literal["output_audio"] = "output_audio"
    audio: AudioBytes | None = omitted()
    transcript: Text | None = None


@dataclass(frozen=True, kw_only=True)
class _Listed:
    """What every item of a conversation has."""

    id: Id | None = omitted()
    object: Literal["realtime.item"] = "realtime.item"
    status: Status | None = omitted()


@dataclass(frozen=True, kw_only=True)
class SystemMessage(_Listed):
    type: Literal["message"] = "message"
    role: Literal["system"] = "system"
    content: Annotated[tuple[InputText, ...], Size(MAX_PARTS)]


@dataclass(frozen=True, kw_only=True)
class UserMessage(_Listed):
    type: Literal["message"] = "message"
    role: Literal["user"] = "user"
    content: Annotated[tuple[InputText | InputAudio | InputImage, ...], Size(MAX_PARTS)]


@dataclass(frozen=True, kw_only=True)
class AssistantMessage(_Listed):
    type: Literal["message"] = "message"
    role: Literal["assistant"] = "assistant"
    content: Annotated[tuple[OutputText | OutputAudio, ...], Size(MAX_PARTS)]


@dataclass(frozen=True, kw_only=True)
class FunctionCall(_Listed):
    """A tool that the model calls; `arguments` is JSON as the model wrote it."""

    type: Literal["function_call"] = "function_call"
    name: Id
    call_id: Id | None = omitted()
    arguments: Text


@dataclass(frozen=True, kw_only=True)
class FunctionCallOutput(_Listed):
    type: Literal["function_call_output"] = "function_call_output"
    call_id: Id
    output: Text


@dataclass(frozen=True, kw_only=True)
class McpApprovalRequest:
    type: Literal["mcp_approval_request"] = "mcp_approval_request"
    id: Id
    server_label: Id
    name: Id
    arguments: Text


@dataclass(frozen=True, kw_only=True)
class McpApprovalResponse:
    type: Literal["mcp_approval_response"] = "mcp_approval_response"
    id: Id
    approval_request_id: Id
    approve: bool
    reason: Text | None = None


@dataclass(frozen=True, kw_only=True)
class ListedTool:
    name: Id
    description: Text | None = None
    input_schema: Mapping[str, object]
    annotations: Mapping[str, object] | None = None


@dataclass(frozen=True, kw_only=True)
class McpListTools:
    type: Literal["mcp_list_tools"] = "mcp_list_tools"
    id: Id | None = omitted()
    server_label: Id
    tools: Annotated[tuple[ListedTool, ...], Size(MAX_PARTS)]


@dataclass(frozen=True, kw_only=True)
class McpProtocolFault:
    type: Literal["protocol_error"] = "protocol_error"
    code: int
    message: Text


@dataclass(frozen=True, kw_only=True)
class McpHttpFault:
    type: Literal["http_error"] = "http_error"
    code: int
    message: Text


@dataclass(frozen=True, kw_only=True)
class McpToolFault:
    type: Literal["tool_execution_error"] = "tool_execution_error"
    message: Text


@dataclass(frozen=True, kw_only=True)
class McpCall:
    type: Literal["mcp_call"] = "mcp_call"
    id: Id
    server_label: Id
    name: Id
    arguments: Text
    approval_request_id: Id | None = None
    output: Text | None = None
    error: McpProtocolFault | McpHttpFault | McpToolFault | None = None


Message = SystemMessage | UserMessage | AssistantMessage
Item = (
    SystemMessage
    | UserMessage
    | AssistantMessage
    | FunctionCall
    | FunctionCallOutput
    | McpApprovalRequest
    | McpApprovalResponse
    | McpListTools
    | McpCall
)


@dataclass(frozen=True, kw_only=True)
class ItemReference:
    """An item of the conversation, named in the input of an out-of-band response."""

    type: Literal["item_reference"] = "item_reference"
    id: Id


def without_audio(item: Item) -> Item:
    """The item as events show it: transcripts, no sound."""
    if isinstance(item, UserMessage):
        parts = tuple(replace(p, audio=None) if isinstance(p, InputAudio) else p for p in item.content)
        return replace(item, content=parts)
    if isinstance(item, AssistantMessage):
        said = tuple(replace(p, audio=None) if isinstance(p, OutputAudio) else p for p in item.content)
        return replace(item, content=said)
    return item
