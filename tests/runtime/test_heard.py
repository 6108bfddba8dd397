"""What was heard of an utterance, id by id."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from antiphon.runtime.dialect import Dialect
from antiphon.runtime.heard import CODE_MS, closed, duration_ms, heard_ids, num_codes, whole_codes, words_of
from antiphon.runtime.history import Answered, Called, Heard, Spoken, Written
from antiphon.text.chat import AudioItem, Mark, Message, Tokens
from antiphon.text.toolcall import ToolCall
from tests.runtime.world import DIALECT, LAYOUT, TOKENIZER, parsed

texts = st.text("the quick fox é 你", max_size=12)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(texts, st.integers(0, 40), st.integers(0, 2_000), st.booleans())
def test_a_cut_turn_is_a_turn_woven_of_what_was_heard(text: str, codes: int, heard_ms: int, is_cut_off: bool) -> None:
    words = TOKENIZER.encode(text)
    ids = tuple(LAYOUT.interleave(words, range(codes)))[1:]
    kept = heard_ids(ids[:-1] if is_cut_off else ids, LAYOUT, heard_ms)
    num = min(heard_ms // CODE_MS, codes)
    if num == codes and not is_cut_off:
        assert kept == ids
    elif not num:
        assert kept == ()
    else:
        groups = -(-num // LAYOUT.audio_per_group)
        assert kept == tuple(LAYOUT.interleave(words[:groups], range(num)))[1:]
    assert words_of(kept, TOKENIZER, LAYOUT) == parsed(kept).replace("\ufffd", "") or "\ufffd" in parsed(kept)
    assert heard_ids(kept, LAYOUT, heard_ms) == kept


@given(st.integers(0, 5_000), st.sampled_from([0.25, 0.7, 0.9, 1.0, 1.1, 1.3, 1.5, 4.0]))
def test_at_another_speed_a_code_takes_another_time(codes: int, speed: float) -> None:
    ms = duration_ms(codes, speed)
    assert ms <= codes * CODE_MS / speed + 1e-6 and codes * CODE_MS / speed < ms + 1 + 1e-6
    assert whole_codes(ms + 1, speed) >= codes and (not codes or whole_codes(ms - 1, speed) < codes)
    ids = tuple(LAYOUT.interleave(TOKENIZER.encode("the quick fox"), range(8)))[1:]
    assert heard_ids(ids, LAYOUT, duration_ms(8, speed), speed) == ids
    assert num_codes(heard_ids(ids, LAYOUT, duration_ms(8, speed) // 2, speed), LAYOUT) in (3, 4)


def test_streams_that_are_woven_otherwise_are_cut_too() -> None:
    word, code, pad = TOKENIZER.encode("a")[0], LAYOUT.id_of(3), LAYOUT.audio_pad
    ids = (word, word, code, pad, code, code, code, word)
    assert num_codes(ids, LAYOUT) == 4
    assert heard_ids(ids, LAYOUT, 40) == (word, word, code, pad, pad, pad, LAYOUT.tts_end)
    assert heard_ids(ids, LAYOUT, 80) == (word, word, code, pad, code, pad, LAYOUT.tts_end)
    assert heard_ids(ids, LAYOUT, 9_999) == (*ids[:-1], LAYOUT.tts_end)
    assert heard_ids(ids, LAYOUT, None) == (*ids, LAYOUT.tts_end) == closed(ids, LAYOUT)


def test_entries_are_told_as_messages() -> None:
    ids = tuple(LAYOUT.interleave(TOKENIZER.encode("a fox"), range(8)))[1:]
    call = tuple(TOKENIZER.encode("call"))
    history = (
        Written("s", "system", "listen"),
        Heard("h", ("look", AudioItem((3,), "k"))),
        Spoken("a", "r/1", ids, heard_ms=40),
        Called("c", "call1", "clock", "{}", "r/1", call),
        Answered("t", "call1", "noon"),
        Spoken("b", "r/2", ids, heard_ms=0),
        Called("d", "call2", "clock", '{"a": 1}'),
        Written("e", "assistant", ""),
    )
    cut = heard_ids(ids, LAYOUT, 40)
    assert DIALECT.messages(history) == [
        Message("system", "listen"),
        Message("human", ("look", AudioItem((3,), "k"))),
        Message("assistant", (Mark("<tts_start>"), Tokens(cut), Tokens(call))),
        Message("input", "noon"),
        Message("assistant", (ToolCall("clock", '{"a": 1}'),)),
    ]
    whole = Dialect(DIALECT.variant, TOKENIZER, LAYOUT)
    assert whole.size(history) >= whole.size_of(whole.messages(history)) - 8
