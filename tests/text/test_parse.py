import pickle
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.errors import InputError
from antiphon.text.layout import OFFICIAL
from antiphon.text.parse import Codes, End, Event, Parser, Text, Think, ToolCall, merge
from antiphon.text.tokenizer import AddedToken, Tokenizer, byte_tokenizer, train_bpe
from antiphon.text.toolcall import parse_tool_calls

from .conftest import read_golden

TINY = OFFICIAL.shifted(-151200)
TOKENIZER = byte_tokenizer(TINY)
PLAIN = Tokenizer(TOKENIZER._spec, [t for t in TOKENIZER.added_tokens if "tool_call" not in t.name])
OFFERED = frozenset(("search", "f", "f1", "f2"))
PARSER = Parser(TOKENIZER, TINY, tools=OFFERED)
PLAIN_PARSER = Parser(PLAIN, TINY, tools=OFFERED)  # a vocabulary in which every tag is written letter by letter
SPEAK = [TINY.tts_start]
TAG_IDS = {tag: TOKENIZER.id_of(tag) for tag in ("<tool_call>", "</tool_call>")}


def reply(text: str, tokenizer: Tokenizer = TOKENIZER) -> list[int]:
    """Ids of a reply as a model writes it: tags are tokens where the vocabulary has them."""
    ids, rest = [], text
    while rest:
        found = [(rest.find(tag), tag) for tag in TAG_IDS if tag in rest and tag in tokenizer.added]
        at, tag = min(found, default=(len(rest), ""))
        ids += tokenizer.encode(rest[:at]) + ([tokenizer.added[tag]] if tag else [])
        rest = rest[at + len(tag) :]
    return ids


def test_speech_then_words_then_a_call() -> None:
    call = '<tool_call>function\nsearch\n{"query": "\u4e0a\u8bc1"}</tool_call>'
    woven = TINY.interleave(TOKENIZER.encode("ok"), range(9))[1:]
    ids = [*woven, *reply(f"well {call}"), TINY.eot]
    assert merge(e for e in PARSER.parse(ids, SPEAK) if isinstance(e, Codes)) == (Codes(tuple(range(9))),)
    rest = merge(e for e in PARSER.parse(ids, SPEAK) if not isinstance(e, Codes))
    expected = (Text("ok", spoken=True), Text("well "), ToolCall("search", '{"query": "\u4e0a\u8bc1"}'), End(TINY.eot))
    assert rest == expected


@pytest.mark.parametrize("name", read_golden("ta4.json")["split"])
def test_events_hold_what_the_released_split_finds(name: str) -> None:
    case = read_golden("ta4.json")["split"][name]
    events = PARSER.parse(case["output_ids"], SPEAK)
    codes = [code for event in events if isinstance(event, Codes) for code in event.codes]
    spoken = "".join(event.text for event in events if isinstance(event, Text) and event.spoken)
    other = "".join(event.text for event in events if isinstance(event, Text) and not event.spoken)
    assert codes == [TINY.code_of(i) for i in case["audio"]]
    assert spoken == TOKENIZER.decode(case["text"])
    assert other == TOKENIZER.decode(i for i in case["other"] if i != TINY.eot)
    assert events[-1] == End(TINY.eot if TINY.eot in case["output_ids"] else None)


@pytest.mark.parametrize("parser", [PARSER, PLAIN_PARSER])
@pytest.mark.parametrize("name", read_golden("toolcalls.json"))
def test_calls_equal_the_reference(name: str, parser: Parser) -> None:
    case = read_golden("toolcalls.json")[name]
    events = parser.parse(reply(case["text"], parser.tokenizer))
    calls = [{"function": {"name": e.name, "arguments": e.arguments}} for e in events if isinstance(e, ToolCall)]
    text = "".join(e.text for e in events if isinstance(e, Text))
    assert calls == case["nonstreaming"]["tool_calls"]
    assert text == case["nonstreaming"].get("content", "")


@pytest.mark.parametrize("opened", [True, False])
def test_thinking(opened: bool) -> None:
    thought = "" if opened else "\n<think>\n"
    woven = TINY.interleave(TOKENIZER.encode("hi"), [1, 2])
    ids = [*reply(f"{thought}so <b>\n</think>\n\n"), *woven, TINY.eot]
    events = PARSER.parse(ids, thinking=opened)
    spoken = [e for e in events if isinstance(e, Text)]
    assert events[0] == Think("so <b>\n")
    assert "".join(e.text for e in spoken) == "hi" and all(e.spoken for e in spoken)
    assert [c for e in events if isinstance(e, Codes) for c in e.codes] == [1, 2] and events[-1] == End(TINY.eot)


def test_thinking_without_speech_and_thinking_tags_elsewhere_are_words() -> None:
    assert PARSER.parse(reply("<think>a</think>\n\nb <think>c")) == (Think("a"), Text("b <think>c"), End())
    assert PARSER.parse(reply("x <think>c</think>")) == (Text("x <think>c</think>"), End())
    assert PARSER.parse(reply("never closed </thin"), thinking=True) == (Think("never closed </thin"), End())


def test_thinking_tags_that_are_tokens() -> None:
    extra = [AddedToken("<think>", 310), AddedToken("</think>", 311)]
    tokenizer = Tokenizer(TOKENIZER._spec, [*TOKENIZER.added_tokens, *extra])
    ids = [*tokenizer.encode("\n"), 310, *tokenizer.encode("\nab"), 311, *tokenizer.encode("\n\nc <think>")]
    assert Parser(tokenizer, TINY).parse(ids) == (Think("ab"), Text("c <think>"), End())


def test_letters_of_a_tag_are_no_tag_where_a_token_exists() -> None:
    typed = TOKENIZER.encode("<tool_call>function\nsearch\n{}</tool_call>")
    assert PARSER.parse(typed) == (Text("<tool_call>function\nsearch\n{}</tool_call>"), End())
    assert PLAIN_PARSER.parse(typed) == (ToolCall("search", "{}"), End())


def test_a_character_spread_over_groups_of_speech() -> None:
    first, second, third = TOKENIZER.encode("\u4e2d")
    codes = [TINY.id_of(n) for n in range(4)]
    ids = [first, *codes, second, *codes, third, *codes, TINY.tts_end, TINY.eot]
    events = PARSER.parse(ids, SPEAK)
    assert [e for e in events if isinstance(e, Text)] == [Text("\u4e2d", spoken=True)]
    cut = PARSER.parse([first, *codes, TINY.tts_end], SPEAK)
    assert [e for e in cut if isinstance(e, Text)] == [Text("\ufffd", spoken=True)]


def test_padding_says_nothing_and_wrong_ids_are_refused() -> None:
    assert PARSER.parse([TINY.tts_pad, *[TINY.audio_pad] * 4, TINY.tts_end, TINY.eot], SPEAK) == (End(TINY.eot),)
    assert PARSER.parse([TINY.tts_pad, TINY.audio_pad, TINY.bot, TINY.audio_start]) == (End(),)
    for prompt in (SPEAK, []):
        for token in (TINY.audio_pad + 1, -1, 300):
            with pytest.raises(InputError):
                PARSER.parse([token], prompt)


def test_nothing_follows_the_end() -> None:
    state, _ = PARSER.step(PARSER.start(), TINY.eot)
    assert PARSER.flush(state) == (state, ())
    with pytest.raises(InputError, match="after the end"):
        PARSER.step(state, 5)


def test_stop_tokens_can_be_chosen() -> None:
    parser = Parser(TOKENIZER, TINY, stop_ids=frozenset([TINY.pad]))
    assert parser.parse([*reply("a"), TINY.eot, *reply("b"), TINY.pad]) == (Text("ab"), End(TINY.pad))


tokens = st.one_of(
    st.integers(0, 255),
    st.sampled_from([TINY.tts_start, TINY.tts_end, TINY.tts_pad, TINY.audio_pad, *TAG_IDS.values()]),
    st.integers(TINY.first_audio, TINY.audio_pad - 1),
)
FRAGMENTS = [
    "<think>",
    "</think>",
    "\n\n",
    "<tool_call>",
    "</tool_call>",
    "function\nsearch\n",
    '{"a": 1}',
    "<to",
    "\u4e2d",
]
fragments = st.sampled_from(FRAGMENTS)
fragment_ids = st.sampled_from([reply(fragment) for fragment in FRAGMENTS])
replies = st.lists(st.one_of(tokens.map(lambda t: [t]), fragment_ids), max_size=16).map(
    lambda lists: [token for tokens in lists for token in tokens]
)


@given(replies, st.booleans(), st.booleans(), st.sampled_from([PARSER, Parser(TOKENIZER, TINY, tools=None)]))
def test_a_reply_saved_midway_goes_on(ids: list[int], speak: bool, think: bool, parser: Parser) -> None:
    whole = parser.parse(ids, SPEAK if speak else [], thinking=think)
    state, events = parser.start(SPEAK if speak else [], thinking=think), list[Event]()
    for token in ids:
        before = state
        state, _ = parser.step(before, token)  # looked at, then gone back
        state, news = parser.step(pickle.loads(pickle.dumps(before)), token)
        events += news
    assert merge([*events, *parser.flush(state)[1]]) == whole
    assert not any(isinstance(e, Text | Think) and not e.text for e in events)


@given(replies, st.booleans())
def test_no_sound_and_no_spoken_word_is_lost(ids: list[int], speak: bool) -> None:
    events = PARSER.parse(ids, SPEAK if speak else [])
    codes = [c for e in events if isinstance(e, Codes) for c in e.codes]
    assert codes == [TINY.code_of(i) for i in ids if TINY.is_speech(i)]


@given(st.lists(fragments, max_size=8).map("".join))
def test_whole_text_replies_equal_the_reading_of_strings(text: str) -> None:
    """Where all calls are well formed, or there is none, the stream and the string reading agree."""
    text = f"x{text}"
    parsed = parse_tool_calls(text, OFFERED)
    words = "".join(e.text for e in PLAIN_PARSER.parse(reply(text, PLAIN)) if isinstance(e, Text))
    calls = tuple(e for e in PLAIN_PARSER.parse(reply(text, PLAIN)) if isinstance(e, ToolCall))
    if parsed.calls or "<tool_call>" not in text:
        assert (words, calls) == (parsed.content, parsed.calls)
    elif not calls:
        assert words == text


def test_every_way_to_cut_text_into_tokens_reads_the_same() -> None:
    text = '<think>\nhm</think>\n\nso <tool_call>function\nsearch\n{"q": "a<b"}</tool_call> done'
    merged = train_bpe([text] * 3, 300)
    tokenizer = Tokenizer(merged._spec, [t for t in merged.added_tokens if "tool_call" not in t.name])
    layout = replace(merged.layout(), stop_ids=(merged.layout().eot,))
    parser = Parser(tokenizer, layout)
    one_by_one = [tokenizer.encode(letter)[0] for letter in text]
    in_tokens = tokenizer.encode(text)
    assert len(in_tokens) < len(one_by_one)
    expected = (Think("hm"), Text("so "), ToolCall("search", '{"q": "a<b"}'), Text(" done"), End())
    assert parser.parse(one_by_one) == parser.parse(in_tokens) == expected
