"""The engine as an event loop sees it: streams, refusals, aborts, and one failure that does not spread."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from antiphon.errors import CapacityError, InputError
from antiphon.runtime.batch import Bucket
from antiphon.runtime.engine import Engine, Finished, Request, Started, Step, Token
from antiphon.runtime.local import LocalEngine
from antiphon.runtime.model import Model
from antiphon.text.chat import AudioSegment, Message, Prompt, TextSegment, encode
from tests.runtime.conftest import noise

TWO = Bucket(streams=2, places=4, slots=3, capacity=96)


@asynccontextmanager
async def opened(model: Model, queue: int = 8) -> AsyncIterator[LocalEngine]:
    engine = LocalEngine(model, TWO, queue=queue)
    try:
        yield engine
    finally:
        await engine.close()


def asked(model: Model, id: str, max_tokens: int = 5, conversation: str = "") -> Request:
    pieces = model.variant.render([Message("human", f"number {id}")], "text")
    prompt = encode(pieces, model.parts.tokenizer, model.parts.layout)
    return Request(id=id, prompt=prompt, max_tokens=max_tokens, stop_ids=frozenset(), conversation=conversation)


async def take(engine: LocalEngine, request: Request) -> list[Step]:
    return [step async for step in engine.generate(request)]


def in_a_loop(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    def run(model: Model) -> None:
        async def bounded() -> None:
            await asyncio.wait_for(test(model), timeout=120)

        asyncio.run(bounded())

    run.__name__ = test.__name__
    return run


def test_the_local_engine_is_an_engine(model: Model) -> None:
    async def check() -> None:
        async with opened(model) as engine:
            assert isinstance(engine, Engine)

    asyncio.run(check())


@in_a_loop
async def test_streams_come_whole_and_in_order_while_more_wait_than_run(model: Model) -> None:
    async with opened(model) as engine:
        replies = await asyncio.gather(*[take(engine, asked(model, str(n))) for n in range(5)])
        for number, steps in enumerate(replies):
            length = len(asked(model, str(number)).prompt)
            assert steps[0] == Started(length, 0) and steps[-1] == Finished("length", 5)
            assert [t.position for t in steps if isinstance(t, Token)] == list(range(length, length + 5))
        stats = engine.stats()
        assert (stats.requests_total, stats.reply_tokens_total, stats.aborted_total) == (5, 25, 0)
        assert (stats.requests_running, stats.requests_waiting) == (0, 0)
        assert stats.metrics()["antiphon_engine_reply_tokens_total"] == 25


@in_a_loop
async def test_the_loop_does_no_work_of_the_model(model: Model) -> None:
    async with opened(model) as engine:
        workers: set[str] = set()
        read = engine.batch._read

        def watched(*arguments: Any) -> Any:
            workers.add(threading.current_thread().name)
            return read(*arguments)

        engine.batch._read = watched  # type: ignore[method-assign]
        await take(engine, asked(model, "a"))
        assert workers == {"tokens"}


@in_a_loop
async def test_what_is_too_much_is_refused_at_once_and_room_comes_back(model: Model) -> None:
    async with opened(model, queue=1) as engine:
        streams = [engine.generate(asked(model, str(n), max_tokens=60)) for n in range(3)]
        firsts = [asyncio.ensure_future(anext(stream)) for stream in streams]
        await asyncio.sleep(0)
        with pytest.raises(CapacityError, match="2 conversations are being answered and 1 wait"):
            await take(engine, asked(model, "late"))
        for first in firsts[:2]:
            await first
        await streams[0].aclose()
        assert isinstance(await firsts[2], Started)  # who waited is let in
        for stream in streams[1:]:
            await stream.aclose()
        assert (await take(engine, asked(model, "later")))[-1] == Finished("length", 5)
        assert engine.stats().rejected_total == 1


@in_a_loop
async def test_an_aborted_stream_ends_and_says_so(model: Model) -> None:
    async with opened(model) as engine:
        steps: list[Step] = []
        async for step in engine.generate(asked(model, "long", max_tokens=60)):
            steps.append(step)
            if isinstance(step, Token):
                engine.abort("long")
        assert isinstance(steps[-1], Finished) and steps[-1].reason == "aborted" and len(steps) < 60
        engine.abort("long")
        engine.abort("never was")
        assert (await take(engine, asked(model, "next")))[-1] == Finished("length", 5)


@in_a_loop
async def test_two_under_way_may_not_have_one_name(model: Model) -> None:
    async with opened(model) as engine:
        stream = engine.generate(asked(model, "twin", max_tokens=40))
        await anext(stream)
        with pytest.raises(InputError, match="under way already"):
            await take(engine, asked(model, "twin"))
        assert isinstance(await anext(stream), Token)
        await stream.aclose()
        assert (await take(engine, asked(model, "twin")))[-1] == Finished("length", 5)


@in_a_loop
async def test_a_sound_belongs_to_its_conversation_until_that_is_forgotten(model: Model) -> None:
    async with opened(model) as engine:
        item = await engine.hear("mine", noise(1.0))
        layout = model.parts.layout
        parts = (TextSegment((5, layout.audio_start)), AudioSegment(item.key, 0, item.num_rows[0]))
        prompt = Prompt((*parts, TextSegment((layout.audio_end,))), layout)

        def about(conversation: str) -> Request:
            return Request(id="x", prompt=prompt, max_tokens=2, stop_ids=frozenset(), conversation=conversation)

        assert (await take(engine, about("mine")))[-1] == Finished("length", 2)
        assert (await take(engine, about("mine")))[0] == Started(len(prompt), len(prompt) - 1)
        with pytest.raises(InputError, match="not given"):
            await take(engine, about("theirs"))
        engine.forget("mine")
        with pytest.raises(InputError, match="not given"):
            await take(engine, about("mine"))
        await engine.hear("mine", noise(1.0))
        assert (await take(engine, about("mine")))[0] == Started(len(prompt), 0)
        with pytest.raises(InputError, match="too few to hear"):
            await engine.hear("mine", noise(0.01))
        with pytest.raises(InputError, match="without a conversation"):
            await engine.hear("", noise(1.0))


@in_a_loop
async def test_a_failure_of_the_machine_ends_what_runs_and_nothing_more(model: Model) -> None:
    async with opened(model) as engine:
        read, calls = engine.batch._read, list[int]()

        def failing(*arguments: Any) -> Any:
            calls.append(1)
            if len(calls) == 3:
                raise MemoryError("no memory is left")
            return read(*arguments)

        engine.batch._read = failing  # type: ignore[method-assign]
        replies = await asyncio.gather(
            *[take(engine, asked(model, str(n), conversation="talk")) for n in range(3)], return_exceptions=True
        )
        assert [isinstance(reply, MemoryError) for reply in replies] == [True, True, False]
        assert (await take(engine, asked(model, "0", conversation="talk")))[-1] == Finished("length", 5)


@in_a_loop
async def test_a_closed_engine_says_so(model: Model) -> None:
    async with opened(model) as engine:
        stream = engine.generate(asked(model, "cut off", max_tokens=400))
        await anext(stream)
        await engine.close()
        last = [step async for step in stream][-1]
        assert isinstance(last, Finished) and last.reason == "aborted"
        with pytest.raises(InputError, match="closed"):
            await take(engine, asked(model, "late"))
        with pytest.raises(InputError, match="closed"):
            await engine.hear("talk", noise(1.0))


def test_a_request_is_checked_where_it_is_made(model: Model) -> None:
    good = asked(model, "a")
    with pytest.raises(InputError, match="at least one token"):
        Request(id="b", prompt=good.prompt, max_tokens=0, stop_ids=frozenset())
    with pytest.raises(InputError, match="empty"):
        Request(id="c", prompt=Prompt((), good.prompt.layout), max_tokens=1, stop_ids=frozenset())
