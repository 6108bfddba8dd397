"""How a server is run: where it listens, who may come, how much of anything it holds. Bounds are per process."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from antiphon.errors import ConfigError
from antiphon.server.keys import Key

ENGINES = ("local", "vllm")
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What may be set; every limit has a default under which one machine stays well."""

    host: str = "127.0.0.1"
    port: int = 8000
    keys: tuple[Key, ...] = ()
    origins: tuple[str, ...] = ()  # web pages of other servers that may come, as https://example.org
    max_body: int = 26 << 20  # bytes of a request: 25 MiB of sound and its form
    max_heard_s: float = 600.0  # seconds of one recording
    streams: int = 8  # replies that are generated at the same time; others wait for a place
    engine: str = "local"  # of ENGINES: who makes the tokens
    engine_options: Mapping[str, Any] = field(default_factory=dict)  # for vLLM's `AsyncEngineArgs`
    deterministic: bool = True  # a reply is the same in any company, to the bit; without it a busy server works less
    apart: bool = False  # sound is made in a process of its own, on another core
    max_requests: int = 8  # requests worked on at the same time
    max_sessions: int = 16  # open sockets
    sessions_per_key: int = 8
    requests_per_minute: int = 600  # of one key
    audio_ttl_s: float = 3600.0  # how long a reply aloud may be named by its id
    receive_timeout_s: float = 30.0  # without a byte of a request's body
    send_timeout_s: float = 20.0  # for a reader that reads nothing
    voices: Path | None = None  # a library of voices to speak with, beside the model's own
    trace: Path | None = None  # a file for every id that is generated in a session
    drain_s: float = 20.0  # for what is being said when the process is told to end

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise ConfigError(f"the engine {self.engine!r} was asked for; choose {' or '.join(ENGINES)}.")
        if self.engine == "local" and self.engine_options:
            names = ", ".join(self.engine_options)
            raise ConfigError(f"options for vLLM ({names}) were given; give --engine vllm, too, or leave them out.")
        if self.host not in LOOPBACK and not self.keys:
            raise ConfigError(
                f"the address {self.host} is open to others and no key is set; give --api-key or ANTIPHON_API_KEY,"
                " or listen on 127.0.0.1."
            )

    @property
    def is_open(self) -> bool:
        """Nobody needs a key: only this machine can come."""
        return not self.keys
