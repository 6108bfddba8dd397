from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.errors import InputError
from antiphon.rates import PIECE_SAMPLES, num_rows
from antiphon.text.chat import (
    AudioItem,
    AudioSegment,
    Composed,
    Mark,
    Message,
    Piece,
    Sound,
    Speech,
    TextSegment,
    Tokens,
    Words,
    compose,
    encode,
    render_base,
    render_chat,
)
from antiphon.text.layout import OFFICIAL
from antiphon.text.released import base_items, chat_messages, serving_messages
from antiphon.text.serving import render_serving
from antiphon.text.tokenizer import Tokenizer, byte_tokenizer
from antiphon.text.toolcall import ToolCall

from .conftest import read_golden

PROMPTS = read_golden("prompts.json")


def silence(num_samples: str) -> AudioItem:
    """The golden cases name an audio item by its number of samples."""
    n = int(num_samples)
    pieces = [min(PIECE_SAMPLES, n - start) for start in range(0, n, PIECE_SAMPLES)]
    return AudioItem(tuple(num_rows(piece) for piece in pieces), key=num_samples)


def shown(piece: Piece) -> Any:
    """A piece in the notation of the golden file."""
    if any(isinstance(part, Tokens) for part in piece):
        (tokens,) = piece
        return {"ids": list(tokens.ids)}
    if any(isinstance(part, Speech) for part in piece):
        speech, *words = piece
        names = "".join(f"<audio_{code}>" for code in speech.codes)
        return {"tts_text": speech.text, "tts_audio": names, "text": "".join(word.text for word in words)}
    return "".join(
        part.text
        if isinstance(part, Words)
        else part.name
        if isinstance(part, Mark)
        else f"<audio_start><audio_patch>*{part.num_rows}<audio_end>"
        for part in piece
    )


def official_ids(pieces: list[Any], tokenizer: Tokenizer) -> list[int]:
    """Ids of golden pieces the released way: every special string in a piece is a token. Trusts the golden text."""
    ids: list[int] = []
    for piece in pieces:
        if isinstance(piece, dict):
            ids += piece["ids"]
            continue
        rest = piece
        while rest:
            starts = [(rest.find(name), name) for name in tokenizer.added if name in rest]
            at, name = min(starts, default=(len(rest), ""))
            ids += tokenizer.encode(rest[:at])
            rest = rest[at + len(name) :]
            if name:
                repeat = 1
                if name == "<audio_patch>" and rest.startswith("*"):
                    digits = rest[1:].split("<")[0]
                    repeat, rest = int(digits), rest[1 + len(digits) :]
                ids += [tokenizer.added[name]] * repeat
    return ids


@pytest.mark.parametrize("name", PROMPTS["hf_chat"])
def test_chat_prompts_equal_the_released_client(name: str, official: Tokenizer) -> None:
    case = PROMPTS["hf_chat"][name]
    pieces = render_chat(chat_messages(case["messages"], silence))
    assert [shown(piece) for piece in pieces] == case["pieces"]
    prompt = encode(pieces, official, OFFICIAL)
    assert prompt.ids == official_ids(case["pieces"], official)
    assert len(prompt) == len(prompt.ids)
    assert prompt.is_spoken == case["pieces"][-1].endswith("<tts_start>")


@pytest.mark.parametrize("name", PROMPTS["hf_base"])
def test_base_prompts_equal_the_released_client(name: str, official: Tokenizer) -> None:
    case = PROMPTS["hf_base"][name]
    pieces = render_base(base_items(case["messages"], silence))
    assert [shown(piece) for piece in pieces] == case["pieces"]
    assert encode(pieces, official, OFFICIAL).ids == official_ids(case["pieces"], official)


@pytest.mark.parametrize("name", PROMPTS["serving"])
def test_serving_prompts_equal_the_released_back_end(name: str) -> None:
    case = PROMPTS["serving"][name]
    messages = serving_messages(case["conversation"])
    if isinstance(case["pieces"], str):  # an error, as text
        with pytest.raises(InputError, match="choose one"):
            render_serving(messages, **case["options"])
    else:
        assert [shown(piece) for piece in render_serving(messages, **case["options"])] == case["pieces"]


def test_serving_puts_audio_before_text() -> None:
    message = Message("user", ["Q", AudioItem((3,), "k"), "R"])
    (piece,) = render_serving([message])
    assert piece == (Mark("<|BOT|>"), Words("human\n"), Sound("k", 0, 3), Words("\n"), Words("Q\nR"), Mark("<|EOT|>"))


def test_serving_weaves_the_history_of_speech(official: Tokenizer) -> None:
    case = PROMPTS["serving"]["tts_history"]
    ids = encode(render_serving(serving_messages(case["conversation"])), official, OFFICIAL).ids
    woven = OFFICIAL.interleave(official.encode("hi there"), [1, 2])
    start = ids.index(OFFICIAL.tts_start)
    assert ids[start : start + len(woven)] == woven


def test_segments_hold_audio_by_key_and_piece(official: Tokenizer) -> None:
    messages = [Message("user", ["a", AudioItem((313, 0, 2), "hash")]), Message("assistant", None)]
    prompt = encode(render_chat(messages), official, OFFICIAL)
    assert prompt.audio == (AudioSegment("hash", 0, 313), AudioSegment("hash", 2, 2))
    assert prompt.ids.count(OFFICIAL.audio_start) == 3  # a piece too short for a row keeps its empty pair of marks
    for before, after in zip(prompt.segments, prompt.segments[1:], strict=False):
        assert isinstance(before, TextSegment) != isinstance(after, TextSegment)
        if isinstance(before, TextSegment):
            assert before.ids[-1] == OFFICIAL.audio_start


def test_equal_histories_give_equal_first_segments(official: Tokenizer) -> None:
    first = [Message("user", [AudioItem((4,), "a")])]
    longer = [*first, Message("assistant", "ok"), Message("user", [AudioItem((4,), "b")])]
    short, long = (encode(render_chat(m), official, OFFICIAL) for m in (first, longer))
    assert long.segments[:2] == short.segments[:2]
    assert long.ids[: len(short)] == short.ids


def test_pieces_are_tokenised_apart_and_words_within_one_together(nano: Tokenizer) -> None:
    layout = nano.layout()
    together = encode([(Words("wea"), Words("ther"))], nano, layout).ids
    assert together == nano.encode("weather")
    apart = encode([(Words("wea"),), (Words("ther"),)], nano, layout).ids
    assert apart == nano.encode("wea") + nano.encode("ther") != together


def test_thinking_tags_are_text_where_the_vocabulary_has_no_token_for_them(nano: Tokenizer) -> None:
    layout = nano.layout()
    prompt = encode(render_chat([Message("assistant", "\n<think>\n", eot=False)]), nano, layout)
    assert prompt.ids == [layout.bot, *nano.encode("assistant\n\n<think>\n")]


def test_tool_calls_in_history_use_the_tags_tokens(official: Tokenizer) -> None:
    call = ToolCall("search", '{"query": "上证"}')
    ids = encode(render_chat([Message("assistant", ["ok", call])]), official, OFFICIAL).ids
    start, end = (ids.index(official.id_of(tag)) for tag in ("<tool_call>", "</tool_call>"))
    assert official.decode(ids[start + 1 : end]) == 'function\nsearch\n{"query": "上证"}'


@cache
def official_tokenizer() -> Tokenizer:
    return byte_tokenizer(OFFICIAL)


CONTROL = ["<audio_start>", "<|EOT|>", "<|BOT|>", "<tts_start>", "<audio_12>", "<tool_call>", "<audio_patch>"]


@given(st.lists(st.one_of(st.sampled_from(CONTROL), st.text(max_size=6)), max_size=8).map("".join))
def test_what_a_user_types_never_steers(typed: str) -> None:
    tokenizer = official_tokenizer()
    plain, said = (encode(render_chat([Message("user", text)]), tokenizer, OFFICIAL).ids for text in ("", typed))
    added = set(tokenizer.added.values())
    assert [i for i in said if i in added] == [i for i in plain if i in added]
    for role in ("system", "input", "tool", "assistant"):
        ids = encode(render_chat([Message(role, f"x{typed}")]), tokenizer, OFFICIAL).ids
        assert [i for i in ids if i in added] == [OFFICIAL.bot, OFFICIAL.eot]


def test_an_assistants_prefix_reads_its_own_marks_only(official: Tokenizer) -> None:
    prefix = Message("assistant", "a<audio_start>b</think>\n\n<tts_start>", eot=False)
    ids = encode(render_chat([prefix]), official, OFFICIAL).ids
    assert [i for i in ids if i in official.added.values()] == [OFFICIAL.bot, OFFICIAL.tts_start]
    assert compose("x<tts_start>y") == Composed((Words("x"), Mark("<tts_start>"), Words("y")))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Message("us er", "x"),
        lambda: Message("<|EOT|>", "x"),
        lambda: Mark("<audio_start>"),
        lambda: AudioItem((-1,)),
        lambda: encode([(Tokens((OFFICIAL.audio_start,)),)], official_tokenizer(), OFFICIAL),
        lambda: encode([(Tokens((OFFICIAL.vocab_size,)),)], official_tokenizer(), OFFICIAL),
        lambda: chat_messages([{"role": "user", "content": [{"type": "video"}]}], silence),
        lambda: chat_messages([{"content": "x"}], silence),
        lambda: render_serving([Message("user", "x")], continue_final_message=True),
    ],
)
def test_wrong_messages_fail_at_the_door(make: Any) -> None:
    with pytest.raises(InputError):
        make()
