"""`POST /v1/chat/completions`: a conversation in, its next turn out, written or aloud, whole or in pieces."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial

import torch
from starlette.requests import Request
from starlette.responses import Response
from torch import Tensor

from antiphon.audio.wave import Audio
from antiphon.rates import SPOKEN_HZ
from antiphon.runtime.events import AudioOut
from antiphon.server.chat_messages import KeptReplies, Wish, asked_of, read_wish, sounds_of
from antiphon.server.guard import refused
from antiphon.server.one_turn import Reached, Said, one_turn
from antiphon.server.protocol.audio_http import SSE_DONE, sse
from antiphon.server.protocol.chat import (
    Answered,
    AudioPiece,
    CalledFunction,
    CalledTool,
    CallPiece,
    CallPieceFunction,
    ChatRequest,
    ChatUsage,
    Choice,
    Chunk,
    ChunkChoice,
    Completion,
    CompletionTokens,
    Delta,
    Finish,
    PromptTokens,
    Reply,
    ReplyAudio,
    TtsContent,
    read_chat,
)
from antiphon.server.protocol.refusal import INVALID_VALUE, Refusal, http_error
from antiphon.server.replies import as_json, as_stream, caller, while_there
from antiphon.server.service import Service
from antiphon.server.sound import read_sound, write_sound
from antiphon.text.parse import Text
from antiphon.text.toolcall import ToolCall


@dataclass
class _Growing:
    """A reply as it grows."""

    words: str = ""
    sound: list[Tensor] = field(default_factory=list)
    calls: list[CalledTool] = field(default_factory=list)

    @property
    def audio(self) -> Audio:
        """All of its sound."""
        return Audio(torch.cat([torch.zeros(0), *self.sound])[None], SPOKEN_HZ)


@dataclass(frozen=True)
class Completions:
    """The endpoint."""

    service: Service

    async def answer(self, request: Request) -> Response:
        """One request."""
        asked = read_chat(await request.body(), self.service.settings.max_body)
        wish = self._wish(asked)
        owner = caller(request).name
        kept = self._kept(asked, owner)
        if not asked.stream:
            return as_json(await while_there(request, self._whole(asked, wish, owner, kept)))
        return await as_stream(self._pieces(asked, wish, owner, kept), "text/event-stream")

    def _wish(self, asked: ChatRequest) -> Wish:
        model = self.service.model
        wish = read_wish(asked, model.variant)
        if wish.is_spoken and not model.speaks:
            what = f"{model.name} answers in text only; leave 'audio' out."
            raise Refusal(what, code=INVALID_VALUE, param="modalities")
        if not set(asked.stop_token_ids) <= model.stop_ids:
            what = f"A reply of {model.name} ends at the ids {sorted(model.stop_ids)} alone; leave others out."
            raise Refusal(what, code=INVALID_VALUE, param="stop_token_ids")
        return wish

    def _kept(self, asked: ChatRequest, owner: str) -> KeptReplies:
        named = [(at, m.audio.id) for at, m in enumerate(asked.messages) if isinstance(m, Answered) and m.audio]
        get = partial(self.service.kept.get, owner, now=time.time())
        return {audio_id: get(audio_id, param=f"messages[{at}].audio.id") for at, audio_id in named}

    async def _events(self, wish: Wish, owner: str, kept: KeptReplies) -> AsyncGenerator[Said | Reached, None]:
        """The model's events, within the bounds of what runs at the same time."""
        service = self.service
        with service.requests.place(owner), service.metrics.running.track_inprogress():
            longest = service.settings.max_heard_s
            given = [(data, longest, param) for param, data in sounds_of(wish.said)]
            sounds = [await asyncio.to_thread(read_sound, *one) for one in given]
            service.metrics.heard_seconds.inc(sum(sound.duration_s for sound in sounds))
            ask = partial(asked_of, wish, service.model.variant, kept)
            async with aclosing(one_turn(service.open_mind(), sounds, ask)) as events:
                async for event in events:
                    if isinstance(event, Reached):
                        self._count(event)
                    yield event

    def _count(self, reached: Reached) -> None:
        metrics, timings = self.service.metrics, reached.timings
        metrics.prompt_tokens.inc(reached.prompt_tokens)
        metrics.reply_tokens.inc(len(reached.utterance.ids))
        metrics.first_token.observe(timings.first_token_s)
        metrics.spoken_seconds.inc(timings.audio_s)
        if timings.first_audio_s is not None:
            metrics.first_audio.observe(timings.first_audio_s)
            metrics.real_time.observe(timings.wall_s / max(timings.audio_s, 1e-3))

    def _call(self, event: ToolCall) -> CalledTool:
        function = CalledFunction(name=event.name, arguments=event.arguments)
        return CalledTool(id=self.service.ids.call(), function=function)

    def _keep(self, owner: str, audio_id: str, reached: Reached) -> int:
        return self.service.kept.put(owner, audio_id, reached.remembered, time.time())

    # --- whole ---------------------------------------------------------------------------------------------------

    async def _whole(self, asked: ChatRequest, wish: Wish, owner: str, kept: KeptReplies) -> Completion:
        said = _Growing()
        async for event in self._events(wish, owner, kept):
            if isinstance(event, Text):
                said.words += event.text
            elif isinstance(event, AudioOut):
                said.sound.append(event.samples)
            elif isinstance(event, ToolCall):
                said.calls.append(self._call(event))
            elif isinstance(event, Reached):
                reached = event
        audio = None
        if asked.audio is not None and asked.is_spoken and said.sound:
            audio_id = self.service.ids.audio()
            audio = ReplyAudio(
                id=audio_id,
                data=await asyncio.to_thread(write_sound, said.audio, asked.audio.format),
                expires_at=self._keep(owner, audio_id, reached),
                transcript=said.words,
            )
        message = Reply(
            content=None if audio or not said.words else said.words,
            audio=audio,
            tool_calls=tuple(said.calls) or None,
            tts_content=_tts_content(reached),
        )
        return Completion(
            id=self.service.ids.completion(),
            created=int(time.time()),
            model=self.service.model.name,
            choices=(Choice(message=message, finish_reason=_finish(reached)),),
            usage=_usage(reached),
        )

    # --- in pieces -----------------------------------------------------------------------------------------------

    async def _pieces(self, asked: ChatRequest, wish: Wish, owner: str, kept: KeptReplies) -> AsyncGenerator[str, None]:
        """The reply as server-sent events; an error under way is one of them."""
        piece = _Pieces(self.service.ids.completion(), self.service.model.name)
        audio_id = self.service.ids.audio() if asked.is_spoken else None
        has_begun, num_calls = False, 0
        try:
            async with aclosing(self._events(wish, owner, kept)) as events:
                async for event in events:
                    if not has_begun:
                        has_begun = True
                        yield piece.begin(audio_id)
                    if isinstance(event, Reached):
                        if audio_id:
                            until = self._keep(owner, audio_id, event)
                            yield piece.delta(Delta(audio=AudioPiece(expires_at=until)))
                        yield piece.end(event, asked)
                    elif isinstance(event, ToolCall):
                        yield piece.call(num_calls, self._call(event))
                        num_calls += 1
                    elif (delta := _delta(event, asked.is_spoken)) is not None:
                        yield piece.delta(delta)
            yield SSE_DONE
        except Exception as error:
            if not has_begun:
                raise  # nothing was sent: it becomes an error body
            yield sse(http_error(refused(error)))


@dataclass(frozen=True)
class _Pieces:
    """The chunks of one stream."""

    id: str
    model: str
    created: int = field(default_factory=lambda: int(time.time()))

    def delta(self, delta: Delta, finish: Finish | None = None) -> str:
        return self._chunk((ChunkChoice(delta=delta, finish_reason=finish),))

    def begin(self, audio_id: str | None) -> str:
        """Who speaks and, if aloud, under which id."""
        audio = None if audio_id is None else AudioPiece(id=audio_id, transcript="")
        return self.delta(Delta(role="assistant", content="" if audio is None else None, audio=audio))

    def end(self, reached: Reached, asked: ChatRequest) -> str:
        """Why it ended and, if it is wanted, what it cost."""
        woven = None if asked.is_spoken else _tts_content(reached)
        last = self.delta(Delta(tts_content=woven), _finish(reached))
        return last + (self._chunk((), _usage(reached)) if asked.stream_options.include_usage else "")

    def call(self, index: int, call: CalledTool) -> str:
        function = CallPieceFunction(name=call.function.name, arguments=call.function.arguments)
        return self.delta(Delta(tool_calls=(CallPiece(index=index, id=call.id, type="function", function=function),)))

    def _chunk(self, choices: tuple[ChunkChoice, ...], usage: ChatUsage | None = None) -> str:
        return sse(Chunk(id=self.id, created=self.created, model=self.model, choices=choices, usage=usage))


def _delta(event: Said, is_spoken: bool) -> Delta | None:
    """What is sent of a word or of some sound; None for what is not for the client."""
    if isinstance(event, Text):
        return Delta(audio=AudioPiece(transcript=event.text)) if is_spoken else Delta(content=event.text)
    if isinstance(event, AudioOut) and is_spoken:
        return Delta(audio=AudioPiece(data=Audio(event.samples[None], event.rate).to_pcm16()))
    return None


def _finish(reached: Reached) -> Finish:
    if not reached.utterance.stopped:
        return "length"
    return "tool_calls" if reached.utterance.calls else "stop"


def _usage(reached: Reached) -> ChatUsage:
    read, written = reached.prompt_tokens, len(reached.utterance.ids)
    return ChatUsage(
        prompt_tokens=read,
        completion_tokens=written,
        total_tokens=read + written,
        prompt_tokens_details=PromptTokens(audio_tokens=reached.heard_tokens),
        completion_tokens_details=CompletionTokens(audio_tokens=len(reached.utterance.codes)),
    )


def _tts_content(reached: Reached) -> TtsContent | None:
    """The reply as the released serving back end tells it: its words, and its codes by their names."""
    codes = reached.utterance.codes
    if not codes:
        return None
    return TtsContent(tts_text=reached.utterance.text, tts_audio="".join(f"<audio_{code}>" for code in codes))
