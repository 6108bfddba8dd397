"""antiphon as an MCP server: other agents transcribe, speak, translate and look for voices through it.

Recordings are named by their place below one folder, and what is spoken is written there under a name of our own: an
agent reaches nothing else. The model does one thing at a time.
"""

import secrets
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from antiphon.audio.wave import Audio
from antiphon.errors import AntiphonError, ConfigError, InputError
from antiphon.rates import SPOKEN_HZ
from antiphon.runtime.events import AudioOut, Event
from antiphon.voices.library import Library

ENDINGS = (".wav", ".flac", ".ogg", ".mp3", ".opus")
MOST_BYTES = 64 << 20
LONGEST = 2000  # characters to speak


@runtime_checkable
class Able(Protocol):
    """What is asked of a model; `runtime.model.Model` is one."""

    def transcribe(self, audio: Audio) -> str: ...
    def translate(self, audio: Audio, to: str = "en") -> str: ...
    def speak(self, text: str, *, voice: Audio | str | Path | None = None) -> Iterator[Event]: ...


@dataclass
class Offered:
    """What is offered; each method is a tool. A sentence is all that goes wrong."""

    model: Able
    folder: Path
    library: Library | None = None
    _one: threading.Lock = field(default_factory=threading.Lock)

    def transcribe(self, recording: str) -> str:
        """Write down what is said in a recording below the served folder."""
        with self._one:
            return self.model.transcribe(self._sound(recording))

    def translate(self, recording: str, to: Literal["en", "zh", "ja"] = "en") -> str:
        """Translate what is said in a recording below the served folder."""
        with self._one:
            return self.model.translate(self._sound(recording), to)

    def speak(self, text: str, voice: str = "") -> dict[str, Any]:
        """Read a text aloud into a new recording; voice is the id of one that search_voices found."""
        if not 0 < len(text.strip()) <= LONGEST:
            raise InputError(f"the text has {len(text)} characters; give 1 to {LONGEST}.")
        import torch

        clip = Audio.read(self._library().clip_to_imitate(voice)) if voice else None
        with self._one:
            events = self.model.speak(text, voice=clip)
            waves = [event.samples for event in events if isinstance(event, AudioOut)]
        if not waves:
            raise InputError("the model said nothing; give other words.")
        sound = Audio(torch.cat(waves)[None], SPOKEN_HZ)
        name = f"spoken-{secrets.token_hex(8)}.wav"
        sound.write(self.folder / name)
        return {"recording": name, "seconds": round(sound.duration_s, 2)}

    def search_voices(self, query: str, count: int = 3) -> list[dict[str, Any]]:
        """Find voices of the library by words, English or Chinese."""
        found = self._library().search(query, (), count)
        return [{"voice": v.voice_id, "name": v.name, "score": round(v.score, 3), "consent": v.consent} for v in found]

    def _library(self) -> Library:
        if self.library is None:
            raise InputError("there is no library of voices here; make one with antiphon voices add.")
        return self.library

    def _sound(self, recording: str) -> Audio:
        root = self.folder.resolve()
        path = (root / recording.replace("\0", "?")).resolve()
        if not path.is_relative_to(root) or path.suffix.lower() not in ENDINGS or not path.is_file():
            raise InputError(f"there is no recording {recording[:80]!r} in the served folder; name one of its files.")
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"the recording {recording[:80]!r} is larger than {MOST_BYTES >> 20} MiB; cut it.")
        return Audio.read(path)


def make_server(offered: Offered) -> Any:
    """An `MCPServer` of the official SDK. Raises ConfigError where that is not installed."""
    try:
        from mcp.server import MCPServer
        from mcp.server.mcpserver.exceptions import ToolError
    except ImportError:
        raise ConfigError("an MCP server needs another library; run: pip install 'antiphon[mcp]'") from None

    def saying(method: Callable[..., Any]) -> Callable[..., Any]:
        from functools import wraps

        @wraps(method)
        def call(*args: Any, **named: Any) -> Any:
            try:
                return method(*args, **named)
            except AntiphonError as error:
                raise ToolError(" ".join(str(error).split())) from None

        return call

    server = MCPServer("antiphon", instructions="Speech in, speech out: recordings are files of one folder.")
    for method in (offered.transcribe, offered.translate, offered.speak, offered.search_voices):
        server.tool()(saying(method))
    return server
