"""antiphon: speech in, speech out.

    import antiphon

    session = antiphon.load("nano").session()
    for event in session.reply(antiphon.Audio.read("question.wav")):
        ...

Names are looked up when they are first used, so that importing the package costs nothing.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from antiphon.audio.wave import Audio
    from antiphon.errors import (
        AntiphonError,
        CapacityError,
        ConfigError,
        InputError,
        ProtocolError,
        ToolError,
        WeightsError,
    )
    from antiphon.runtime.events import AudioOut, End, Event, Text, Think, ToolCall, ToolResult
    from antiphon.runtime.model import Model, load
    from antiphon.runtime.session import Session
    from antiphon.text.chat import Message
    from antiphon.tools.tool import Tool

_HOME = {
    "AntiphonError": "errors",
    "Audio": "audio.wave",
    "AudioOut": "runtime.events",
    "CapacityError": "errors",
    "ConfigError": "errors",
    "End": "runtime.events",
    "Event": "runtime.events",
    "InputError": "errors",
    "Message": "text.chat",
    "Model": "runtime.model",
    "ProtocolError": "errors",
    "Session": "runtime.session",
    "Text": "runtime.events",
    "Think": "runtime.events",
    "Tool": "tools.tool",
    "ToolCall": "runtime.events",
    "ToolError": "errors",
    "ToolResult": "runtime.events",
    "WeightsError": "errors",
    "load": "runtime.model",
}

__all__ = [
    "AntiphonError",
    "Audio",
    "AudioOut",
    "CapacityError",
    "ConfigError",
    "End",
    "Event",
    "InputError",
    "Message",
    "Model",
    "ProtocolError",
    "Session",
    "Text",
    "Think",
    "Tool",
    "ToolCall",
    "ToolError",
    "ToolResult",
    "WeightsError",
    "load",
]

try:
    __version__ = version("antiphon")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0"


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'antiphon' has no attribute {name!r}")
    return getattr(import_module(f"antiphon.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
