"""A session's configuration, as the live conversation is held by it.

Names of models and voices are taken as they come and mean the one that is there. What has no effect: noise reduction,
tracing, stored prompts, reasoning; `tool_choice` beyond "none", for nothing can make the model call. What would change
what is heard and cannot be done is refused: another speed where FFmpeg is missing, tools of MCP servers that nobody
has set up here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from antiphon.errors import InputError
from antiphon.runtime import pace
from antiphon.runtime.dialogue import Manners
from antiphon.runtime.manner import How, Settings
from antiphon.runtime.semantic import SemanticVad
from antiphon.runtime.turns import ServerVad, TurnDetector
from antiphon.server.offering import narrowed
from antiphon.server.protocol.refusal import INVALID_VALUE, Refusal
from antiphon.server.protocol.session import (
    AudioInput,
    FunctionTool,
    RealtimeSession,
    ResponseConfig,
    Session,
    Tools,
)
from antiphon.server.protocol.session import SemanticVad as AskedSemanticVad
from antiphon.server.protocol.session import ServerVad as AskedVad
from antiphon.server.protocol.wire import write
from antiphon.tools.tool import Tool

MAX_TOKENS = 2048  # of one reply, where the client gives no bound
SHORTEST_SILENCE_MS = 64  # two frames of the detector
PAUSE_MS = 160


def live_settings(session: Session, own: Sequence[Tool] = ()) -> Settings:
    """How the conversation is held from now on; `own`: the tools that run here.

    Raises:
        Refusal: something that cannot be done.
    """
    heard = session.audio.input
    is_talk = isinstance(session, RealtimeSession)
    how = how_of(session, own=own) if isinstance(session, RealtimeSession) else How(form="text")
    return Settings(
        how=how,
        manners=_manners(heard, is_talk),
        detector=_detector(heard),
        transcribe=heard.transcription is not None or not is_talk,
    )


def how_of(session: RealtimeSession, wish: ResponseConfig | None = None, own: Sequence[Tool] = ()) -> How:
    """How one reply is made: as the session says, but for what the client wants otherwise this time."""
    wish = wish or ResponseConfig()
    check_speed(session.audio.output.speed, "session.audio.output.speed")
    tools, path = (session.tools, "session.tools") if wish.tools is None else (wish.tools, "response.tools")
    here = narrowed(own, tools, path)  # refused also where nothing may be called
    choice = session.tool_choice if wish.tool_choice is None else wish.tool_choice
    most = session.max_output_tokens if wish.max_output_tokens is None else wish.max_output_tokens
    modalities = session.output_modalities if wish.output_modalities is None else wish.output_modalities
    return How(
        system=wish.instructions or session.instructions or None,
        form="speech" if "audio" in modalities else "text",
        tools=() if choice == "none" else here,
        functions=() if choice == "none" else _functions(tools),
        max_tokens=MAX_TOKENS if most == "inf" else most,
        seed=session.seed or 0,
        speed=session.audio.output.speed,
    )


def check_speed(speed: float, param: str) -> None:
    """Raises Refusal for a speed that cannot be had here."""
    try:
        pace.check(speed)
    except InputError as error:
        raise Refusal(str(error), code=INVALID_VALUE, param=param) from None


def _functions(tools: Tools) -> tuple[Mapping[str, Any], ...]:
    functions = [write(tool) for tool in tools if isinstance(tool, FunctionTool)]
    return tuple({k: v for k, v in function.items() if k != "type"} for function in functions)


def _manners(heard: AudioInput, is_talk: bool) -> Manners:
    turns = heard.turn_detection
    if turns is None:
        return Manners(create_response=False, interrupt_response=False)
    return Manners(
        create_response=turns.create_response and is_talk,
        interrupt_response=turns.interrupt_response,
        idle_timeout_ms=turns.idle_timeout_ms if isinstance(turns, AskedVad) else None,
    )


def _detector(heard: AudioInput) -> TurnDetector[Any] | None:
    turns = heard.turn_detection
    if turns is None:
        return None
    if isinstance(turns, AskedSemanticVad):
        return SemanticVad(eagerness=turns.eagerness)
    silence = max(turns.silence_duration_ms, SHORTEST_SILENCE_MS)
    return ServerVad(
        threshold=turns.threshold,
        prefix_padding_ms=turns.prefix_padding_ms,
        silence_duration_ms=silence,
        pause_ms=min(PAUSE_MS, silence),
    )
