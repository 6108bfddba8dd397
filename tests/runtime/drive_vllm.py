"""The same talks on both engines, ours and vLLM, and what they said; run where vLLM is installed, by `test_vllm.py`."""

import asyncio
import json
import math
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

os.environ |= {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"}
os.environ["VLLM_CPU_OMP_THREADS_BIND"] = "nobind"

from antiphon.audio.wave import Audio
from antiphon.errors import AntiphonError
from antiphon.runtime.dialect import Dialect
from antiphon.runtime.engine import Engine, Finished, Request, Started, Step, Token
from antiphon.runtime.history import Entry, Heard, Spoken, Written
from antiphon.runtime.local import LocalEngine
from antiphon.runtime.model import Model, load
from antiphon.runtime.sample import Sampling
from antiphon.runtime.vllm import VllmEngine
from antiphon.text.chat import encode
from antiphon.weights.find import find

GREEDY = Sampling()
CHANCE = Sampling(temperature=1.5, top_p=0.98, repetition_penalty=1.1, seed=5)
BLOCK = 32  # positions that vLLM's prefix cache finds or misses together
HEARD_MS = 700  # of the first reply, before it is cut


class Told:
    """An engine, and what it says."""

    def __init__(self, model: Model, engine: Engine) -> None:
        parts = model.parts
        self.model, self.engine = model, engine
        self.dialect = Dialect(model.variant, parts.tokenizer, parts.layout)
        self.numbers = iter(range(1000))

    def request(self, history: Sequence[Entry], sampling: Sampling, conversation: str = "talk") -> Request:
        messages = [*self.dialect.opening(None, ()), *self.dialect.messages(history)]
        pieces = self.model.variant.render(messages, "speech")
        prompt = encode(pieces, self.model.parts.tokenizer, self.model.parts.layout)
        return Request(
            id=f"{conversation}/{next(self.numbers)}",
            prompt=prompt,
            max_tokens=120,
            stop_ids=self.model.stop_ids,
            sampling=sampling,
            conversation=conversation,
        )

    async def say(self, request: Request) -> dict[str, Any]:
        steps = [step async for step in self.engine.generate(request)]
        return report(steps)


def report(steps: Sequence[Step]) -> dict[str, Any]:
    tokens = [step for step in steps if isinstance(step, Token)]
    assert isinstance(steps[0], Started) and isinstance(steps[-1], Finished)
    return {
        "ids": [token.id for token in tokens],
        "positions": [token.position for token in tokens],
        "logprobs": [token.logprob for token in tokens],
        "margins": [None if math.isnan(token.margin) else token.margin for token in tokens],
        "prompt": steps[0].prompt_tokens,
        "reused": steps[0].reused_tokens,
        "end": steps[-1].reason,
        "count": steps[-1].reply_tokens,
    }


async def talk(told: Told, question: Audio) -> dict[str, Any]:
    """A spoken question, a second turn behind the answer, the same behind as much of it as was heard, and by chance."""
    heard = Heard("a", (await told.engine.hear("talk", question),))
    first = await told.say(told.request([heard], GREEDY))
    answer = Spoken("b", "r/1", tuple(first["ids"][:-1]), is_speech=True)
    asked = Written("c", "user", "what is the capital of japan?")
    second = await told.say(told.request([heard, answer, asked], GREEDY))
    cut = await told.say(told.request([heard, replace(answer, heard_ms=HEARD_MS), asked], GREEDY))
    chance = await told.say(told.request([heard, answer, asked], CHANCE))
    return {"first": first, "second": second, "cut": cut, "chance": chance}


async def company(told: Told, question: Audio) -> list[dict[str, Any]]:
    """Conversations at the same time, each with its own seed."""
    names = ["one", "two", "three"]
    items = [await told.engine.hear(name, question) for name in names]
    requests = [
        told.request([Heard("a", (item,))], replace(CHANCE, seed=seed), name)
        for seed, (item, name) in enumerate(zip(items, names, strict=True))
    ]
    return list(await asyncio.gather(*[told.say(request) for request in requests]))


async def last_of(engine: Engine, request: Request) -> Step:
    return [step async for step in engine.generate(request)][-1]


async def ends(told: Told, question: Audio) -> dict[str, Any]:
    """Aborted, left, refused, forgotten."""
    asked = [Written("a", "user", "what is the capital of japan?")]
    request, steps = told.request(asked, GREEDY), list[Step]()
    async for step in told.engine.generate(request):
        steps.append(step)
        if sum(isinstance(step, Token) for step in steps) == 3:
            told.engine.abort(request.id)
    stream = told.engine.generate(told.request(asked, GREEDY))
    await anext(stream)
    await stream.aclose()
    unheard = told.request(asked, GREEDY)
    last = asyncio.ensure_future(last_of(told.engine, unheard))
    await asyncio.sleep(0)
    told.engine.abort(unheard.id)
    heard = Heard("a", (await told.engine.hear("talk", question),))
    told.engine.forget("talk")
    try:
        refused = str(await told.say(told.request([heard], GREEDY)))
    except AntiphonError as error:
        refused = str(error)
    after = await told.say(told.request(asked, GREEDY))
    stats, early = asdict(told.engine.stats()), asdict(await last)
    return {"aborted": report(steps), "early": early, "refused": refused, "after": after, "stats": stats}


async def drive() -> dict[str, Any]:
    model = load("nano")
    question = Audio.read(find("nano").folder / "question.wav")
    found: dict[str, Any] = {}
    ours = LocalEngine(model)
    theirs = VllmEngine(model, enforce_eager=True, disable_log_stats=True, block_size=BLOCK)
    for name, engine in (("local", ours), ("vllm", theirs)):
        told = Told(model, engine)
        found[name] = {
            "is_engine": isinstance(engine, Engine),
            "talk": await talk(told, question),
            "company": await company(told, question),
            "ends": await ends(told, question),
        }
        await engine.close()
    return found


if __name__ == "__main__":
    found = asyncio.run(drive())
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(found, file)
