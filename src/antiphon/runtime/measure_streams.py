"""What many streams on one model cost: the figures of `antiphon bench streams`.

The same questions are answered one after another and all at once, in the fixed shapes of the engine and in free ones,
and the codes of the replies are said one utterance at a time and several in a call. Costs are CPU time of the process,
which is fair where other work shares the machine; the wall is beside it.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from antiphon.audio.wave import Audio
from antiphon.errors import InputError
from antiphon.rates import CODE_HZ
from antiphon.runtime.batch import Bucket, bucket_for
from antiphon.runtime.engine import Request, Token
from antiphon.runtime.generate import Context, Hearing, Stream, generate
from antiphon.runtime.loaded import Loaded
from antiphon.runtime.local import LocalEngine
from antiphon.runtime.mouths import LocalVoices
from antiphon.runtime.sample import Sampling
from antiphon.runtime.session import Session
from antiphon.text.chat import AudioItem, Message, encode

CHANCE = Sampling(temperature=0.7, top_p=0.9)  # so that equal questions have different replies


def measure_streams(
    model: Loaded, question: Audio, *, streams: int = 8, max_tokens: int = 60, together: int = 4, speech: bool = True
) -> dict[str, Any]:
    """`streams` conversations that ask the same and are answered differently; every reply as long as allowed."""
    bucket = bucket_for(streams)
    replies, figures = asyncio.run(_tokens(model, question, bucket, max_tokens))
    plain = _plain(model, question, streams, max_tokens)
    figures["one_by_one_without_engine"] = plain
    found: dict[str, Any] = {
        "streams": streams,
        "tokens_each": max_tokens,
        "places": bucket.places,
        "tokens": figures,
        "one_by_one_to_batched_cpu": _ratio(figures["one_by_one"], figures["batched"]),
        "without_engine_to_batched_cpu": _ratio(plain, figures["batched"]),
        "price_of_determinism_cpu": _ratio(figures["batched"], figures["batched_free"]),
        "same_tokens_alone_and_batched": replies[0] == replies[1],
        "same_tokens_in_free_shapes": replies[0] == replies[2],
    }
    if speech and model.speaks:
        first, layout = replies[0], model.parts.layout
        shifted = [[i - layout.first_audio for i in ids] for ids in first]
        codes = [[code for code in own if 0 <= code < layout.num_codes] for own in shifted]
        if not any(codes):
            raise InputError("no reply was spoken, so there is no sound to measure; ask for more tokens.")
        found["sound"] = {n: asyncio.run(_sound(model, codes, n)) for n in sorted({1, together})}
        found["one_by_one_to_together_cpu"] = _ratio(*(found["sound"][n] for n in (1, together)))
    return found


async def _tokens(
    model: Loaded, question: Audio, bucket: Bucket, max_tokens: int
) -> tuple[list[list[list[int]]], dict[str, dict[str, float]]]:
    """The replies and what they cost: alone, batched, batched in free shapes."""
    replies, figures = list[list[list[int]]](), dict[str, dict[str, float]]()
    for name in ("one_by_one", "batched", "batched_free"):
        engine = LocalEngine(model, replace(bucket, deterministic=name != "batched_free"))
        item = await engine.hear("warm", question)
        await _reply(engine, _request(model, item, "warm", 0, max_tokens))
        requests = []
        for number in range(bucket.streams):
            item = await engine.hear(str(number), question)
            requests.append(_request(model, item, str(number), number, max_tokens))
        begin = _clock()
        if name == "one_by_one":
            replies.append([await _reply(engine, request) for request in requests])
        else:
            replies.append(await asyncio.gather(*[_reply(engine, request) for request in requests]))
        figures[name] = _spent(begin, sum(len(ids) for ids in replies[-1]))
        await engine.close()
    return replies, figures


def _request(model: Loaded, item: AudioItem, name: str, seed: int, max_tokens: int) -> Request:
    """Without stop ids, so that every reply is of one length."""
    messages = [*Session(model).messages, Message("human", (item,))]
    pieces = model.variant.render(messages, "speech" if model.speaks else "text")
    prompt = encode(pieces, model.parts.tokenizer, model.parts.layout)
    sampling = replace(CHANCE, seed=seed)
    return Request(
        id=name, prompt=prompt, max_tokens=max_tokens, stop_ids=frozenset(), sampling=sampling, conversation=name
    )


async def _reply(engine: LocalEngine, request: Request) -> list[int]:
    return [step.id async for step in engine.generate(request) if isinstance(step, Token)]


def _plain(model: Loaded, question: Audio, streams: int, max_tokens: int) -> dict[str, float]:
    """The single-stream path that a session takes, one conversation after another; hearing is not counted."""
    hearing = Hearing(model.limit)
    item, count = hearing.add(question), 0
    with torch.inference_mode():
        for segment in _request(model, item, "", 0, max_tokens).prompt.audio:
            hearing.rows(model.parts.lm, segment)
    begin = _clock()
    for number in range(streams):
        request = _request(model, item, "", number, max_tokens)
        stream = Stream(model.parts.lm, hearing, Context())
        ids = generate(
            stream,
            request.prompt,
            sampling=request.sampling,
            max_tokens=max_tokens,
            stop_ids=request.stop_ids,
            forbidden=model.forbidden,
        )
        count += sum(1 for _ in ids)
    return _spent(begin, count)


async def _sound(model: Loaded, codes: Sequence[Sequence[int]], together: int) -> dict[str, float]:
    """What it costs to say the codes of every reply, all utterances under way at once."""
    voices = LocalVoices(model, together=together)
    model.opened(model.default_voice(), 0)  # opening is not counted
    begin = _clock()
    mouths = [voices.utter() for _ in codes]
    for mouth, own in zip(mouths, codes, strict=True):
        mouth.push(own)
        mouth.finish()

    async def listen(number: int) -> int:
        return sum([len(wave) async for wave in mouths[number]])

    await asyncio.gather(*[listen(number) for number in range(len(mouths))])
    spent = _spent(begin, 0)
    seconds = sum(len(own) for own in codes) / CODE_HZ
    await voices.close()
    real_time = {"speech_s": seconds, "real_time_factor_cpu": round(spent["cpu_s"] / seconds, 4)}
    return {"cpu_s": spent["cpu_s"], "wall_s": spent["wall_s"], **real_time}


def _clock() -> tuple[float, float]:
    return time.process_time(), time.perf_counter()


def _spent(begin: tuple[float, float], tokens: int) -> dict[str, float]:
    cpu, wall = time.process_time() - begin[0], time.perf_counter() - begin[1]
    return {"cpu_s": round(cpu, 3), "wall_s": round(wall, 3), "tokens_per_cpu_s": round(tokens / cpu, 1)}


def _ratio(one: dict[str, float], other: dict[str, float]) -> float:
    return round(one["cpu_s"] / other["cpu_s"], 3)
