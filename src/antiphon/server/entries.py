"""Items of the wire as entries of the model's history."""

from antiphon.audio.wave import Audio
from antiphon.errors import InputError
from antiphon.rates import HEARD_HZ
from antiphon.runtime.history import Answered, Called, Entry, Heard, Written
from antiphon.server.protocol.formats import Format, decode, rate_hz
from antiphon.server.protocol.items import (
    AssistantMessage,
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputImage,
    InputText,
    Item,
    OutputText,
    SystemMessage,
    UserMessage,
)
from antiphon.server.protocol.refusal import INVALID_VALUE, MISSING, Refusal
from antiphon.text.toolcall import ToolCall


def entry_of(item: Item, form: Format) -> Entry:
    """An item that has its id; sound in it is in the session's input format.

    Raises:
        Refusal: an item that the model cannot be told of.
    """
    assert item.id is not None
    if isinstance(item, SystemMessage):
        return Written(item.id, "system", "\n".join(part.text for part in item.content))
    if isinstance(item, UserMessage):
        return _user(item, item.id, form)
    if isinstance(item, AssistantMessage):
        said = [part.text if isinstance(part, OutputText) else part.transcript or "" for part in item.content]
        return Written(item.id, "assistant", "".join(said))
    if isinstance(item, FunctionCall):
        return _call(item, item.id)
    if isinstance(item, FunctionCallOutput):
        return Answered(item.id, item.call_id, item.output)
    what = f"An item of the type {item.type!r} has no meaning here; expected a message, a call or its output."
    raise Refusal(what, code=INVALID_VALUE, param="item.type")


def _call(item: FunctionCall, item_id: str) -> Called:
    try:
        ToolCall(item.name, item.arguments or "{}")
    except InputError as error:
        raise Refusal(str(error), code=INVALID_VALUE, param="item.arguments") from None
    return Called(item_id, item.call_id or "", item.name, item.arguments or "{}")


def _user(item: UserMessage, item_id: str, form: Format) -> Heard | Written:
    if all(isinstance(part, InputText) for part in item.content):
        return Written(item_id, "user", "\n".join(p.text for p in item.content if isinstance(p, InputText)))
    parts: list[str | Audio] = []
    for at, part in enumerate(item.content):
        path = f"item.content[{at}]"
        if isinstance(part, InputImage):
            raise Refusal("The model sees no pictures; send text or sound.", code=INVALID_VALUE, param=path)
        if isinstance(part, InputText):
            parts.append(part.text)
        elif part.audio is not None:
            parts.append(sound_of(part, form, path))
        elif part.transcript:
            parts.append(part.transcript)
        else:
            raise Refusal("There is no sound and no transcript in the part.", code=MISSING, param=f"{path}.audio")
    return Heard(item_id, tuple(parts))


def sound_of(part: InputAudio, form: Format, path: str) -> Audio:
    """The sound of a part, at 16 kHz."""
    samples = decode(form, part.audio or b"", f"{path}.audio")
    return Audio.from_pcm16(samples.astype("<i2").tobytes(), rate_hz(form)).at(HEARD_HZ)
