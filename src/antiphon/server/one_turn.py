"""One turn of the model for one request, on the engines that sessions speak on: events, and what they came to.

    recordings ── EngineMind.listen ──> Request ── EngineMind.say ──> Text · AudioOut · ToolCall ...  Reached

Whoever stops taking events ends the turn: nothing more is generated or rendered of it. What the engines raise is raised
here: a full queue, a prompt beyond the context, a thread that broke down.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass

from antiphon.audio.wave import Audio
from antiphon.runtime.engine_mind import EngineMind
from antiphon.runtime.events import AudioOut, Timings, Utterance
from antiphon.runtime.mind import Progress, Request
from antiphon.runtime.rounds import audio_tokens
from antiphon.runtime.turn import Watch, remembered
from antiphon.text.chat import AudioItem, Message
from antiphon.text.parse import Text, Think
from antiphon.text.toolcall import ToolCall

Said = Text | AudioOut | Think | ToolCall


@dataclass(frozen=True)
class Reached:
    """The end of a turn: what was said, how the history holds it, what it cost."""

    utterance: Utterance
    remembered: Message
    prompt_tokens: int
    heard_tokens: int  # those of sound, among the prompt's
    timings: Timings


async def one_turn(
    mind: EngineMind, sounds: Sequence[Audio], ask: Callable[[Sequence[AudioItem]], Request]
) -> AsyncGenerator[Said | Reached, None]:
    """The events of one reply, as they come: the recordings are heard, and `ask` says what is asked with them.

    `mind` is that of this turn alone, and is closed with it. Raises what the engines and `ask` raise.
    """
    watch, work = Watch(), None
    try:
        request = ask([await mind.listen(sound) for sound in sounds])
        news: asyncio.Queue[Progress | None] = asyncio.Queue()
        work = asyncio.ensure_future(mind.say(request, news.put_nowait))
        work.add_done_callback(lambda _: news.put_nowait(None))
        while (progress := await news.get()) is not None:
            watch.tick()
            if progress.event is not None:
                yield watch.sound(progress.event) if isinstance(progress.event, AudioOut) else progress.event
        finished = await work
    finally:
        if work is not None:
            work.cancel()
        mind.close()
    assert finished.utterance is not None, "what failed has been raised"
    said, cost = finished.utterance, finished.prompt_tokens
    yield Reached(said, remembered(said, request.form, mind.dialect.layout), cost, audio_tokens(request), watch.read())
