"""What nano is trained on has the form in which it is later asked: the same ids, from two pieces of code."""

from random import Random

import numpy as np
import pytest

from antiphon.text import chat, prompts
from antiphon.text.tokenizer import Tokenizer, train_bpe
from antiphon.text.variants import variant
from recipes.nano.examples import CHAT, CODE, PAD, SPEAK, TEXT, TRANSCRIBE, Builder, Example, Sound, Spoken, pseudo

WORDS = "the capital of france is paris what time it please say after me one two three".split()


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_bpe([f" {w} {w}" for w in WORDS] * 50 + [TRANSCRIBE, SPEAK, CHAT] * 50, 400, num_codes=27)


@pytest.fixture
def builder(tokenizer: Tokenizer) -> Builder:
    return Builder(tokenizer)


def asked(tokenizer: Tokenizer, messages: list[chat.Message], reply: str) -> list[int]:
    """The ids that the runtime would put before the reply."""
    rendered = variant("nano").render(messages, reply)  # type: ignore[arg-type]
    return list(chat.encode(rendered, tokenizer, tokenizer.layout()).ids)


def test_the_task_prompts_are_the_ones_that_nano_is_asked_with() -> None:
    assert prompts.PROMPTS["transcribe"].system == TRANSCRIBE
    assert prompts.PROMPTS["speak"].system == SPEAK
    assert prompts.PROMPTS[variant("nano").talk].system == CHAT


def test_a_spoken_conversation_is_prompted_as_it_was_trained(tokenizer: Tokenizer, builder: Builder) -> None:
    example = Example(task="talk")
    builder.message(example, "system", CHAT)
    builder.message(example, "tool_json_schemas", builder.schema)
    builder.heard(example, [Sound(path=(1, -1, 2))])
    builder.spoken(example, Spoken(text="paris", codes=np.arange(4), words=(("paris", 0.0, 0.16),)))
    prompt = asked(
        tokenizer,
        [
            chat.Message("system", CHAT),
            chat.Message("tool_json_schemas", builder.schema),
            chat.Message("user", (chat.AudioItem((3,), "k"),)),
        ],
        "speech",
    )
    assert example.ids[: len(prompt)] == prompt
    assert not any(example.kind[: len(prompt)]) and example.kind[len(prompt)] == TEXT


def test_reading_aloud_is_prompted_as_it_was_trained(tokenizer: Tokenizer, builder: Builder) -> None:
    example = Example(task="speak")
    builder.message(example, "system", SPEAK)
    builder.message(example, "human", "the capital")
    builder.written(example, "the capital")
    prompt = asked(tokenizer, [chat.Message("system", SPEAK), chat.Message("user", "the capital")], "text")
    assert example.ids[: len(prompt)] == prompt


def test_a_spoken_reply_learns_each_kind_where_it_stands(tokenizer: Tokenizer, builder: Builder) -> None:
    layout, codes = tokenizer.layout(), np.arange(10)
    said = Spoken(text="one two", codes=codes, words=(("one", 0.0, 0.2), ("two", 0.2, 0.4)))
    example = Example(task="speak")
    builder.spoken(example, said)
    pairs = list(zip(example.ids, example.kind, strict=True))
    by_kind = {k: [i for i, kind in pairs if kind == k] for k in (TEXT, CODE, PAD)}
    assert by_kind[CODE] == [layout.id_of(c) for c in codes.tolist()]
    assert by_kind[TEXT] == [*tokenizer.encode("one two"), layout.tts_end, layout.eot]
    assert set(by_kind[PAD]) <= {layout.tts_pad, layout.audio_pad}


def test_the_guide_points_at_the_word_that_is_being_spoken(tokenizer: Tokenizer, builder: Builder) -> None:
    said = Spoken(text="one two", codes=np.arange(10), words=(("one", 0.0, 0.2), ("two", 0.2, 0.4)))
    example = Example(task="speak")
    builder.spoken(example, said)
    layout, found = tokenizer.layout(), set()
    for position, start, end in example.guide:
        code = layout.code_of(example.ids[position + 1])
        word = "one" if (code + 0.5) * 0.04 < 0.2 else "two"
        assert tokenizer.decode(example.ids[start:end:5]).strip() == word
        found.add(word)
    assert found == {"one", "two"}


def test_a_path_keeps_its_places() -> None:
    ids, rng = list(range(50)), Random(3)
    sound = pseudo(ids, rng, words=[99])
    assert len(sound.places) == len(ids)
    for token, places in zip(ids, sound.places, strict=True):
        assert {sound.path[p] for p in places} <= {token, 99}
    flat = [p for places in sound.places for p in places]
    assert flat == sorted(flat) and all(sound.path[p] >= 0 for p in flat)
    assert all(token == -1 for p, token in enumerate(sound.path) if p not in set(flat))
