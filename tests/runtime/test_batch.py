"""Many streams, one model: in any company, from any cache and after any cancellation each gives what it gives alone."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from antiphon.audio.wave import Audio
from antiphon.errors import CapacityError, ConfigError, InputError
from antiphon.runtime.batch import Batch, Bucket
from antiphon.runtime.engine import Finished, Request, Started, Step, Token
from antiphon.runtime.generate import Hearing
from antiphon.runtime.model import Model, load
from antiphon.runtime.sample import Sampling
from antiphon.text.chat import AudioItem, AudioSegment, Mark, Message, Prompt, TextSegment, Tokens, encode

QUESTIONS = ("what is the capital of france?", "hello.", "what is two plus three?", "say after me: red blue.")
SMALL = Bucket(streams=8, places=12, slots=10, capacity=256)


@pytest.fixture(scope="module")
def model(nano: Path) -> Model:
    return load(nano)


@pytest.fixture(scope="module")
def hearing(model: Model, nano: Path) -> Hearing:
    hearing = Hearing(model.limit)
    hearing.add(Audio.read(nano / "question.wav"))
    return hearing


@pytest.fixture(scope="module")
def heard(model: Model, nano: Path) -> AudioItem:
    return Hearing(model.limit).add(Audio.read(nano / "question.wav"))


def batch(model: Model, hearing: Hearing, bucket: Bucket = SMALL) -> Batch:
    return Batch(model, bucket, lambda _: hearing)


def asked(model: Model, messages: Sequence[Message]) -> Prompt:
    system = model.session().messages
    pieces = model.variant.render([*system, *messages], "speech")
    return encode(pieces, model.parts.tokenizer, model.parts.layout)


def request(model: Model, number: int, heard: AudioItem, conversation: str = "", max_tokens: int = 10) -> Request:
    """The question of a talk; some greedy, some drawn, one of them spoken."""
    content = QUESTIONS[number % 4] if number % 8 != 5 else (heard,)
    warm = Sampling(temperature=0.9, top_p=0.95, repetition_penalty=1.05, seed=number)
    return Request(
        id=str(number),
        prompt=asked(model, [Message("human", content)]),
        max_tokens=max_tokens,
        stop_ids=model.stop_ids,
        sampling=warm if number % 2 else Sampling(),
        conversation=conversation,
    )


def advance(batch: Batch) -> Iterator[tuple[int, Step]]:
    """Let in who waits, then one step."""
    while (admitted := batch.admit()) is not None:
        number, step = admitted
        if isinstance(step, Exception):
            raise step
        yield number, step
    yield from batch.step()


def run(batch: Batch, *requests: Request) -> list[list[Step]]:
    for number, wanted in enumerate(requests):
        batch.add(number, wanted)
    steps: list[list[Step]] = [[] for _ in requests]
    while batch.is_busy:
        for number, step in advance(batch):
            steps[number].append(step)
    return steps


def said(steps: Sequence[Step]) -> list[Step]:
    """Tokens to the bit of their probabilities, and the end."""
    return [step for step in steps if not isinstance(step, Started)]


def test_one_to_eight_interleaved_streams_give_what_each_gives_alone(
    model: Model, hearing: Hearing, heard: AudioItem
) -> None:
    requests = [request(model, number, heard, f"talk {number}") for number in range(8)]
    alone = [said(run(batch(model, hearing), one)[0]) for one in requests]
    assert len({tuple(t.id for t in steps if isinstance(t, Token)) for steps in alone}) >= 4  # they are different talks
    chance = random.Random("company")
    for count in (3, 8):
        shared, waiting = batch(model, hearing), chance.sample(range(8), count)
        steps: dict[int, list[Step]] = {number: [] for number in waiting}
        while waiting or shared.is_busy:
            if waiting and (not shared.is_busy or chance.random() < 0.4):  # they come one after another
                number = waiting.pop()
                shared.add(number, requests[number])
            for number, step in advance(shared):
                steps[number].append(step)
        for number, found in steps.items():
            assert said(found) == alone[number]


def test_a_cached_beginning_gives_what_reading_it_anew_gives(model: Model, hearing: Hearing, heard: AudioItem) -> None:
    shared, messages, before = batch(model, hearing), list[Message](), 0
    for turn, content in enumerate([(heard,), "and what is two plus three?", "hello."]):
        messages.append(Message("human", content))
        prompt = asked(model, messages)
        wanted = Request(
            id="r", prompt=prompt, max_tokens=12, stop_ids=model.stop_ids, conversation="talk",
            sampling=Sampling(temperature=0.8, seed=turn),
        )  # fmt: skip
        steps, anew = run(shared, wanted)[0], run(batch(model, hearing), wanted)[0]
        assert said(steps) == said(anew)
        started, first = steps[0], anew[0]
        assert isinstance(started, Started) and isinstance(first, Started) and first.reused_tokens == 0
        ids = tuple(t.id for t in steps if isinstance(t, Token))
        assert started.reused_tokens >= before  # what was read and said is there, but for the last token
        before = len(prompt) + len(ids) - 2
        closed = (*ids, model.parts.layout.tts_end) if model.parts.layout.tts_end not in ids else ids
        messages.append(Message("assistant", (Mark("<tts_start>"), Tokens(closed))))


def test_a_history_that_was_cut_is_read_from_the_cut(model: Model, hearing: Hearing, heard: AudioItem) -> None:
    shared = batch(model, hearing)
    whole = request(model, 0, heard, "talk")
    run(shared, whole)
    ids = tuple(whole.prompt.ids)
    cut = Prompt((TextSegment((*ids[: len(ids) // 2], *ids[-5:])),), whole.prompt.layout)
    wanted = Request(id="cut", prompt=cut, max_tokens=8, stop_ids=model.stop_ids, conversation="talk")
    steps = run(shared, wanted)[0]
    assert steps[0] == Started(len(cut), len(ids) // 2)
    assert said(steps) == said(run(batch(model, hearing), wanted)[0])


def test_a_cancellation_ends_within_a_step_and_leaves_no_trace(
    model: Model, hearing: Hearing, heard: AudioItem
) -> None:
    kept, dropped, later = (request(model, number, heard, "talk") for number in (1, 5, 3))
    expected = [said(run(batch(model, hearing), one)[0]) for one in (kept, later)]
    for after in (0, 6):  # while it waits, and once it speaks
        shared = batch(model, hearing)
        shared.add(0, kept)
        shared.add(1, dropped)
        steps: dict[int, list[Step]] = {0: [], 2: []}
        for _ in range(after):
            for number, step in advance(shared):
                steps.setdefault(number, []).append(step)
        assert isinstance(shared.cancel(1), Finished) and shared.cancel(1) is None
        shared.add(2, later)
        while shared.is_busy:
            for number, step in advance(shared):
                assert number != 1
                steps[number].append(step)
        assert [said(steps[0]), said(steps[2])] == expected
        assert not any(row.in_use for row in shared.slots.rows) and shared.counts.aborted == 1


def test_free_shapes_agree_wherever_the_choice_is_clear(model: Model, hearing: Hearing, heard: AudioItem) -> None:
    free = Bucket(streams=8, places=12, slots=10, capacity=256, deterministic=False)
    requests = [request(model, number, heard) for number in range(0, 8, 2)]
    together = run(batch(model, hearing, free), *requests)
    compared = 0
    for wanted, found in zip(requests, together, strict=True):
        expected = said(run(batch(model, hearing), wanted)[0])
        for ours, theirs in zip(expected, said(found), strict=True):
            if isinstance(ours, Token) and isinstance(theirs, Token) and ours.id != theirs.id:
                assert ours.margin <= 1e-3  # from here on they are two stories
                break
            compared += 1
    assert compared >= 20


def test_a_stream_ends_at_its_limits(model: Model, hearing: Hearing, heard: AudioItem) -> None:
    wanted = request(model, 0, heard, max_tokens=3)
    steps = run(batch(model, hearing), wanted)[0]
    assert [type(s) for s in steps] == [Started, Token, Token, Token, Finished]
    assert steps[-1] == Finished("length", 3)
    tight = Bucket(streams=2, places=4, slots=2, capacity=len(wanted.prompt) + 1)
    assert run(batch(model, hearing, tight), request(model, 0, heard, max_tokens=50))[0][-1] == Finished("length", 2)
    with pytest.raises(CapacityError, match="context holds"):
        batch(model, hearing, Bucket(capacity=len(wanted.prompt))).check(wanted)


def test_a_request_for_a_sound_that_was_not_given_fails_alone(
    model: Model, hearing: Hearing, heard: AudioItem
) -> None:
    good = request(model, 0, heard)
    unheard = AudioSegment("f" * 64, 0, 9)
    bad = Request(id="bad", prompt=Prompt((unheard,), good.prompt.layout), max_tokens=3, stop_ids=frozenset())
    shared = batch(model, hearing)
    shared.add(0, bad)
    refused = shared.admit()
    assert refused is not None and isinstance(refused[1], InputError) and not shared.is_busy
    assert said(run(shared, good)[0]) == said(run(batch(model, hearing), good)[0])


def test_a_bucket_has_a_place_and_a_slot_for_each_stream() -> None:
    for wrong in (dict(streams=0), dict(streams=9, places=8), dict(streams=4, slots=3)):
        with pytest.raises(ConfigError, match="a place and a slot for each"):
            Bucket(**wrong)
