"""The loop is measured against a loop that does the same: same model, same rows, same losses."""

from pathlib import Path

import pytest
import torch

from antiphon.train import measure
from antiphon.train.loop import Trainer
from antiphon.train.ranks import Ranks
from antiphon.train.run import Optimizer, Run, Schedule
from antiphon.train.stage import Place


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that are quickly read."""
    monkeypatch.setattr(measure, "LENGTH", 32)
    monkeypatch.setattr(measure, "ROWS", 2)
    monkeypatch.setattr(measure.Row, "__init__", lambda self, id: self.__dict__.update(id=id, size=32))


def test_both_loops_learn_the_same(tmp_path: Path) -> None:
    run = Run(
        name="measure",
        stage="antiphon.train.measure:ReadingStage",
        steps=3,
        micro_size=64,
        schedule=Schedule(kind="constant", warm_up=0),
        optimizer=Optimizer(betas=(0.9, 0.999)),
    )
    ours = Trainer(run, tmp_path / "ours", Ranks())
    stage = measure.ReadingStage(run, Place(device=torch.device("cpu"), folder=tmp_path, runs=tmp_path))
    stage.model.load_state_dict(ours.stage.model.state_dict())
    bare = measure.Bare(stage, run)
    for _ in range(2):
        ours.take_step()
        bare.take_step()
    before = measure.ReadingStage(run, stage.place).model.state_dict()
    for (name, one), two in zip(ours.stage.model.state_dict().items(), stage.model.state_dict().values(), strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=2e-5, msg=name)
    assert any(not torch.equal(t, before[n]) for n, t in stage.model.state_dict().items())


def test_its_figures() -> None:
    figures = measure.measure_training(steps=2)
    assert figures["tokens_per_step"] == 32 * 2 * 2
    assert figures["ratio"] > 0 and 0 < figures["share_of_peak"] < 1
    assert figures["tokens_per_s"] == pytest.approx(128 / figures["step_s"], rel=0.05)
