"""`POST /v1/audio/speech`: a text read aloud.

`speed` is that of the sound (`runtime/pace.py`): the model reads at its own. `instructions` are taken and have no
effect: the released prompts for reading aloud have no place for them.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace

import torch
from starlette.requests import Request
from starlette.responses import Response
from torch import Tensor

from antiphon.audio.wave import Audio
from antiphon.errors import InputError
from antiphon.rates import SPOKEN_HZ
from antiphon.runtime.events import AudioOut
from antiphon.server.live_settings import check_speed
from antiphon.server.one_turn import Reached, one_turn
from antiphon.server.protocol.audio_http import (
    SpeechDelta,
    SpeechDone,
    SpeechRequest,
    TokenUsage,
    read_speech,
    sse,
)
from antiphon.server.replies import as_stream, caller, while_there
from antiphon.server.service import Service
from antiphon.server.sound import TYPES, wave_head, write_sound


@dataclass(frozen=True)
class Speech:
    """The endpoints."""

    service: Service

    async def answer(self, request: Request) -> Response:
        """One request; PCM and WAV leave while they are made."""
        asked = read_speech(await request.body(), self.service.settings.max_body)
        owner = caller(request).name
        if asked.stream_format == "sse":
            return await as_stream(self._events(asked, owner), "text/event-stream")
        if asked.response_format in ("pcm", "wav"):
            return await as_stream(self._bytes(asked, owner), TYPES[asked.response_format])
        body = await while_there(request, self._file(asked, owner))
        return Response(body, media_type=TYPES[asked.response_format])

    async def _said(self, asked: SpeechRequest, owner: str) -> AsyncGenerator[Tensor | Reached, None]:
        """Sound as it comes, then the end."""
        service = self.service
        if not asked.input.strip():
            raise InputError("there is no text to speak; give at least a word.")
        if not service.model.speaks:
            raise InputError(f"{service.model.name} answers in text only; ask for text.")
        check_speed(asked.speed, "speed")
        with service.requests.place(owner), service.metrics.running.track_inprogress():
            name = asked.voice if isinstance(asked.voice, str) else asked.voice.id
            voice = await asyncio.to_thread(service.cast.find, name)
            mind = service.open_mind()
            request = replace(mind.dialect.reading(asked.input, voice), speed=asked.speed)
            async with aclosing(one_turn(mind, [], lambda _: request)) as events:
                async for event in events:
                    if isinstance(event, AudioOut):
                        service.metrics.spoken_seconds.inc(event.duration_s)
                        yield event.samples
                    elif isinstance(event, Reached):
                        service.metrics.reply_tokens.inc(len(event.utterance.ids))
                        yield event

    async def _bytes(self, asked: SpeechRequest, owner: str) -> AsyncGenerator[bytes, None]:
        if asked.response_format == "wav":
            head = wave_head(SPOKEN_HZ)
        else:
            head = b""
        async with aclosing(self._said(asked, owner)) as said:
            async for part in said:
                if isinstance(part, Tensor):
                    yield head + Audio(part[None], SPOKEN_HZ).to_pcm16()
                    head = b""

    async def _events(self, asked: SpeechRequest, owner: str) -> AsyncGenerator[str, None]:
        """Server-sent events; of a form that cannot be cut, the whole file is one."""
        whole, form = list[Tensor](), asked.response_format
        async with aclosing(self._said(asked, owner)) as said:
            async for part in said:
                if isinstance(part, Reached):
                    if form != "pcm":
                        yield sse(SpeechDelta(audio=await self._written(whole, form)))
                    yield sse(SpeechDone(usage=_usage(part)))
                elif form == "pcm":
                    yield sse(SpeechDelta(audio=Audio(part[None], SPOKEN_HZ).to_pcm16()))
                else:
                    whole.append(part)

    async def _file(self, asked: SpeechRequest, owner: str) -> bytes:
        async with aclosing(self._said(asked, owner)) as said:
            whole = [part async for part in said if isinstance(part, Tensor)]
        return await self._written(whole, asked.response_format)

    async def _written(self, parts: list[Tensor], form: str) -> bytes:
        whole = Audio(torch.cat([torch.zeros(0), *parts])[None], SPOKEN_HZ)
        return await asyncio.to_thread(write_sound, whole, form)


def _usage(reached: Reached) -> TokenUsage:
    read, written = reached.prompt_tokens, len(reached.utterance.ids)
    return TokenUsage(input_tokens=read, output_tokens=written, total_tokens=read + written)
