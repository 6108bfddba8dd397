"""The laws of a stream on an accelerator (`make test-gpu`); the whole to compare with is computed on the CPU.

    ANTIPHON_DEVICE=cuda pytest -m gpu
"""

import os
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from antiphon.nn.state import to
from tests.property.laws import LAWS
from tests.property.samples import SAMPLES, Sample

DEVICE = os.environ.get("ANTIPHON_DEVICE", "cuda")
ATOL = 1e-3  # between devices, products are summed in another order
CLAIMS = [(name, law) for name, sample in SAMPLES.items() for law in LAWS if law not in sample.excepted]


@pytest.fixture(autouse=True)
def on_the_device() -> Iterator[None]:
    try:
        torch.empty(1, device=DEVICE)
    except (RuntimeError, AssertionError) as error:
        pytest.skip(f"{DEVICE} is not there: {str(error).splitlines()[0]}")
    with torch.no_grad(), torch.device(DEVICE):
        yield


def on(device: str, name: str) -> tuple[Sample, Any]:
    """A sample whose module, inputs and states live on the device; what is drawn is drawn on the CPU."""
    sample = SAMPLES[name]
    with torch.device("cpu"):
        home = sample.build()
    module = deepcopy(home).to(device) if isinstance(home, nn.Module) else home

    def draw(batch: int, length: int, generator: torch.Generator) -> Tensor:
        with torch.device("cpu"):
            return sample.draw(batch, length, generator).to(device)

    def init(_: Any, batch: int) -> Any:
        with torch.device("cpu"):
            return to(sample.init(home, batch), device)

    def whole(_: Any, x: Tensor, cut: tuple[int, ...]) -> Tensor:
        with torch.device("cpu"):
            if sample.whole is not None:
                return sample.whole(home, x.cpu(), cut).to(device)
            return sample.join([home(x.cpu(), sample.init(home, 1), True)[0]]).to(device)

    return replace(sample, draw=draw, init=init, whole=whole, atol=max(sample.atol, ATOL)), module


@cache
def made(name: str) -> tuple[Sample, Any]:
    return on(DEVICE, name)


@pytest.mark.gpu
@pytest.mark.parametrize(("name", "law"), CLAIMS)
def test_law_on_the_device(name: str, law: str) -> None:
    sample, module = made(name)
    LAWS[law](sample, module)
