"""Recorded users: when their voice ends, where they pause, and what is made of the times they wrote down."""

from pathlib import Path

import pytest
import torch

from antiphon.audio.wave import Audio
from antiphon.rates import HEARD_HZ
from antiphon.runtime.callers import Heard, ends_at, open_house, plain, with_pause
from antiphon.runtime.dialogue import Speculations
from antiphon.runtime.manner import Settings
from antiphon.runtime.measure_first import measure_first
from antiphon.runtime.measure_live import cut_offs, first_sounds, shares, spread
from antiphon.runtime.model import load
from antiphon.runtime.turns import ServerVad


def words() -> torch.Tensor:
    """Two words of half a second, and silence around them."""
    word = torch.sin(torch.arange(HEARD_HZ // 2) / 3)
    silence = torch.zeros(HEARD_HZ // 4)
    return torch.cat([silence, word, silence, word, silence])


def test_a_voice_ends_where_it_falls_silent() -> None:
    assert abs(ends_at(words()) - 1.5) < 0.01 and plain(words()).goes_on_s is None


def test_a_pause_is_put_between_words() -> None:
    said = with_pause(words(), 0.6)
    assert len(said.wave) == len(words()) + 0.6 * HEARD_HZ and abs(said.end_s - 2.1) < 0.01
    assert said.goes_on_s is not None and 0.75 + 0.6 <= said.goes_on_s <= 1.0 + 0.6
    silent = said.wave[int(0.8 * HEARD_HZ) : int(1.5 * HEARD_HZ)]
    assert not silent.any()


def test_a_turn_is_cut_off_if_it_was_decided_before_it_went_on() -> None:
    assert Heard(3.0, goes_on_s=2.0, decided_s=[1.5, 3.5]).was_cut_off
    assert not Heard(3.0, goes_on_s=2.0, decided_s=[3.5]).was_cut_off
    assert not Heard(3.0, decided_s=[1.0, 3.5]).was_cut_off


def test_times_are_told_from_the_end_and_from_the_decision() -> None:
    heard = [Heard(1.0, decided_s=[1.5], first_sound_s=1.5 + n / 100, cpu_s=n / 1000) for n in range(20)]
    found = first_sounds([*heard, Heard(9.0)])
    assert found["replies"] == 21 and found["from_end_ms"] == {"p50": 600.0, "p95": 690.0}
    assert found["from_decision_ms"] == {"p50": 100.0, "p95": 190.0} and found["from_decision_cpu_ms"]["p50"] == 10.0
    assert first_sounds([Heard(9.0)]) == {"replies": 1} and spread([0.001]) == {"p50": 1.0, "p95": 1.0}
    assert shares(Speculations(8, 6, 2, 30))["committed_share"] == 0.75
    assert "committed_share" not in shares(Speculations())


def test_cut_offs_are_told_by_the_length_of_the_pause() -> None:
    on, off = Heard(3.0, goes_on_s=2.0, decided_s=[3.5]), Heard(3.0, goes_on_s=2.0, decided_s=[1.5, 3.5])
    found = cut_offs([600, 150, 600, 150], [off, on, on, on])
    assert found == {"150 ms": {"turns": 2, "cut_off": 0}, "600 ms": {"turns": 2, "cut_off": 1}}


def test_a_first_sound_is_made_of_its_steps(nano: Path) -> None:
    found = measure_first(load(nano), Audio.read(nano / "question.wav"), streams=2, repeats=1)
    steps = [found[f"{name}_ms"] for name in ("hear", "prompts", "open", "tokens", "chunk")]
    assert all(ms > 0 for ms in steps) and sum(steps) <= found["whole_ms"] + 0.1
    assert found["prompt_steps"] > 2 and found["token_steps"] >= 16  # ten places a step; 13 codes and their words


@pytest.mark.slow
def test_conversations_are_held_by_the_clock(nano: Path) -> None:
    import asyncio

    question = plain(Audio.read(nano / "question.wav").heard)

    async def hold() -> tuple[list[list[Heard]], Speculations]:
        async with open_house(load(nano), streams=2) as house:
            return await house.hold(2, Settings(detector=ServerVad()), [question])

    heard, counts = asyncio.run(hold())
    assert counts.started == counts.committed + counts.discarded >= 2
    for (one,) in heard:
        assert one.first_sound_s is not None and one.sound_s > 1
        assert one.ended_s < one.decided_s[0] <= one.first_sound_s and one.decided_s[0] - one.ended_s > 0.3
