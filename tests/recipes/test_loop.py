"""The recipes' training loop: it learns, goes on from where it stopped, and does not train on nothing."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from recipes.nano import loop


def fit(model: nn.Linear) -> dict[str, Tensor]:
    x = torch.linspace(-1, 1, 32)[:, None]
    return {"error": (model(x).float() - 3 * x).square().mean()}


def test_it_learns_and_resumes(tmp_path: Path) -> None:
    model = nn.Linear(1, 1)
    before = fit(model)["error"].item()
    loop.train(tmp_path, model, lambda step: fit(model), minutes=0.003, lr=0.05, warm_up=5)
    first = loop.latest(tmp_path)
    assert first is not None and first["step"] > 0 and fit(model)["error"].item() < before
    again, steps = nn.Linear(1, 1), []

    def losses(step: int) -> dict[str, Tensor]:
        steps.append(step)
        return fit(again)

    loop.train(tmp_path, again, losses, minutes=0.005, lr=0.05)
    last = loop.latest(tmp_path)
    assert last is not None and steps[0] == first["step"] and last["spent"] > first["spent"]


def test_gradients_that_are_not_finite_end_the_run_and_change_nothing(tmp_path: Path) -> None:
    model = nn.Linear(1, 1)
    before = model.weight.detach().clone()
    with pytest.raises(SystemExit, match="not finite"):
        loop.train(tmp_path, model, lambda step: {"error": fit(model)["error"] * float("nan")}, minutes=1.0, lr=0.1)
    assert torch.equal(model.weight, before) and loop.latest(tmp_path) is None


def test_the_rate_warms_up_and_falls_to_its_floor() -> None:
    rates = [loop.rate_at(100, share / 10, warm_up=10, floor=0.05) for share in range(12)]
    assert rates == sorted(rates, reverse=True) and rates[0] == 1.0 and rates[-1] == pytest.approx(0.05)
    assert loop.rate_at(0, 0.0, warm_up=10, floor=0.05) == pytest.approx(0.1)
