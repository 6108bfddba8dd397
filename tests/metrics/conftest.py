"""Two sentences of the festival voice slt at 24 kHz (EST-2003 licence): speech in which nothing is broken."""

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

HERE = Path(__file__).parent
sys.path.append(str(HERE.parents[1]))  # the recipes are run from the repository, not installed

RATE = 24_000
TEXTS = {"salad": "good people last ten china ben cow third", "sentence": "david is hungry and sara is tired"}


def read_speech(name: str) -> np.ndarray:
    wave, rate = soundfile.read(HERE / f"{name}.flac", dtype="float32")
    assert rate == RATE
    return np.asarray(wave)


@pytest.fixture(params=sorted(TEXTS))
def speech(request: pytest.FixtureRequest) -> np.ndarray:
    """float32 [n] at 24 kHz."""
    return read_speech(request.param)
