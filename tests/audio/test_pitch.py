"""Pitch: a tone is found at its place, and nothing is found where there is no voice."""

import numpy as np
import pytest
import torch

from antiphon.audio.pitch import pitch
from antiphon.rates import FRAME_HOP, SPOKEN_HZ


def sung(hz: np.ndarray) -> torch.Tensor:
    """Five harmonics at a pitch given for every sample; the first is the weakest."""
    phase = 2 * np.pi * np.cumsum(hz) / SPOKEN_HZ
    return torch.from_numpy(sum(k * np.sin(k * phase) for k in range(1, 6)) / 30).float()


@pytest.mark.parametrize("hz", [75.0, 120.0, 233.3, 410.0])
def test_a_steady_voice_is_found(hz: float) -> None:
    found = pitch(sung(np.full(SPOKEN_HZ // 2, hz)))
    assert found.shape == (25,)
    assert (found[2:-2] / hz - 1).abs().max() < 0.01


def test_a_gliding_voice_is_followed_without_jumps() -> None:
    hz = 100 * 2 ** np.linspace(0, 1, SPOKEN_HZ)
    found, middle = pitch(sung(hz)), hz[FRAME_HOP // 2 :: FRAME_HOP]
    assert (found[2:-2] / torch.from_numpy(middle[2:-2]) - 1).abs().max() < 0.02


def test_noise_and_silence_have_none() -> None:
    noise = torch.from_numpy(np.random.default_rng(0).normal(0, 0.1, SPOKEN_HZ)).float()
    assert (pitch(noise) == 0).float().mean() > 0.9
    assert (pitch(torch.zeros(SPOKEN_HZ)) == 0).all()
    assert pitch(torch.zeros(FRAME_HOP - 1)).shape == (0,)


def test_a_voice_begins_and_ends_in_silence() -> None:
    voice = torch.cat([torch.zeros(4800), sung(np.full(9600, 150.0)), torch.zeros(4800)])
    is_voiced = pitch(voice) > 0
    assert is_voiced[12:28].all() and not is_voiced[:8].any() and not is_voiced[32:].any()
