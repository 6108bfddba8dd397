"""One stream: the cache changes nothing, sound is encoded once and never left out, limits are met before work."""

from dataclasses import replace

import pytest
import torch

from antiphon.errors import CapacityError, InputError
from antiphon.runtime import generate as module
from antiphon.runtime.caches import grown
from antiphon.runtime.generate import Context, Hearing, Stream, check_merged, generate, never
from antiphon.runtime.model import Model
from antiphon.runtime.sample import Sampling
from antiphon.text.chat import AudioItem, Message, Prompt, encode, render_chat
from tests.runtime.conftest import noise


def prompt_of(model: Model, *contents: object) -> Prompt:
    messages = [Message("human", content) for content in contents]  # type: ignore[arg-type]
    return encode(
        render_chat([*messages, Message("assistant", None)]), model.parts.tokenizer, model.parts.layout
    )


def reply(model: Model, stream: Stream, prompt: Prompt, num: int, sampling: Sampling | None = None) -> list[int]:
    ids = generate(
        stream,
        prompt,
        sampling=sampling or Sampling(),
        max_tokens=num,
        stop_ids=model.stop_ids,
        forbidden=model.forbidden,
    )
    return list(ids)


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=0.8, repetition_penalty=1.1, seed=5)])
def test_the_cache_gives_the_tokens_of_recomputing_everything(
    model: Model, sampling: Sampling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_CAPACITY", 32)  # so that the cache grows on the way
    hearing = Hearing(model.limit)
    item = hearing.add(noise(1.0))
    prompt = prompt_of(model, (item, "what is this?"))
    cached = reply(model, Stream(model.parts.lm, hearing), prompt, 40, sampling)
    seen = torch.zeros_like(model.forbidden)
    seen[torch.tensor(prompt.ids)] = True
    again: list[int] = []
    rows = [hearing.rows(model.parts.lm, s) for s in prompt.audio]
    for place in range(len(prompt), len(prompt) + 40):
        parts = [
            torch.tensor(s.ids) if hasattr(s, "ids") else rows[0] for s in prompt.segments
        ]  # fmt: skip
        with torch.inference_mode():
            x = model.parts.lm.embed([*parts, torch.tensor(again, dtype=torch.int64)])
            logits, _ = model.parts.lm(x[None])
        token = module.choose(logits[0, -1], sampling, place, seen=seen, forbidden=model.forbidden)
        seen[token] = True
        again.append(token)
        if token in model.stop_ids:
            break
    assert cached == again


def test_sound_is_encoded_once_per_piece(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    inner = type(model.parts.lm).hear
    monkeypatch.setattr(type(model.parts.lm), "hear", lambda lm, mel: calls.append(1) or inner(lm, mel))
    hearing, context = Hearing(model.limit), Context()
    long = hearing.add(noise(30.0))
    assert len(long.num_rows) == 2  # 25 s and 5 s
    for question in ("what?", "and now?"):
        reply(model, Stream(model.parts.lm, hearing, context), prompt_of(model, (long, question)), 6)
    assert hearing.add(noise(30.0)) == long
    reply(model, Stream(model.parts.lm, hearing), prompt_of(model, (long,)), 3)
    assert len(calls) == 2


def test_sound_that_is_given_and_not_merged_is_an_error(model: Model) -> None:
    hearing = Hearing(model.limit)
    one, two = hearing.add(noise(1.0)), hearing.add(noise(1.5, seed=1))
    prompt = prompt_of(model, (one, two))
    check_merged(prompt, [one, two])
    for wrong in ([one], [two, one], [one, two, two], []):
        with pytest.raises(InputError, match="merged"):
            check_merged(prompt, wrong)
    with pytest.raises(InputError, match="not given"):
        Stream(model.parts.lm, Hearing(model.limit)).prefill(prompt)
    lying = AudioItem((one.num_rows[0] + 1,), one.key)
    with pytest.raises(InputError, match="places"):
        Stream(model.parts.lm, hearing).prefill(prompt_of(model, (lying,)))


def test_the_common_beginning_is_not_read_again(model: Model) -> None:
    hearing, context = Hearing(model.limit), Context()
    item = hearing.add(noise(1.0))
    stream = Stream(model.parts.lm, hearing, context)
    first, second = prompt_of(model, (item, "one")), prompt_of(model, (item, "two"))
    reply(model, stream, first, 8)
    held = context.common(module.places_of(second))
    assert held > item.num_rows[0]
    warm = reply(model, stream, second, 8)
    assert warm == reply(model, Stream(model.parts.lm, hearing), second, 8)
    assert reply(model, stream, first, 8) == reply(model, Stream(model.parts.lm, hearing), first, 8)


def test_a_context_over_the_limit_is_refused_before_any_work(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    def work(*_: object) -> None:
        raise AssertionError("something was computed")

    monkeypatch.setattr(type(model.parts.lm), "hear", work)
    monkeypatch.setattr(type(model.parts.lm), "embed", work)
    hearing = Hearing(model.limit)
    stream = Stream(model.parts.lm, hearing)
    stream.limit = 64
    with pytest.raises(CapacityError, match="64"):
        stream.prefill(prompt_of(model, (hearing.add(noise(1.0)), "word " * 80)))
    with pytest.raises(CapacityError, match="shorter"):
        Hearing(100).add(noise(20.0))


def test_a_reply_ends_where_the_context_ends(model: Model) -> None:
    stream = Stream(model.parts.lm, Hearing(model.limit))
    prompt = prompt_of(model, "hello")
    stream.limit = len(prompt) + 5
    ids = reply(model, stream, prompt, 50)
    assert len(ids) <= 6 and (len(ids) == 6 or ids[-1] in model.stop_ids)


def test_marks_of_sound_and_nameless_rows_are_never_generated(model: Model) -> None:
    layout, num_ids = model.parts.layout, model.parts.tokenizer.num_ids
    mask = never(layout, num_ids)
    assert mask[[layout.audio_start, layout.audio_end, layout.audio_patch, layout.bot]].all()
    assert mask[num_ids:].all() and int(mask.sum()) == 4 + layout.vocab_size - num_ids
    assert not mask[[layout.eot, layout.tts_start, layout.tts_end, layout.tts_pad, layout.first_audio]].any()


def test_a_cache_grows_without_a_change(model: Model) -> None:
    lm = model.parts.lm
    with torch.inference_mode():
        ids = torch.arange(5, 25)[None]
        _, state = lm(ids, lm.init_state(1, 32))
        wide = grown(state, 33)
        assert wide.capacity == 64 and grown(wide, 64) is wide
        want, _ = lm(ids[:, :3], state)
        got, _ = lm(ids[:, :3], replace(wide, stamps=wide.stamps.clone()))
    assert torch.allclose(got, want, atol=1e-5)


def test_a_reply_does_not_depend_on_the_room_of_its_cache(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    prompt = prompt_of(model, "hello")
    want = reply(model, Stream(model.parts.lm, Hearing(model.limit)), prompt, 40)
    monkeypatch.setattr(module, "FIRST_CAPACITY", 8)
    context = Context()
    assert reply(model, Stream(model.parts.lm, Hearing(model.limit), context), prompt, 40) == want
    pool = context.pool
    assert pool is not None and len(context.places) <= pool.capacity < 2 * len(context.places)
    assert pool.grown(pool.capacity, 10**6) is pool and pool.grown(pool.capacity + 1, pool.capacity + 5).capacity == (
        pool.capacity + 5
    )


def test_too_short_a_sound_is_refused(model: Model) -> None:
    with pytest.raises(InputError, match="too few"):
        Hearing(model.limit).add(noise(0.001))
