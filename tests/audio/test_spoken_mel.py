"""The spoken mel and the Kaldi filter bank equal the released front ends."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from antiphon.audio.fbank import fbank
from antiphon.audio.spoken_mel import SILENCE, spoken_mel
from antiphon.errors import InputError


def arrays(path: Path) -> dict[str, Tensor]:
    with np.load(path) as file:
        return {name: torch.from_numpy(file[name]) for name in file.files}


def test_spoken_mel(golden_voice: Path) -> None:
    wave = arrays(golden_voice / "resample.npz")["pcm16_24k"].float() / 32768
    expected = arrays(golden_voice / "features.npz")["mel24k_80"]
    torch.testing.assert_close(spoken_mel(wave), expected, atol=2e-5, rtol=0)
    assert torch.equal(spoken_mel(wave.expand(2, 1, -1))[1, 0], spoken_mel(wave))


def test_kaldi_filter_bank(golden_voice: Path) -> None:
    z = arrays(golden_voice / "features.npz")
    found = fbank(arrays(golden_voice / "resample.npz")["a24k_to_16k"])
    torch.testing.assert_close(found, z["kaldi_fbank_80"], atol=5e-4, rtol=0)
    torch.testing.assert_close(found - found.mean(0), z["kaldi_fbank_80_cmn"], atol=5e-4, rtol=0)
    torch.testing.assert_close(found.double(), z["kaldi_fbank_80_own_float64"], atol=5e-4, rtol=0)


def test_a_mel_can_be_a_loss() -> None:
    wave = torch.zeros(1, 4800, requires_grad=True)
    mel = spoken_mel(wave)
    assert mel.shape == (1, 80, 10)
    torch.testing.assert_close(mel, torch.full_like(mel, SILENCE))
    spoken_mel(wave + 0.1 * torch.sin(torch.arange(4800) / 7)).sum().backward()
    assert wave.grad is not None and bool(wave.grad.isfinite().all()) and bool((wave.grad != 0).any())


def test_clips_without_a_frame_are_refused() -> None:
    with pytest.raises(InputError, match="24 kHz"):
        spoken_mel(torch.zeros(720))
    with pytest.raises(InputError, match="25 ms"):
        fbank(torch.zeros(399))
