"""Many utterances at once: each sounds as it does alone, nobody waits for long, and silence is silence."""

import asyncio
import math
import random
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from antiphon.audio.wave import Audio
from antiphon.errors import InputError
from antiphon.rates import SAMPLES_PER_CODE, SPOKEN_HZ
from antiphon.runtime import mouths
from antiphon.runtime.batch import Bucket
from antiphon.runtime.engine import Mouth, Request, Token, Voices
from antiphon.runtime.local import LocalEngine
from antiphon.runtime.model import Model, load
from antiphon.runtime.mouths import FIRST, LocalVoices, _Speaking, next_up
from antiphon.runtime.sample import Sampling
from antiphon.runtime.speech import render
from antiphon.runtime.worker import Worker
from antiphon.text.chat import Message, encode
from tests.runtime.conftest import noise

Said: TypeAlias = tuple[tuple[int, ...], Tensor]
CODES = [random.Random(f"codes {n}").choices(range(700), k=length) for n, length in enumerate((48, 7, 30, 40))]


async def all_of(mouth: Mouth) -> Tensor:
    waves = [wave async for wave in mouth]
    return torch.cat(waves) if waves else torch.zeros(0)


async def say(mouths: Sequence[Mouth], codes: Sequence[Sequence[int]]) -> list[Tensor]:
    """Everybody says something, a few codes of each in turn."""
    chance, heard = random.Random("turns"), [asyncio.ensure_future(all_of(mouth)) for mouth in mouths]
    left = [list(own) for own in codes]
    while any(left):
        for mouth, own in zip(mouths, left, strict=True):
            num = chance.randint(0, 9)
            mouth.push(own[:num])
            del own[:num]
        await asyncio.sleep(0)
    for mouth in mouths:
        mouth.finish()
    return await asyncio.gather(*heard)


def test_each_sounds_to_the_bit_as_alone(model: Model, clip: Audio) -> None:
    async def talk() -> list[Tensor]:
        voices = LocalVoices(model)
        assert isinstance(voices, Voices) and isinstance(voices.utter(clip, 3), Mouth)
        sounds = await say([voices.utter(clip, 3) for _ in CODES], CODES)
        await voices.close()
        return sounds

    assert model.voice is not None
    for sound, codes in zip(asyncio.run(talk()), CODES, strict=True):
        assert torch.equal(sound, render(model.voice, model.opened(clip, 3), codes))


def test_together_they_sound_the_same_within_rounding(model: Model, clip: Audio) -> None:
    together: list[int] = []

    async def talk() -> list[Tensor]:
        voices = LocalVoices(model, together=3)
        rendered, gate = voices._render, threading.Event()
        voices._render = lambda group: (together.append(len(group)), rendered(group))[1]  # type: ignore[method-assign]
        voices.post(lambda: gate.wait() and None)  # until everything is there to be said
        speaking = [voices.utter(clip, 3) for _ in CODES]
        for mouth, codes in zip(speaking, CODES, strict=True):
            mouth.push(codes)
            mouth.finish()
        gate.set()
        sounds = await asyncio.gather(*map(all_of, speaking))
        await voices.close()
        return sounds

    assert model.voice is not None
    for sound, codes in zip(asyncio.run(talk()), CODES, strict=True):
        assert len(sound) == len(codes) * SAMPLES_PER_CODE
        torch.testing.assert_close(sound, render(model.voice, model.opened(clip, 3), codes), atol=1e-3, rtol=1e-3)
    assert max(together) > 1


def test_who_is_stopped_is_silent_and_the_others_go_on(model: Model, clip: Audio) -> None:
    async def talk() -> tuple[int, Tensor, float]:
        voices = LocalVoices(model)
        cut, kept = voices.utter(clip, 3), voices.utter(clip, 3)
        cut.push(CODES[0] * 4)
        pieces = 0
        async for _ in cut:
            pieces += 1
            cut.stop()
        cut.push(CODES[0])
        cut.finish()
        kept.push(CODES[2])
        kept.finish()
        sound = await all_of(kept)
        rendered = voices.rendered_s
        await voices.close()
        return pieces, sound, rendered

    pieces, sound, rendered_s = asyncio.run(talk())
    assert pieces == 1 and len(sound) == len(CODES[2]) * SAMPLES_PER_CODE
    assert rendered_s < 0.5 * (len(CODES[0]) * 4 + len(CODES[2])) / 25  # what nobody wants is not made


def test_an_error_is_that_of_one_utterance(model: Model, clip: Audio) -> None:
    async def talk() -> Tensor:
        voices = LocalVoices(model)
        odd, good, short = voices.utter(clip, 3), voices.utter(clip, 3), voices.utter(noise(0.2), 3)
        odd.push([10_000] * 13)
        good.push(CODES[1])
        good.finish()
        with pytest.raises(InputError, match="speech code of 10000"):
            await all_of(odd)
        with pytest.raises(InputError, match="recording of the voice"):
            await all_of(short)
        sound = await all_of(good)
        await voices.close()
        with pytest.raises(InputError, match="closed"):
            voices.utter(clip)
        return sound

    assert len(asyncio.run(talk())) == len(CODES[1]) * SAMPLES_PER_CODE


Wait: TypeAlias = tuple[float, bool, bool]  # when the listener runs dry, in seconds; whether it has sounded; is ready


def waiting(waits: Sequence[Wait]) -> list[_Speaking]:
    """Utterances at such points, an opened one each."""

    def unopened() -> None:
        raise AssertionError

    speaking = list[_Speaking]()
    for due, has_sounded, is_ready in waits:
        one = _Speaking(unopened, lambda _: None, due, has_sounded=has_sounded)  # type: ignore[arg-type]
        one.utterer, one.is_ending = object(), is_ready  # type: ignore[assignment]
        speaking.append(one)
    return speaking


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 9), st.booleans(), st.booleans()), max_size=6))
def test_who_can_wait_least_is_next(waits: list[Wait]) -> None:
    """Who speaks and would be torn; then first sounds, in the order in which they were begun; then who speaks."""
    unit_s, speaking = 0.1, waiting(waits)
    found = next_up(speaking, unit_s, 0.0)
    ready = [one for one in speaking if one.is_ending]
    assert (found is None) == (not ready)
    if found is None:
        return
    chosen, patience = found
    needed = unit_s * (1 + sum(one.has_sounded for one in ready))
    torn = [one for one in ready if one.has_sounded and one.due - needed < FIRST]
    silent = [one for one in ready if not one.has_sounded]
    group = torn or silent or ready
    assert chosen.due == min(one.due for one in group)
    assert (patience <= FIRST) == bool(torn or silent)


def test_who_has_long_run_dry_does_not_push_others_aside() -> None:
    torn, first = waiting([(-9.0, True, True), (0.0, False, True)])
    assert next_up([torn], 0.1, 0.0) == (torn, 0.0)
    found = next_up([torn, first], 0.1, 0.0)
    assert found is not None and found[0] is first


def test_tokens_hurry_for_who_speaks_and_would_run_dry(model: Model, clip: Audio) -> None:
    async def talk() -> tuple[float, float, float]:
        worker = Worker("test")
        engine = LocalEngine(model, Bucket(streams=1, places=4, slots=1, capacity=64), worker=worker)
        voices = LocalVoices(model, worker=worker, engine=engine)
        before = engine.hunger()
        mouth = voices.utter(clip, 3)
        mouth.push(CODES[0][:13])
        sounds = aiter(mouth)
        first = await anext(sounds)
        speaking_s = engine.hunger()
        mouth.stop()
        await worker.run(lambda: None)
        after = engine.hunger()
        await voices.close()
        await engine.close()
        worker.close()
        assert speaking_s < len(first) / SPOKEN_HZ
        return before, speaking_s, after

    before, speaking_s, after = asyncio.run(talk())
    assert before == after == math.inf and speaking_s < math.inf


def test_a_first_sound_is_held_back_until_the_next_is_sure(
    model: Model, clip: Audio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a chunk takes longer than the first lasts, the first comes with the second."""

    async def talk(unit_s: float) -> tuple[float, bool]:
        worker = Worker("test")
        engine = LocalEngine(model, Bucket(streams=1, places=4, slots=1, capacity=64), worker=worker)
        voices = LocalVoices(model, worker=worker, engine=engine if unit_s else None)
        voices.unit_s = unit_s
        mouth = voices.utter(clip, 3)
        mouth.push(CODES[0])
        mouth.finish()
        sounds = aiter(mouth)
        await anext(sounds)
        held = mouth._speaking.lead_s, mouth._has_more.is_set()
        mouth.stop()
        await voices.close()
        await engine.close()
        worker.close()
        return held

    monkeypatch.setattr(mouths, "LONGEST_LEAD_S", 60.0)
    assert asyncio.run(talk(0.0))[0] == 0.0  # who does not know how long tokens take holds nothing back
    lead_s, has_more = asyncio.run(talk(100.0))
    assert lead_s == 60.0 and has_more


def test_conversations_of_nano_sound_to_the_bit_as_alone(nano: Path) -> None:
    model = load(nano)
    layout = model.parts.layout

    async def talk(engine: LocalEngine, voices: LocalVoices, question: str, seed: int) -> Said:
        messages = [*model.session().messages, Message("human", question)]
        prompt = encode(model.variant.render(messages, "speech"), model.parts.tokenizer, layout)
        sampling, ids = Sampling(temperature=0.7, top_p=0.9, seed=seed), list[int]()
        mouth = voices.utter(None, 0)
        heard = asyncio.ensure_future(all_of(mouth))
        request = Request(id=question, prompt=prompt, max_tokens=30, stop_ids=model.stop_ids, sampling=sampling)
        async for step in engine.generate(request):
            if isinstance(step, Token):
                ids.append(step.id)
                code = step.id - layout.first_audio
                mouth.push([code] if 0 <= code < layout.num_codes else [])
        mouth.finish()
        return tuple(ids), await heard

    async def talks(*questions: str) -> list[Said]:
        engine = LocalEngine(model, Bucket(streams=3, places=8, slots=4, capacity=128))
        voices = LocalVoices(model)
        found = await asyncio.gather(*[talk(engine, voices, q, n) for n, q in enumerate(questions)])
        await engine.close()
        await voices.close()
        return found

    questions = ("what is the capital of france?", "what is two plus three?")
    together = asyncio.run(talks(*questions))
    ids, sound = asyncio.run(talks(questions[0]))[0]
    assert len(sound) >= 10 * SAMPLES_PER_CODE and together[0][0] == ids and torch.equal(together[0][1], sound)
    assert together[1][0] != ids
