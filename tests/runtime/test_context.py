"""A history within bounds: words for old sound, then whole turns forgotten, and seldom."""

import pytest

from antiphon.errors import ConfigError
from antiphon.runtime import live_events as told
from antiphon.runtime.context import STEP_AUDIO_1, STEP_AUDIO_2, Retention, compact, in_words
from antiphon.runtime.history import Answered, Called, Entry, Heard, Spoken, Written
from antiphon.runtime.manner import Settings
from antiphon.text.chat import AudioItem
from tests.runtime.stage import TURN, VAD, Stage, check_answered, check_told
from tests.runtime.world import DIALECT, LAYOUT, TOKENIZER

IDS = tuple(LAYOUT.interleave(TOKENIZER.encode("it is a quick fox"), range(60)))[1:]


def turn(number: int, seconds: int = 4) -> tuple[Entry, ...]:
    """A question of some seconds, a call, its result, an answer of 2.4 s."""
    rows = (seconds * 25) // 2
    return (
        Heard(f"q{number}", (AudioItem((rows,), f"k{number}"),), "the quick brown fox"),
        Called(f"c{number}", f"call{number}", "clock", "{}"),
        Answered(f"r{number}", f"call{number}", "noon"),
        Spoken(f"a{number}", f"t{number}", IDS),
    )


def history(turns: int) -> tuple[Entry, ...]:
    return (Written("s", "system", "listen"), *(entry for n in range(turns) for entry in turn(n)))


def test_nothing_changes_within_the_budget() -> None:
    whole = history(3)
    done = compact(whole, DIALECT.size(whole), Retention(), DIALECT.size, DIALECT.text_of)
    assert done.history is whole and not done.written and not done.dropped
    off = compact(whole, 10, Retention(is_off=True), DIALECT.size, DIALECT.text_of)
    assert off.history is whole


def test_old_sound_becomes_words_first() -> None:
    whole = history(6)
    size = DIALECT.size(whole)
    done = compact(whole, size - 1, Retention(ratio=0.7), DIALECT.size, DIALECT.text_of)
    assert done.written and not done.dropped and DIALECT.size(done.history) <= 0.7 * size
    names = [entry.id for entry in whole if isinstance(entry, Heard | Spoken)]
    assert list(done.written) == names[: len(done.written)]  # oldest first
    by_name = {entry.id: entry for entry in done.history}
    assert by_name["q0"] == Heard("q0", ("the quick brown fox",), "the quick brown fox")
    assert by_name["a0"] == Written("a0", "assistant", "it is a quick fox")
    assert done.history[-8:] == whole[-8:]  # the last two turns keep their sound
    assert done.sound - done.words == size - DIALECT.size(done.history) and done.sound > 4 * done.words


def test_then_whole_turns_go_and_the_instruction_and_the_last_turn_stay() -> None:
    whole = history(8)
    done = compact(whole, 300, Retention(ratio=0.5), DIALECT.size, DIALECT.text_of)
    kept = {entry.id for entry in done.history}
    assert {"s", "q7", "c7", "r7", "a7"} <= kept and {"q0", "c0", "r0", "a0"} <= set(done.dropped)
    for number in range(8):  # a question goes with its answer, a call with its result
        assert len({name in kept for name in (f"q{number}", f"c{number}", f"r{number}", f"a{number}")}) == 1
    assert not set(done.written) & set(done.dropped)


def test_words_that_are_not_known_are_not_made_up() -> None:
    unknown = Heard("q", (AudioItem((40,), "k"),))
    assert in_words(unknown, DIALECT.text_of) is None
    assert in_words(Heard("q", ("typed",), "typed"), DIALECT.text_of) is None
    cut = in_words(Spoken("a", "t", IDS, heard_ms=170), DIALECT.text_of)
    assert cut == Written("a", "assistant", TOKENIZER.decode(TOKENIZER.encode("it is a quick fox")[:1]).strip())


def test_the_beginning_survives_between_two_compactions() -> None:
    kept: tuple[Entry, ...] = (Written("s", "system", "listen"),)
    changes = []
    for number in range(60):
        before = kept
        kept = compact((*kept, *turn(number)), 900, Retention(ratio=0.6), DIALECT.size, DIALECT.text_of).history
        changes.append(kept[: len(before)] != before)
        assert DIALECT.size(kept) <= 900
    assert 0 < sum(changes) <= 20  # hysteresis: most turns only append


def test_hours_of_talk_in_a_bounded_context() -> None:
    settings = Settings(detector=VAD, retention=Retention(budget=400, ratio=0.5))
    stage = Stage(settings)
    for _ in range(14):
        stage.talk(*TURN).wait(8_000)
    assert stage.of(told.Compacted) and DIALECT.size(stage.live.history) <= 400 + 120
    assert len(stage.mind.sounds) <= 14
    check_told(stage)
    check_answered(stage)


def test_what_it_saves_depends_on_the_rates() -> None:
    minute = (60.0, 60.0, 2 * 60 * 3)  # heard, spoken, words: about three a second
    assert STEP_AUDIO_1.ratio(*minute) == pytest.approx(13.9, abs=0.1)
    assert STEP_AUDIO_2.ratio(60.0, 0.0, 180) == pytest.approx(4.2, abs=0.1)
    assert STEP_AUDIO_2.ratio(0.0, 60.0, 180) == pytest.approx(10.4, abs=0.1)


def test_settings_that_cannot_be() -> None:
    with pytest.raises(ConfigError):
        Retention(ratio=1.5)
    with pytest.raises(ConfigError):
        Retention(sound_turns=0)
