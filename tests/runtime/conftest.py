"""One random model for all tests of the runtime, and sound to ask it with."""

from pathlib import Path

import pytest
import torch

from antiphon.audio.wave import Audio
from antiphon.runtime.model import Model, load


def noise(seconds: float, seed: int = 0, rate: int = 16_000) -> Audio:
    """Quiet noise: a recording of any length."""
    generator = torch.Generator().manual_seed(seed)
    return Audio(0.05 * torch.randn(1, int(seconds * rate), generator=generator), rate)


@pytest.fixture(scope="session")
def model(random_model: Path) -> Model:
    return load(random_model)


@pytest.fixture(scope="session")
def clip() -> Audio:
    """Whose voice it is."""
    return noise(1.0, seed=9, rate=24_000)
