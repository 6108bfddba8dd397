"""A chat request as a conversation of the model: whose words stand where, and with which sound.

| client                        | model                                                                     |
|-------------------------------|---------------------------------------------------------------------------|
| system, developer             | `system`; without one, the checkpoint's own                               |
| tools                         | `tool_json_schemas`, after the system message                             |
| user: text, input_audio       | `human`, in the order given                                               |
| assistant: audio.id           | the ids that were generated, if they are still kept                       |
| assistant: tts_content        | text and codes, woven                                                     |
| assistant: content, calls     | words, and calls between their tags                                       |
| tool                          | `input`                                                                   |
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from antiphon.errors import InputError, ToolError
from antiphon.runtime.mind import Request
from antiphon.runtime.sample import Sampling
from antiphon.runtime.session import MAX_TOKENS, sampling_of
from antiphon.server.protocol.chat import (
    Answered,
    Asked,
    AudioPart,
    ChatRequest,
    ChatTool,
    Instructions,
    TextPart,
    ToolAnswer,
)
from antiphon.server.protocol.refusal import INVALID_VALUE, Refusal
from antiphon.server.protocol.wire import write
from antiphon.text.chat import TTS_START, AudioItem, Item, Message, Speech, Words
from antiphon.text.prompts import Reply, task_prompt
from antiphon.text.tokenizer import AUDIO_NAME
from antiphon.text.toolcall import ToolCall
from antiphon.text.variants import Variant
from antiphon.tools.tool import Tool, schema

Listen = Callable[[], AudioItem]  # the next recording of a request
KeptReplies = dict[str, Message]  # replies aloud that a request names, by their ids


@dataclass(frozen=True)
class Wish:
    """What a chat request comes to."""

    said: tuple[Instructions | Asked | Answered | ToolAnswer, ...]
    is_spoken: bool
    tools: tuple[Tool, ...]
    sampling: Sampling
    max_tokens: int


def read_wish(request: ChatRequest, variant: Variant) -> Wish:
    """What is asked for, as far as it can be had.

    Raises:
        Refusal: something that would change the answer and that is not served.
    """
    refuse_unserved(request)
    said, is_spoken = request.messages, request.is_spoken
    last = said[-1]
    if isinstance(last, Answered) and (not last.eot or request.continue_final_message):
        if last.content != TTS_START:
            what = f"The last message is to be continued; only one that is {TTS_START} can be, to ask for speech."
            raise Refusal(what, code=INVALID_VALUE, param=f"messages[{len(said) - 1}]")
        said, is_spoken = said[:-1], True  # the released way to ask for speech
    task = task_prompt(variant.talk)
    usual = sampling_of(task, request.seed or 0)
    chosen = variant.temperature if variant.temperature is not None else usual.temperature
    sampling = Sampling(
        temperature=chosen if request.temperature is None else request.temperature,
        top_p=request.top_p or usual.top_p,
        repetition_penalty=request.repetition_penalty or usual.repetition_penalty,
        seed=request.seed or 0,
    )
    offered = () if request.tool_choice == "none" else request.tools
    return Wish(
        said=said,
        is_spoken=is_spoken,
        tools=tuple(map(offered_tool, offered)),
        sampling=sampling,
        max_tokens=request.max_completion_tokens or request.max_tokens or MAX_TOKENS,
    )


def refuse_unserved(request: ChatRequest) -> None:
    """Raises Refusal for settings whose effect would be missing from the answer."""
    unserved = {
        "stop": (request.stop, (), "no stop texts"),
        "top_k": (request.top_k in (None, 0, -1), True, "top_k -1"),
        "frequency_penalty": (request.frequency_penalty, 0.0, "0; repetition_penalty is served"),
        "presence_penalty": (request.presence_penalty, 0.0, "0; repetition_penalty is served"),
        "tool_choice": (request.tool_choice in ("auto", "none"), True, "'auto' or 'none'"),
    }
    for name, (value, served, expected) in unserved.items():
        if value != served:
            raise Refusal(f"{name} is not served as it was sent; expected {expected}.", code=INVALID_VALUE, param=name)


def offered_tool(tool: ChatTool) -> Tool:
    """A tool that the client runs."""
    function = {k: v for k, v in write(tool.function).items() if k != "strict"}
    return Tool(function, _not_here)


def _not_here(arguments: object) -> str:
    raise ToolError("this tool is run by the client; send its result.")


def sounds_of(said: Sequence[object]) -> list[tuple[str, bytes]]:
    """Every recording of a request as the path of its field and its bytes."""
    found = []
    for at, message in enumerate(said):
        if isinstance(message, Asked) and not isinstance(message.content, str):
            for n, part in enumerate(message.content):
                if isinstance(part, AudioPart):
                    found.append((f"messages[{at}].content[{n}].input_audio.data", part.input_audio.data))
    return found


def asked_of(wish: Wish, variant: Variant, kept: KeptReplies, sounds: Sequence[AudioItem]) -> Request:
    """What the model is asked; `sounds` are those of `sounds_of`, heard, in their order.

    A call that is nearly right stays words: nobody here runs it.
    """
    messages = tuple(_messages(wish, variant, kept, sounds))
    form: Reply = "speech" if wish.is_spoken else "text"
    return Request(messages, form, wish.tools, wish.sampling, wish.max_tokens, mends=False)


def _messages(wish: Wish, variant: Variant, kept: KeptReplies, sounds: Sequence[AudioItem]) -> list[Message]:
    rest = iter(sounds)
    told = [_message(m, at, variant, lambda: next(rest), kept) for at, m in enumerate(wish.said)]
    if not any(message.role == "system" for message in told):
        task = task_prompt(variant.talk)
        system = task.base_text if variant.style == "base" else task.system
        told = [Message("system", system), *told] if system else told
    if wish.tools and variant.style == "chat":
        told.insert(int(told[0].role == "system"), Message("tool_json_schemas", schema(wish.tools)))
    return told


def _message(message: object, at: int, variant: Variant, listen: Listen, kept: KeptReplies) -> Message:
    if isinstance(message, Instructions):
        return Message("system", _words(message.content))
    if isinstance(message, ToolAnswer):
        return Message("input", _words(message.content) + variant.after_tool)
    if isinstance(message, Answered):
        return _answered(message, at, kept)
    assert isinstance(message, Asked)
    if isinstance(message.content, str):
        return Message("human", message.content)
    return Message("human", tuple(p.text if isinstance(p, TextPart) else listen() for p in message.content))


def _answered(message: Answered, at: int, kept: KeptReplies) -> Message:
    if message.audio is not None:
        return kept[message.audio.id]
    items: list[Item] = []
    if message.tts_content is not None:
        codes = tuple(int(name[1]) for name in AUDIO_NAME.finditer(message.tts_content.tts_audio))
        items.append(Speech(message.tts_content.tts_text, codes))
    if message.content is not None and message.tts_content is None:
        items.append(Words(_words(message.content)))
    try:
        items += [ToolCall(c.function.name, c.function.arguments or "{}", c.id) for c in message.tool_calls]
    except InputError as error:
        raise Refusal(str(error), code=INVALID_VALUE, param=f"messages[{at}].tool_calls") from None
    return Message("assistant", tuple(items))


def _words(content: str | tuple[TextPart, ...]) -> str:
    return content if isinstance(content, str) else "\n".join(part.text for part in content)

