"""`POST /v1/audio/transcriptions` and `/translations`: what is said in a recording, in its language or in English.

`language`, `prompt` and `temperature` are taken and have no effect: the released prompts for these tasks have no place
for them. Times of words are refused, for the model gives none.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Literal

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from antiphon.audio.wave import Audio
from antiphon.runtime.tasks import LANGUAGE_TAG
from antiphon.server.one_turn import Reached, one_turn
from antiphon.server.protocol.audio_http import (
    SSE_DONE,
    DurationUsage,
    Transcript,
    TranscriptDelta,
    TranscriptDone,
    VerboseTranscript,
    read_transcription,
    read_translation,
    sse,
)
from antiphon.server.protocol.refusal import INVALID_VALUE, MISSING, Refusal
from antiphon.server.replies import as_json, as_stream, caller, while_there
from antiphon.server.service import Service
from antiphon.server.sound import read_sound
from antiphon.text.parse import Text

MOST_FIELDS = 64
MOST_FIELD = 1 << 20  # bytes of a field that is no file
TAG_LEN = 32  # letters within which a language tag has ended
Task = Literal["transcribe", "translate_en"]


@dataclass(frozen=True)
class Transcripts:
    """The endpoints."""

    service: Service

    async def transcribe(self, request: Request) -> Response:
        """What is said."""
        fields, data = await _form(request)
        asked = read_transcription(fields)
        audio = await self._heard(data)
        if asked.stream:
            return await as_stream(self._pieces(audio, caller(request).name), "text/event-stream")
        text = await while_there(request, self._text("transcribe", audio, caller(request).name))
        return _whole("transcribe", asked.response_format, text, audio, asked.language)

    async def translate(self, request: Request) -> Response:
        """What is said, in English."""
        fields, data = await _form(request)
        asked = read_translation(fields)
        audio = await self._heard(data)
        text = await while_there(request, self._text("translate_en", audio, caller(request).name))
        return _whole("translate", asked.response_format, text, audio, "english")

    async def _heard(self, data: bytes) -> Audio:
        audio = await asyncio.to_thread(read_sound, data, self.service.settings.max_heard_s, "file")
        self.service.metrics.heard_seconds.inc(audio.duration_s)
        return audio

    async def _words(self, task: Task, audio: Audio, owner: str) -> AsyncGenerator[str, None]:
        """The text as it comes; a tag of the language before it is left out."""
        service, head, is_open = self.service, "", True
        service.model.variant.learnt(task)  # refused before anything is heard
        with service.requests.place(owner), service.metrics.running.track_inprogress():
            mind = service.open_mind()
            async with aclosing(one_turn(mind, [audio], partial(mind.dialect.task, task))) as events:
                async for event in events:
                    if isinstance(event, Reached):
                        service.metrics.prompt_tokens.inc(event.prompt_tokens)
                        service.metrics.reply_tokens.inc(len(event.utterance.ids))
                    elif isinstance(event, Text) and is_open:
                        head += event.text
                        words = LANGUAGE_TAG.sub("", head).lstrip()
                        if words and (not words.startswith("<") or len(words) > TAG_LEN):
                            is_open = False
                            yield words
                    elif isinstance(event, Text):
                        yield event.text
        if is_open and head.strip():
            yield LANGUAGE_TAG.sub("", head).strip()

    async def _text(self, task: Task, audio: Audio, owner: str) -> str:
        return "".join([words async for words in self._words(task, audio, owner)]).strip()

    async def _pieces(self, audio: Audio, owner: str) -> AsyncGenerator[str, None]:
        whole = ""
        async for words in self._words("transcribe", audio, owner):
            whole += words
            yield sse(TranscriptDelta(delta=words))
        yield sse(TranscriptDone(text=whole.strip())) + SSE_DONE


async def _form(request: Request) -> tuple[Mapping[str, Sequence[str]], bytes]:
    """The text fields of a form, and the bytes of its file.

    Raises:
        Refusal: no form, no file, too many fields.
    """
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise Refusal("The body is no multipart/form-data; send the recording as its field 'file'.", code=INVALID_VALUE)
    try:
        form = await request.form(max_files=1, max_fields=MOST_FIELDS, max_part_size=MOST_FIELD)
    except (MultiPartException, HTTPException, ValueError, KeyError):
        raise Refusal("The form cannot be read; send one file and a few fields.", code=INVALID_VALUE) from None
    async with request.form():
        return _fields(form), await _file(form)


def _fields(form: FormData) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for name, value in form.multi_items():
        if isinstance(value, str):
            fields.setdefault(name, []).append(value)
        elif name != "file":
            what = f"The field {name[:60]!r} is a file; only 'file' is one."
            raise Refusal(what, code=INVALID_VALUE, param=name[:60])
    return fields


async def _file(form: FormData) -> bytes:
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise Refusal("There is no recording; send it as the file 'file'.", code=MISSING, param="file")
    return await file.read()


def _whole(
    task: Literal["transcribe", "translate"], form: str, text: str, audio: Audio, language: str | None
) -> Response:
    usage = DurationUsage(seconds=round(audio.duration_s, 3))
    if form == "text":
        return PlainTextResponse(text + "\n")
    if form == "verbose_json":
        named = language or "english"
        seconds = audio.duration_s
        return as_json(VerboseTranscript(task=task, language=named, duration=seconds, text=text, usage=usage))
    return as_json(Transcript(text=text, usage=usage if task == "transcribe" else None))
