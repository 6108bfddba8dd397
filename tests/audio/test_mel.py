"""The log-mel equals the released front end, at the edges too, alone and in batches."""

from pathlib import Path

import pytest
import torch

from antiphon.audio.filters import hann, mel_filters
from antiphon.audio.mel import FFT_SIZE, NUM_MELS, log_mel, log_mel_batch
from antiphon.errors import InputError
from antiphon.rates import HEARD_HZ, mel_frames
from tests.model.released import arrays

LENGTHS = (1, 160, 161, 400, 1600)


def sound(folder: Path, name: str) -> torch.Tensor:
    waves = arrays(folder / "waves.npz")
    if name.startswith("len"):
        return waves["sine"][: int(name[3:])]
    return {"real": waves["real_i16"] / 32768.0, "silence_1600": torch.zeros(1600)}.get(name, waves.get(name))


def test_filters_and_window(golden_lm: Path) -> None:
    expected = arrays(golden_lm / "filterbank.npz")
    filters = mel_filters(HEARD_HZ, FFT_SIZE, NUM_MELS)
    torch.testing.assert_close(filters, expected["mel_filters"], atol=1e-7, rtol=0)
    torch.testing.assert_close(hann(FFT_SIZE), expected["window"], atol=1e-7, rtol=0)


@pytest.mark.parametrize("name", ["sine", "noise", "chirp", "real", "silence_1600", *(f"len{n}" for n in LENGTHS)])
def test_log_mel_equals_the_released_one(golden_lm: Path, name: str) -> None:
    wave = sound(golden_lm, name)
    mel = log_mel(wave)
    torch.testing.assert_close(mel, arrays(golden_lm / "mel.npz")[f"mel_{name}"], atol=2e-4, rtol=0)
    assert mel.shape[-1] == mel_frames(len(wave))


def test_a_batch_of_any_lengths_equals_each_alone(golden_lm: Path) -> None:
    waves = [sound(golden_lm, n) for n in ("real", "len1", "noise", "len161")]
    for pad in (479, 1000):
        batch, num_frames = log_mel_batch(waves, pad=pad)
        for mel, n, wave in zip(batch, num_frames.tolist(), waves, strict=True):
            torch.testing.assert_close(mel[:, :n], log_mel(wave, pad=pad), atol=1e-5, rtol=0)
            assert (mel[:, n:] == 0).all()
    unpadded, num_frames = log_mel_batch([waves[0], waves[2]], pad=0)
    torch.testing.assert_close(unpadded[1, :, : num_frames[1]], log_mel(waves[2], pad=0), atol=1e-5, rtol=0)


def test_equal_lengths_need_no_list(golden_lm: Path) -> None:
    wave = sound(golden_lm, "chirp")
    stacked = log_mel(torch.stack([wave, wave * 0.1]))
    torch.testing.assert_close(stacked[1], log_mel(wave * 0.1), atol=1e-5, rtol=0)


def test_silence_is_the_floor_and_loudness_cancels_only_at_the_top() -> None:
    assert (log_mel(torch.zeros(1600)) == -1.5).all()
    torch.manual_seed(0)
    wave = torch.randn(8000) * 0.1
    loud, quiet = log_mel(wave), log_mel(wave * 0.1)
    assert float(loud.max() - loud.min()) <= 2.0 + 1e-6  # eight decades of power, divided by four
    assert float(loud.max() - quiet.max()) == pytest.approx(0.5, abs=1e-4)  # 20 dB are two decades


@pytest.mark.parametrize(("n", "pad"), [(0, 479), (0, 0), (200, 0)])
def test_a_piece_too_short_is_refused(n: int, pad: int) -> None:
    with pytest.raises(InputError, match="too short"):
        log_mel(torch.zeros(n), pad=pad)
    with pytest.raises(InputError, match="at least one"):
        log_mel_batch([])


def test_constants_made_in_inference_mode_do_not_forbid_gradients_later() -> None:
    mel_filters.cache_clear()
    hann.cache_clear()
    with torch.inference_mode():
        log_mel(torch.randn(1600))
    wave = torch.randn(1600, requires_grad=True)
    log_mel(wave).sum().backward()
    assert wave.grad is not None and wave.grad.isfinite().all()
