"""`GET /v1/audio/voices`: who the server can speak as; `POST`: one more, by a form with a recording and a consent.

    audio_sample, or file    the recording
    name                     what to call it
    consent                  self, third_party, licensed or synthetic
    description, statement   how it sounds; the consent in words
"""

import asyncio
from dataclasses import dataclass

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import Response

from antiphon.errors import InputError
from antiphon.server.cast import Cast
from antiphon.server.protocol.refusal import INVALID_VALUE, MISSING, Refusal
from antiphon.server.replies import as_json, caller
from antiphon.voices.clips import LARGEST

FIELDS = ("name", "consent", "statement", "description")


@dataclass(frozen=True)
class Voices:
    """The endpoints."""

    cast: Cast

    async def show(self, request: Request) -> Response:
        """Which voices there are."""
        return as_json(await asyncio.to_thread(self.cast.cards))

    async def take(self, request: Request) -> Response:
        """One more."""
        try:
            form = await request.form(max_files=1, max_fields=16, max_part_size=1 << 16)
        except (MultiPartException, HTTPException, ValueError, KeyError):
            what = "The body is no form that can be read; send multipart/form-data with one recording."
            raise Refusal(what, code=INVALID_VALUE) from None
        async with request.form():
            fields, recording = _fields(form), await _recording(form)
        try:
            card = await asyncio.to_thread(self.cast.add, recording, fields, f"key {caller(request).name}"[:80])
        except InputError as error:
            raise Refusal(_without_paths(error), code=INVALID_VALUE, param="audio_sample") from None
        return as_json(card)


def _fields(form: FormData) -> dict[str, str]:
    return {name: value for name in FIELDS if isinstance(value := form.get(name), str)}


async def _recording(form: FormData) -> bytes:
    file = form.get("audio_sample") or form.get("file")
    if not isinstance(file, UploadFile):
        raise Refusal("There is no recording; send it as the file 'audio_sample'.", code=MISSING, param="audio_sample")
    return await file.read(LARGEST + 1)


def _without_paths(error: InputError) -> str:
    """What is wrong with a recording, without the name of our own temporary file."""
    return " ".join("the recording" if word.strip("'\"").endswith(".sound") else word for word in str(error).split())
