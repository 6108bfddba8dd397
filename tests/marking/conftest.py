"""Speech to mark: the voice that ships, and other voices where an engine is installed."""

from pathlib import Path

import numpy as np
import pytest

from antiphon.audio.wave import Audio
from antiphon.rates import SPOKEN_HZ
from antiphon.weights.find import PRESETS


@pytest.fixture(scope="session")
def speech() -> np.ndarray:
    """3.5 s at 24 kHz."""
    return Audio.read(Path(PRESETS / "nano" / "voice.wav")).mean().at(SPOKEN_HZ).samples[0].numpy()
