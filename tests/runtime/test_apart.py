"""Sound made in a process of its own: the same bytes in any company, and a process that ends harms only itself."""

import asyncio
import os
import random
import signal
import socket
import time
from collections.abc import Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from antiphon.audio.wave import Audio
from antiphon.errors import CapacityError, InputError
from antiphon.runtime.apart import ApartVoices, can_be_apart
from antiphon.runtime.batch import Bucket
from antiphon.runtime.engine import Mouth, Voices
from antiphon.runtime.loaded import KEPT_VOICES
from antiphon.runtime.local import LocalEngine
from antiphon.runtime.model import Model, load
from antiphon.runtime.speech import render
from antiphon.runtime.worker import num_cores
from tests.runtime.conftest import noise

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a line is handed on as posix does it")
CODES = [random.Random(f"codes {n}").choices(range(700), k=length) for n, length in enumerate((30, 7, 13, 0, 16, 20))]


@pytest.fixture(scope="module")
def voices(model: Model) -> Iterator[ApartVoices]:
    """Ended behind the tests, and the process with them."""
    made = ApartVoices(model)
    made.warm()
    yield made
    made.end()
    assert made._process is not None and made._process.process.poll() == 0 and made.cpu_s > 0


def run(talk: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(talk, 120))


async def all_of(mouth: Mouth) -> Tensor:
    waves = [wave async for wave in mouth]
    return torch.cat(waves) if waves else torch.zeros(0)


async def say(mouth: Mouth, codes: Sequence[int]) -> Tensor:
    """In pieces of any size."""
    heard, left, chance = asyncio.ensure_future(all_of(mouth)), list(codes), random.Random(len(codes))
    while left:
        num = chance.randint(1, 9)
        mouth.push(left[:num])
        del left[:num]
        await asyncio.sleep(0)
    mouth.finish()
    return await heard


def process_of(voices: ApartVoices) -> int:
    assert voices._process is not None
    return voices._process.process.pid


def as_here(model: Model, codes: Sequence[int], clip: Audio | None = None, seed: int = 0) -> Tensor:
    opened = model.opened(model.default_voice() if clip is None else clip, seed)
    assert model.voice is not None
    return render(model.voice, opened, codes)


def test_each_sounds_to_the_bit_as_here_in_more_voices_than_are_kept(model: Model, voices: ApartVoices) -> None:
    clips = [None, *(noise(0.5 + n / 20, seed=n, rate=24_000) for n in range(KEPT_VOICES + 1))]

    async def talk() -> None:
        assert isinstance(voices, Voices)
        mouths = [voices.utter(clip, 1) for clip in clips]
        assert all(isinstance(mouth, Mouth) for mouth in mouths)
        for sound, clip, codes in zip(await asyncio.gather(*map(say, mouths, CODES)), clips, CODES, strict=True):
            assert torch.equal(sound, as_here(model, codes, clip, 1))
        dropped = voices.utter(clips[0], 1)  # the first of so many is sent again
        assert torch.equal(await say(dropped, CODES[1]), as_here(model, CODES[1], clips[0], 1))

    run(talk())


def test_what_is_stopped_is_silent_and_others_speak_on(voices: ApartVoices, clip: Audio) -> None:
    async def talk() -> None:
        stopped, other = voices.utter(clip, 3), voices.utter(clip, 3)
        stopped.push(CODES[0])
        pieces = aiter(stopped)
        await anext(pieces)
        stopped.stop()
        short = voices.utter(noise(0.1, rate=24_000), 0)
        with pytest.raises(InputError, match=r"give 0\.5 to 15 s"):
            await say(short, CODES[1])
        assert [piece async for piece in pieces] == [] and len(await say(other, CODES[1]))

    run(talk())


def test_a_first_sound_is_held_back_there_too(voices: ApartVoices, clip: Audio) -> None:
    """How long a code takes is told with the codes: where the next chunk would be late, the first waits for it."""

    async def talk() -> None:
        mouth = voices.utter(clip, 3)
        mouth.push(CODES[0][:13])
        begun = time.monotonic()
        await anext(aiter(mouth))
        assert time.monotonic() - begun >= 0.3
        mouth.stop()

    known, voices.code_s = voices.code_s, lambda: 100.0
    try:
        run(talk())
    finally:
        voices.code_s = known


def test_a_process_that_is_gone_ends_what_it_said_and_the_next_utterance_has_another(
    model: Model, voices: ApartVoices
) -> None:
    async def talk(how: str) -> None:
        speaks, before, waits = voices.utter(None, 0), process_of(voices), voices.utter(None, 0)
        speaks.push(CODES[0])
        pieces = aiter(speaks)
        assert len(await anext(pieces))
        assert voices._process is not None
        child, line = voices._process.process, voices._process._line
        for ignored in (signal.SIGINT, signal.SIGTERM):  # they are for the server, which finishes what it says
            os.kill(before, ignored)
        if how == "killed":
            os.kill(before, signal.SIGKILL)
        else:  # what it sees when the server is killed
            with socket.socket(fileno=os.dup(line.fileno())) as end:
                end.shutdown(socket.SHUT_RDWR)
        with pytest.raises(CapacityError, match="has ended; ask again"):
            while True:
                await anext(pieces)
        with pytest.raises(CapacityError, match="has ended; ask again"):
            await say(waits, CODES[1])
        assert torch.equal(await say(voices.utter(None, 0), CODES[1]), as_here(model, CODES[1]))
        assert process_of(voices) != before
        assert await asyncio.to_thread(child.wait, 30) == (-signal.SIGKILL if how == "killed" else 0)

    run(talk("killed"))
    run(talk("cut off"))


def test_it_is_told_how_long_a_code_takes(nano: Path) -> None:
    model = load(nano)
    engine = LocalEngine(model, Bucket(streams=1, places=4, slots=1, capacity=64))
    engine.batch.step_s = 0.01
    voices = ApartVoices(model, engine=engine)
    assert voices.code_s() == pytest.approx(0.0125)  # one token of text to four of sound

    async def close() -> None:
        await voices.close()
        await engine.close()
        with pytest.raises(InputError, match="closed"):
            voices.utter()

    run(close())


def test_where_sound_is_apart() -> None:
    assert not can_be_apart("cuda") and can_be_apart("cpu") == (num_cores() > 1)
