"""Another speed changes how long it takes, not how high it is."""

import numpy as np
import pytest
import torch

from antiphon.errors import InputError
from antiphon.rates import SPOKEN_HZ
from antiphon.runtime.pace import MOST, PER_MS, Stretch, check, factors


@pytest.mark.parametrize("speed", [0.25, 0.8, 1.5, 4.0])
def test_it_takes_longer_or_shorter_at_the_same_pitch(speed: float) -> None:
    pytest.importorskip("av")
    time = torch.arange(2 * SPOKEN_HZ) / SPOKEN_HZ
    tone, stretch = 0.5 * torch.sin(2 * torch.pi * 440 * time), Stretch(speed)
    parts = [part for piece in tone.split(9600) for part in stretch.push(piece)]
    heard = torch.cat([*parts, *stretch.finish()])
    assert len(heard) == int(len(tone) / speed) and not any(len(part) % PER_MS for part in parts)
    loudest = np.abs(np.fft.rfft(heard.numpy())).argmax() * SPOKEN_HZ / len(heard)
    assert loudest == pytest.approx(440, rel=0.02) and float(heard.abs().max()) < 0.6


def test_a_speed_is_a_product_of_what_one_filter_can_do() -> None:
    for speed in (0.25, 0.3, 0.5, 1.0, 2.0, 3.9, 4.0):
        found = factors(speed)
        assert np.prod(found) == pytest.approx(speed) and all(1 / MOST <= one <= MOST for one in found)
    assert factors(1.25) == [1.25]


def test_without_the_library_it_is_refused_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("antiphon.runtime.pace.find_spec", lambda name: None)
    check(1.0)
    with pytest.raises(InputError, match="leave speed out"):
        Stretch(2.0)
