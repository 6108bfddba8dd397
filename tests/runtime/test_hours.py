"""Hours of talk on a virtual clock: what is remembered is bounded, and so is what the model keeps of the sound."""

import asyncio
import gc
from types import FunctionType, ModuleType

import torch

from antiphon.runtime import dialect
from antiphon.runtime import live_events as told
from antiphon.runtime.batch import Bucket
from antiphon.runtime.context import Retention
from antiphon.runtime.dialogue import Manners
from antiphon.runtime.engine_mind import EngineMind
from antiphon.runtime.history import Heard
from antiphon.runtime.local import LocalEngine
from antiphon.runtime.manner import Settings
from antiphon.runtime.mind import Finished, Request, Told
from antiphon.runtime.model import Model
from antiphon.text.chat import AudioItem, Message
from tests.runtime.conftest import noise
from tests.runtime.stage import SPOKEN, Stage

TURN_S, REST_MS = 50, 30_000
MANUAL = Settings(detector=None, manners=Manners(create_response=False), retention=Retention(budget=2_500))


def say(stage: Stage, number: int) -> None:
    """One turn of the user, and the reply to it."""
    for second in range(TURN_S):
        stage.live.hear(torch.full((16_000,), 1e-4 * number + 1e-7 * second))
    stage.live.commit()
    stage.live.respond()
    stage.wait(REST_MS)
    stage.client.events, stage.client.times, stage.client.sounds = [], [], []  # a client's memory is its own affair
    stage.mind.asked, stage.mind.encoded = [], []


def held(root: object) -> tuple[int, int]:
    """Objects that hang on one, and bytes of their tensors; what others of the process make does not count."""
    dialect._size.cache_clear()
    gc.collect()
    found, waiting = {id(root): root}, [root]
    while waiting:
        one = waiting.pop()
        near = [*(one.__closure__ or ())] if isinstance(one, FunctionType) else gc.get_referents(one)
        for other in near:
            is_code = isinstance(other, type | ModuleType) or (isinstance(other, dict) and "__builtins__" in other)
            if id(other) not in found and not is_code:
                found[id(other)] = other
                waiting.append(other)
    return len(found), sum(one.untyped_storage().nbytes() for one in found.values() if type(one) is torch.Tensor)


def test_hours_of_talk_take_the_memory_of_minutes() -> None:
    stage = Stage(MANUAL)
    for number in range(12):
        say(stage, number)
    objects, sound = held(stage)
    for number in range(12, 72):
        say(stage, number)
    more_objects, more_sound = held(stage)
    assert stage.live.heard_ms + stage.clock.now_ms() > 5_700_000  # a good hour and a half
    assert more_objects < objects + 50 and more_sound < 1.05 * sound
    sounds = [entry.parts for entry in stage.live.history if isinstance(entry, Heard)]
    assert {part.key for parts in sounds for part in parts if isinstance(part, AudioItem)} == set(stage.mind.sounds)


def test_what_was_only_guessed_at_is_forgotten_with_the_turn() -> None:
    stage = Stage(SPOKEN).talk((20, 30), (8, 20), (10, 25), (30, 0))
    stage.wait()
    assert stage.live.counts.discarded >= 2 and len(stage.mind.encoded) >= 3
    (heard,) = [entry for entry in stage.live.history if isinstance(entry, Heard)]
    assert set(stage.mind.sounds) == {part.key for part in heard.parts if isinstance(part, AudioItem)}
    assert stage.of(told.Committed)


def test_an_engine_keeps_the_sounds_it_is_told_to_and_those_of_rounds_under_way(model: Model) -> None:
    async def talk() -> None:
        engine = LocalEngine(model, Bucket(streams=2, places=4, slots=2, capacity=256))
        mind = EngineMind(model, engine, None, "one")
        items = [mind.hear(noise(0.5, seed=seed).heard) for seed in range(3)]
        done, news = asyncio.Event(), list[Told]()

        def tell(one: Told) -> None:
            news.append(one)
            if isinstance(one, Finished):
                done.set()

        mind.begin(Request((Message("human", (items[0],)),), "text", max_tokens=3), tell)
        mind.keep(frozenset({items[1].key}))  # the round holds on to the first one
        await asyncio.wait_for(done.wait(), 60)
        assert isinstance(news[-1], Finished) and not news[-1].error
        await asyncio.gather(*mind._heard.values())
        mind.keep(frozenset({items[1].key}))
        await engine._worker.run(int)
        hearing = engine._hearings["one"]
        assert hearing.num_kept == sum(items[1].num_rows) and list(mind._heard) == [items[1].key]
        again = mind.hear(noise(0.5, seed=0).heard)
        assert again == items[0]
        await asyncio.gather(*mind._heard.values())
        assert hearing.num_kept == sum(items[0].num_rows) + sum(items[1].num_rows)
        mind.close()
        await engine.close()
        assert not engine._hearings

    asyncio.run(talk())
