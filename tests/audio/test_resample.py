"""The resampler equals the released one; any rates, lengths and chunks give the promised samples."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.audio import resample as module
from antiphon.audio.resample import Resampler, resample
from antiphon.errors import InputError
from tests.model.released import arrays

RATES = {"24k": 24_000, "8000": 8000, "44100": 44_100, "48000": 48_000}


@pytest.mark.parametrize("name", RATES)
def test_equals_the_released_resampler(golden_lm: Path, name: str) -> None:
    held = arrays(golden_lm / "resample.npz")
    y = resample(held[f"in_{name}"], RATES[name], 16_000)
    torch.testing.assert_close(y, held[f"out_{name}_to_16k"], atol=1e-5, rtol=0)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    rates=st.sampled_from([(24_000, 16_000), (16_000, 24_000), (44_100, 16_000), (11_025, 8000), (7, 5)]),
    chunks=st.lists(st.integers(0, 700), min_size=1, max_size=8),
)
def test_any_chunking_is_the_whole(rates: tuple[int, int], chunks: list[int]) -> None:
    x = torch.randn(2, sum(chunks), generator=torch.Generator().manual_seed(1))
    resampler, state, parts = Resampler(*rates), None, []
    for index, chunk in enumerate(torch.split(x, chunks, dim=-1)):
        y, state = resampler(chunk, state, final=index == len(chunks) - 1)
        parts.append(y)
    y = torch.cat(parts, dim=-1)
    assert y.shape[-1] == -(-sum(chunks) * rates[1] // rates[0])
    torch.testing.assert_close(y, resampler(x)[0], atol=1e-6, rtol=0)


@pytest.mark.parametrize("rates", [(441, 160), (160, 441), (7, 5), (1, 3), (48, 1)])
def test_the_band_equals_the_full_filters(monkeypatch: pytest.MonkeyPatch, rates: tuple[int, int]) -> None:
    x = torch.randn(2, 3000, generator=torch.Generator().manual_seed(2))
    full = resample(x, *rates)
    monkeypatch.setattr(module, "DENSE_LIMIT", 0)
    torch.testing.assert_close(resample(x, *rates), full, atol=2e-6, rtol=0)


def test_a_long_recording_worked_on_in_parts_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.randn(72_000, generator=torch.Generator().manual_seed(3))
    whole = resample(x, 24_000, 16_000)
    monkeypatch.setattr(module, "MINUTE", 1)
    torch.testing.assert_close(resample(x, 24_000, 16_000), whole, atol=1e-6, rtol=0)


def test_a_tone_keeps_its_pitch_and_what_cannot_be_held_is_gone() -> None:
    t = torch.arange(48_000) / 48_000
    y = resample(torch.sin(2 * torch.pi * 1000 * t), 48_000, 16_000)
    expected = torch.sin(2 * torch.pi * 1000 * torch.arange(16_000) / 16_000)
    torch.testing.assert_close(y[200:-200], expected[200:-200], atol=2e-3, rtol=0)
    alias = resample(torch.sin(2 * torch.pi * 12_000 * t), 48_000, 16_000)
    assert float(alias[200:-200].abs().max()) < 2e-2


@pytest.mark.parametrize("rate", [768_000, 44_056, 1])
def test_odd_rates_work(rate: int) -> None:
    assert resample(torch.randn(rate // 10 + 1), rate, 16_000).isfinite().all()


def test_the_same_rate_is_the_same_sound_and_no_rate_is_refused() -> None:
    x = torch.randn(1, 100)
    assert torch.equal(resample(x, 16_000, 16_000), x) and torch.equal(Resampler(5, 5)(x)[0], x)
    with pytest.raises(InputError, match="at least 1"):
        Resampler(0, 16_000)
